"""`seqproof seal`: record the hashes of all outs on the MLflow runs that made them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pipelines import console
from pipelines.config import params
from pipelines.console import Exit
from pipelines.lineage import lockfiles, snapshots
from pipelines.tracking import run_store
from pipelines.verification import output_hashes


def seal(as_json: bool = False) -> None:
    """Seal the runs of dvc.lock and of all experiments, and print a summary.

    Args:
        as_json: print JSON instead of text.

    Raises:
        UserError: there is no project, no dvc.lock or no tracking server.
        Exit: with 1, if there are findings.
    """
    root = console.root()
    params.load(root / "params.yaml")
    with run_store.exclusive_lock(root):
        summary = _record(root)
    if as_json:
        console.print_json({"ok": not summary.findings, **asdict(summary)})
        _exit(summary)
        return
    count = summary.new + summary.existing
    for line in (
        f"{count} stages are sealed, {summary.new} of them newly.",
        *summary.missing,
        *summary.findings,
    ):
        console.echo(line)
    _exit(summary)


def _exit(summary: output_hashes.RecordSummary) -> None:
    if summary.findings:
        raise Exit(1)


def _record(root: Path) -> output_hashes.RecordSummary:
    locks = lockfiles.lockfiles(root)
    with snapshots.open_snapshot(root) as snapshot:
        return output_hashes.record_outputs(
            locks,
            run_store.open_store(root),
            lambda entry: output_hashes.model_hash(snapshot, entry),
        )
