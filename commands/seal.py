"""`seqproof seal`: the hashes of what DVC keeps, on the runs that made it."""

from __future__ import annotations

from pathlib import Path

from pipelines import console, params
from pipelines.console import Exit
from pipelines.proof import chain, seals
from pipelines.tracking import ledger, versions


def seal() -> None:
    """Seal the runs of dvc.lock and of all experiments, and say in one line what that came to.

    Raises:
        Refusal: there is no project, no dvc.lock or no server.
        Exit: with 1, if there is a finding.
    """
    root = console.root()
    params.load(root / "params.yaml")
    with ledger.alone(root):
        outcome = _sealed(root)
    said = (
        f"{outcome.new + outcome.known} stages are sealed by their runs, {outcome.new} of them now."
    )
    for line in (said, *outcome.missing, *outcome.findings):
        console.note(line)
    if outcome.findings:
        raise Exit(1)


def _sealed(root: Path) -> seals.Outcome:
    locks = chain.every(root)
    with versions.opened(root) as version:
        return seals.seal(
            locks, ledger.of_project(root), lambda entry: seals.model_hash(version, entry)
        )
