"""`seqproof verify`: check that a result and everything it depends on are unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from pipelines import console
from pipelines.config import params
from pipelines.console import Exit
from pipelines.errors import UserError, suggest
from pipelines.lineage import snapshots, tracked_runs
from pipelines.lineage.snapshots import ProjectSnapshot
from pipelines.tracking import run_store
from pipelines.tracking.run_store import RunStore
from pipelines.verification import verify as verification
from pipelines.verification import verify_targets
from pipelines.verification.verify import Verdict
from pipelines.verification.verify_targets import VerifyTarget


def verify(name: str | None, level: int, as_json: bool = False) -> None:
    """Verify a model, a run, or all models of the workspace.

    Args:
        name: a model of params.yaml, or the beginning of a run's id; None for all models.
        level: 0 compares hashes, 1 repeats first training steps, 2 runs all stages again.
        as_json: print JSON instead of text.

    Raises:
        UserError: there is no such model or run, or no such level.
        Exit: with 1, if there are findings.
    """
    root = console.root()
    models = params.load(root / "params.yaml").models
    if level not in verification.LEVELS:
        levels = ", ".join(str(number) for number in sorted(verification.LEVELS))
        raise UserError(f"There is no level {level}; levels are {levels}.")
    runs = run_store.open_store(root)
    with console.only_json(as_json), snapshots.open_snapshot(root) as workspace:
        names = list(models) if name is None else [name]
        results = [_verify(name, name in models, root, workspace, runs, level) for name in names]
        if any(result.saved for result in results):
            console.echo("Run `seqproof run report` to show the verdict in the report.")
    passed = not any(result.verdict.findings for result in results)
    if as_json:
        verdicts = [
            asdict(result.verdict) | {"location": result.location, "logged": result.logged}
            for result in results
        ]
        console.print_json({"ok": passed, "verdicts": verdicts})
    if not passed:
        raise Exit(1)


class _Result(NamedTuple):
    """Verdict on a model, and where it is recorded.

    Attributes:
        verdict: the verdict.
        location: of a model that is not the workspace's.
        logged: True if the run in MLflow has it.
        saved: True if the report can show it.
    """

    verdict: Verdict
    location: str
    logged: bool
    saved: bool


def _verify(
    name: str, is_model: bool, root: Path, workspace: ProjectSnapshot, runs: RunStore, level: int
) -> _Result:
    """Verify a model, and print the verdict."""
    with _open_target(name, is_model, root, workspace, runs) as target:
        verdict = verification.verify(target, level)
        logged = verification.log_to_run(target, verdict)
        saved = verification.save(target, verdict, root) is not None
    location = f" in {target.location}" if target.location else ""
    console.echo(f"{target.model}{location}: {verdict.verdict}, {len(target.stages)} stages")
    for line in (*verdict.remarks, *verdict.findings):
        console.echo(f"  {line}")
    if not logged:
        stage = target.stages[-1]
        console.echo(f"  The verdict was not logged: no MLflow run has the inputs of {stage}.")
    return _Result(verdict, target.location, logged, saved)


@contextmanager
def _open_target(
    name: str, is_model: bool, root: Path, workspace: ProjectSnapshot, runs: RunStore
) -> Iterator[VerifyTarget]:
    if is_model:
        yield verify_targets.of_model(name, workspace, runs)
        return
    run = tracked_runs.find_run(name, runs.runs)
    if run is None:
        models = params.load(root / "params.yaml").models
        raise UserError(f"'{name}' is neither a model nor a run{suggest(name, models)}.")
    with verify_targets.of_run(run, root, workspace, runs) as target:
        yield target
