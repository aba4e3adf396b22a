"""`seqproof doctor`: whether this machine is fit to train, and to train the same twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines import console, files
from pipelines.diagnostics.results import Checks, Diagnostic, one_line

SILENT = console.Progress(lambda amount, remark: None)


def doctor(quick: bool, as_json: bool) -> None:
    """Look at everything, and say it group by group, or at the end as JSON.

    Args:
        quick: leave determinism out.
        as_json: nothing but JSON, for programs.

    Raises:
        Exit: with 1, if a check failed.
    """
    rows: list[dict[str, Any]] = []
    for group, checks in _groups(quick):
        with nullcontext(SILENT) if as_json else _bar(group, checks) as bar:
            found = _found(checks, bar)
        rows += [{"group": group, "check": name, **asdict(one)} for name, one in found.items()]
        if not as_json:
            _say(group, found)
    marks = [row["mark"] for row in rows]
    if as_json:
        console.echo(files.dump_json({"fit": "failed" not in marks, "checks": rows}).rstrip())
    else:
        console.echo(_verdict(marks.count("failed"), marks.count("warning")))
    if "failed" in marks:
        raise console.Exit(1)


def _groups(quick: bool) -> Iterator[tuple[str, Checks]]:
    """The checks of the current folder, each group made when it is its turn."""
    from pipelines.diagnostics import machine, project, versions

    root = Path()
    yield "versions", versions.checks(root / "requirements.lock")
    yield "machine", machine.checks(root)
    yield "project", project.checks(root / "params.yaml", root / "dvc.yaml", root / "dvc.lock")
    if not quick:
        try:
            with console.quiet_imports():
                from pipelines.diagnostics import determinism
        except ImportError:
            return  # TensorFlow's, which the checks of the machine have said
        yield "determinism", determinism.checks()


def _bar(group: str, checks: Checks) -> AbstractContextManager[console.Progress]:
    return console.progress(group, len(checks), "checks")


def _found(checks: Checks, bar: console.Progress) -> dict[str, Diagnostic]:
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check()
        except ImportError as error:  # of a broken installation
            mend = "delete .venv and run `make install`"
            found[name] = Diagnostic(f"not known: {one_line(error)}", "failed", mend)
        bar.advance(1, name)
    return found


def _say(group: str, found: dict[str, Diagnostic]) -> None:
    console.echo(group)
    width = max(map(len, found))
    for name, one in found.items():
        mend = f". To mend: {one.mend}" if one.mend else ""
        console.echo(f"  {one.mark:<7}  {name:<{width}}  {one.found}{mend}")


def _verdict(failed: int, warnings: int) -> str:
    counted = f"{warnings} warning{'' if warnings == 1 else 's'}"
    if failed:
        return f"This machine is not fit: {failed} failed, {counted}."
    return f"This machine is fit{f', with {counted}' if warnings else ''}."
