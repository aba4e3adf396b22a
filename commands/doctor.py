"""`seqproof doctor`: check this machine, the project, and that training is deterministic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines import console
from pipelines.diagnostics.diagnostic import Checks, Diagnostic, one_line

SILENT_BAR = console.Progress(lambda amount, remark: None)


def doctor(quick: bool, as_json: bool) -> None:
    """Run all checks and print their results group by group, or at the end as JSON.

    Args:
        quick: skip the checks of determinism.
        as_json: print only JSON.

    Raises:
        Exit: a check failed; the exit code is 1.
    """
    rows: list[dict[str, Any]] = []
    for group, checks in _groups(quick):
        with nullcontext(SILENT_BAR) if as_json else _bar(group, checks) as bar:
            diagnostics = _run_checks(checks, bar)
        rows += [
            {"group": group, "check": name, **asdict(diagnostic)}
            for name, diagnostic in diagnostics.items()
        ]
        if not as_json:
            _print_group(group, diagnostics)
    statuses = [row["status"] for row in rows]
    if as_json:
        console.print_json({"ok": "failed" not in statuses, "checks": rows})
    else:
        console.echo(_summary(statuses.count("failed"), statuses.count("warning")))
    if "failed" in statuses:
        raise console.Exit(1)


def _groups(quick: bool) -> Iterator[tuple[str, Checks]]:
    """Yield the groups of checks of the current folder, each after the previous one has run."""
    from pipelines.diagnostics import machine, project, versions

    root = Path()
    yield "versions", versions.checks(root / "requirements.lock")
    yield "machine", machine.checks(root)
    yield "project", project.checks(root)
    if not quick:
        try:
            with console.quiet_imports():
                from pipelines.diagnostics import determinism
        except ImportError:
            return  # TensorFlow cannot be imported: the checks of the machine report it
        yield "determinism", determinism.checks()


def _bar(group: str, checks: Checks) -> AbstractContextManager[console.Progress]:
    return console.progress(group, len(checks), "checks")


def _run_checks(checks: Checks, bar: console.Progress) -> dict[str, Diagnostic]:
    diagnostics = {}
    for name, check in checks.items():
        try:
            diagnostics[name] = check()
        except ImportError as error:  # the installation is broken
            fix = "delete .venv and run `make install`"
            diagnostics[name] = Diagnostic(f"import failed: {one_line(error)}", "failed", fix)
        bar.advance(1, name)
    return diagnostics


def _print_group(group: str, diagnostics: dict[str, Diagnostic]) -> None:
    console.echo(group)
    width = max(map(len, diagnostics))
    for name, diagnostic in diagnostics.items():
        fix = f". To fix: {diagnostic.fix}" if diagnostic.fix else ""
        console.echo(f"  {diagnostic.status:<7}  {name:<{width}}  {diagnostic.message}{fix}")


def _summary(failed: int, warnings: int) -> str:
    warning_count = f"{warnings} warning{'' if warnings == 1 else 's'}"
    plural = "" if failed == 1 else "s"
    return f"{failed or 'No'} check{plural} failed, {warning_count}."
