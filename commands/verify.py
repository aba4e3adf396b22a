"""`seqproof verify`: whether all that a result comes from is what it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import console, params
from pipelines.console import Exit
from pipelines.errors import Refusal
from pipelines.proof import subjects, verdicts
from pipelines.proof.subjects import Subject
from pipelines.schema.sentences import nearest
from pipelines.tracking import ledger, versions
from pipelines.tracking.ledger import Ledger
from pipelines.tracking.versions import Version


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
        raise Refusal(f"This seqproof has no level {level}; known: {_levels()}.")
    kept = ledger.of_project(root)
    with versions.opened(root) as here:
        names = list(models) if what is None else [what]
        found = [_verified(name, name in models, root, here, kept, level) for name in names]
    if any(shown for _, shown in found):
        console.note("`dvc repro report` puts it on the page.")
    if not all(sound for sound, _ in found):
        raise Exit(1)


def _verified(
    name: str, model: bool, root: Path, here: Version, kept: Ledger, level: int
) -> tuple[bool, bool]:
    """Whether there is no finding, and whether the report can show it."""
    with _subject(name, model, root, here, kept) as subject:
        verdict = verdicts.judge(subject, level)
        attached = verdicts.attach(subject, verdict)
        shown = verdicts.keep(subject, verdict, root) is not None
    where = f" in {subject.place}" if subject.place else ""
    console.note(f"{subject.model}{where}: {verdict.verdict}, {len(subject.stages)} stages")
    for remark in verdict.remarks:
        console.note(f"  {remark}")
    for finding in verdict.findings:
        console.note(f"  {finding}")
    if not attached:
        console.note("  No run is there to put this on.")
    return not verdict.findings, shown


@contextmanager
def _subject(name: str, model: bool, root: Path, here: Version, kept: Ledger) -> Iterator[Subject]:
    if model:
        yield subjects.of_model(name, here, kept)
        return
    if subjects.the_run(name, kept) is None:
        models = params.load(root / "params.yaml").models
        raise Refusal(f"'{name}' is neither a model nor a run{nearest(name, models)}.")
    with subjects.of_run(name, root, here, kept) as subject:
        yield subject


def _levels() -> str:
    return ", ".join(str(level) for level in sorted(verdicts.LEVELS))
