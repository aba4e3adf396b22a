"""`seqproof verify`: whether all that a result comes from is what it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import console
from pipelines.config import params
from pipelines.console import Exit
from pipelines.errors import UserError, suggest
from pipelines.lineage import snapshots
from pipelines.lineage.snapshots import Snapshot
from pipelines.tracking import run_store
from pipelines.tracking.run_store import RunStore
from pipelines.verification import verify as verdicts
from pipelines.verification import verify_targets
from pipelines.verification.verify_targets import VerifyTarget


def verify(what: str | None, level: int) -> None:
    """Check one model or run, or all models of the project's folder.

    Args:
        what: a model of params.yaml, or the beginning of a run's id; None for all models.
        level: how deep to look.

    Raises:
        Refusal: nothing is called so, or the level is not there.
        Exit: with 1, if there is a finding.
    """
    root = console.root()
    models = params.load(root / "params.yaml").models
    if level not in verdicts.LEVELS:
        raise UserError(f"This seqproof has no level {level}; known: {_levels()}.")
    kept = run_store.open_store(root)
    with snapshots.opened(root) as here:
        names = list(models) if what is None else [what]
        found = [_verified(name, name in models, root, here, kept, level) for name in names]
    if any(shown for _, shown in found):
        console.echo("`dvc repro report` puts it on the page.")
    if not all(sound for sound, _ in found):
        raise Exit(1)


def _verified(
    name: str, model: bool, root: Path, here: Snapshot, kept: RunStore, level: int
) -> tuple[bool, bool]:
    """Whether there is no finding, and whether the report can show it."""
    with _subject(name, model, root, here, kept) as subject:
        verdict = verdicts.verify(subject, level)
        attached = verdicts.log_to_run(subject, verdict)
        shown = verdicts.save(subject, verdict, root) is not None
    where = f" in {subject.place}" if subject.place else ""
    console.echo(f"{subject.model}{where}: {verdict.verdict}, {len(subject.stages)} stages")
    for remark in verdict.remarks:
        console.echo(f"  {remark}")
    for finding in verdict.findings:
        console.echo(f"  {finding}")
    if not attached:
        console.echo("  No run is there to put this on.")
    return not verdict.findings, shown


@contextmanager
def _subject(
    name: str, model: bool, root: Path, here: Snapshot, kept: RunStore
) -> Iterator[VerifyTarget]:
    if model:
        yield verify_targets.of_model(name, here, kept)
        return
    if verify_targets.find_run(name, kept) is None:
        models = params.load(root / "params.yaml").models
        raise UserError(f"'{name}' is neither a model nor a run{suggest(name, models)}.")
    with verify_targets.of_run(name, root, here, kept) as subject:
        yield subject


def _levels() -> str:
    return ", ".join(str(level) for level in sorted(verdicts.LEVELS))
