"""`seqproof seal`: the hashes of what DVC keeps, on the runs that made it."""

from __future__ import annotations

from pathlib import Path

from pipelines import console
from pipelines.config import params
from pipelines.console import Exit
from pipelines.lineage import lockfiles, snapshots
from pipelines.tracking import run_store
from pipelines.verification import output_hashes


def seal() -> None:
    """Seal the runs of dvc.lock and of all experiments, and say in one line what that came to.

    Raises:
        Refusal: there is no project, no dvc.lock or no server.
        Exit: with 1, if there is a finding.
    """
    root = console.root()
    params.load(root / "params.yaml")
    with run_store.exclusive_lock(root):
        outcome = _sealed(root)
    said = (
        f"{outcome.new + outcome.known} stages are sealed by their runs, {outcome.new} of them now."
    )
    for line in (said, *outcome.missing, *outcome.findings):
        console.echo(line)
    if outcome.findings:
        raise Exit(1)


def _sealed(root: Path) -> output_hashes.RecordSummary:
    locks = lockfiles.lockfiles(root)
    with snapshots.opened(root) as version:
        return output_hashes.record_outputs(
            locks,
            run_store.open_store(root),
            lambda entry: output_hashes.model_hash(version, entry),
        )
