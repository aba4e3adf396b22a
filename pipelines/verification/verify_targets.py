"""What is verified: a model with all that it comes from, in one dvc.lock, and its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UserError
from pipelines.lineage import dvc_project, lockfiles, snapshots
from pipelines.lineage.lockfiles import EVALUATION, TRAINING, Lockfile, chain_of, stage_kind
from pipelines.lineage.snapshots import Snapshot
from pipelines.lineage.stage_graph import StageGraph
from pipelines.tracking import runs
from pipelines.tracking.run_store import RunRecord, RunStore

LEAST = 4  # digits of a run's id that mean it


@dataclass(frozen=True)
class VerifyTarget:
    """A model whose chain is checked.

    Attributes:
        model: its name.
        place: where its dvc.lock stands, in words; empty for the project's folder.
        version: the project there.
        chain: all stages there.
        stages: those that the model and its metrics come from, in walking order.
        ledger: the runs.
        run: the one that was asked for; None for the newest that fits.
    """

    model: str
    place: str
    version: Snapshot
    chain: StageGraph
    stages: tuple[str, ...]
    ledger: RunStore
    run: RunRecord | None

    @property
    def entries(self) -> Mapping[str, dvc_project.LockedStage]:
        """What dvc.lock says of each stage."""
        return self.version.locked

    def run_of(self, stage: str) -> RunRecord | None:
        """The run that a stage made: it read what dvc.lock has."""
        work, entry = stage_kind(stage), self.entries.get(stage)
        if work is None or entry is None:
            return None
        found = self.ledger.find(work, entry.inputs.key)
        ended = [run for run in found if runs.MODEL_HASH in run.tags]
        asked = [run for run in found if self.run is not None and run.id == self.run.id]
        return next(iter([*asked, *ended, *found]), None)

    def again(self, stage: str) -> str:
        """What to type so that a stage runs again."""
        command = f"`dvc repro {stage}`"
        return f"{command} in {self.place}" if self.place else command


def of_model(name: str, version: Snapshot, ledger: RunStore) -> VerifyTarget:
    """A model of the project's folder, up to its evaluation."""
    return _subject(name, f"evaluate@{name}", "", version, ledger, None)


@contextmanager
def of_run(given: str, root: Path, here: Snapshot, ledger: RunStore) -> Iterator[VerifyTarget]:
    """The model of a run, in the first dvc.lock that has what the run read.

    Args:
        given: the beginning of its id.
        root: the project's root.
        here: the project in its folder.
        ledger: the runs.

    Raises:
        Refusal: there is no such run, or it is in no dvc.lock at hand.
    """
    run = find_run(given, ledger)
    if run is None:
        raise UserError(f"MLflow has no run whose id begins with '{given}'.")
    found = find_lockfile(run, root)
    if found is None:
        raise UserError(
            f"Run {run.short_id} ({run.name}) read what no dvc.lock at hand has, neither here nor "
            "in its commit nor in an experiment: check out what it was made of, and `dvc repro`."
        )
    lock, stage = found
    model = stage.partition("@")[2]
    if lock.commit is None:
        yield _subject(model, stage, "", here, ledger, run)
        return
    with snapshots.opened(root, lock.commit) as there:
        yield _subject(model, stage, lock.place, there, ledger, run)


def find_run(given: str, ledger: RunStore) -> RunRecord | None:
    """The run whose id begins so; of a member of a group the group's, which has its proofs.

    Raises:
        Refusal: several do.
    """
    found = [run for run in ledger.runs if run.id.startswith(given)] if len(given) >= LEAST else []
    if len(found) > 1:
        raise UserError(f"{len(found)} runs have ids that begin with '{given}': give more of it.")
    if not found:
        return None
    above = found[0].tags.get(runs.PARENT)
    return next((run for run in ledger.runs if run.id == above), found[0])


def find_lockfile(run: RunRecord, root: Path) -> tuple[Lockfile, str] | None:
    """The first dvc.lock that has what a run read, and its last stage there: in the folder, in
    the commits and experiments, and in the commit that the run was made at."""
    locks = lockfiles.lockfiles(root)
    commit = run.tags.get(runs.GIT, "none")
    if commit not in ("none", *(lock.commit for lock in locks)):
        own = lockfiles.at_revision(root, commit, f"commit {commit[: lockfiles.SHORT]}")
        locks += [own] if own else []
    for work in (EVALUATION, TRAINING):
        for lock in locks:
            for stage, entry in lock.entries.items():
                if stage_kind(stage) == work and entry.inputs.key == run.input_hash(work):
                    return lock, stage
    return None


def _subject(
    model: str, last: str, place: str, version: Snapshot, ledger: RunStore, run: RunRecord | None
) -> VerifyTarget:
    linked = chain_of(version.locked, version.stages)
    return VerifyTarget(model, place, version, linked, (*linked.above([last]), last), ledger, run)
