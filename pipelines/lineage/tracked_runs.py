"""MLflow runs from the view of lineage: which stage and which dvc.lock a run belongs to.

The classes of `tracking` fit the protocols; lineage does not import them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from pipelines.errors import UserError
from pipelines.lineage import lockfiles, run_tags
from pipelines.lineage.lockfiles import EVALUATION, TRAINING, Lockfile, stage_kind

MIN_DIGITS = 4  # of a run's id that identify it


class TrackedRun(Protocol):
    """A run of MLflow."""

    @property
    def id(self) -> str:
        """MLflow's id."""

    @property
    def short_id(self) -> str:
        """The first digits of the id."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def experiment(self) -> str:
        """Name of the MLflow experiment."""

    @property
    def tags(self) -> Mapping[str, str]:
        """All tags."""

    def input_hash(self, kind: str) -> str | None:
        """Return the input hash of the run's training or evaluation."""


RunT = TypeVar("RunT", bound=TrackedRun)


class TrackedRuns(Protocol[RunT]):
    """The runs of a project."""

    @property
    def runs(self) -> Sequence[RunT]:
        """All runs, the newest first."""

    def find(self, kind: str, input_hash: str) -> Sequence[RunT]:
        """Return the runs whose training or evaluation had these inputs, the newest first."""

    def read_text(self, run: RunT, path: str) -> str | None:
        """Return the content of a text artifact; None if it does not exist."""


def run_of_stage(
    stage: str, input_hash: str, runs: TrackedRuns[RunT], preferred: TrackedRun | None
) -> RunT | None:
    """Return the run that a stage made: the preferred run, the newest that ended, or the newest.

    Args:
        stage: its name.
        input_hash: of its inputs.
        runs: of the project.
        preferred: a run that the user asked for.
    """
    kind = stage_kind(stage)
    matches = runs.find(kind, input_hash) if kind else []
    for run in matches:
        if preferred is not None and run.id == preferred.id:
            return run
    ended = [run for run in matches if run_tags.MODEL_HASH in run.tags]
    return next(iter([*ended, *matches]), None)


def recorded_outs(run: TrackedRun, kind: str) -> str | None:
    """Return the hashes of a stage's outs that `seqproof seal` recorded on its run, as JSON.

    Returns:
        None if nothing was recorded, or if the model was trained or evaluated again since.
    """
    input_hash = run.input_hash(kind)
    if run.tags.get(run_tags.SEALED.format(kind), input_hash) != input_hash:
        return None
    return run.tags.get(run_tags.OUTS.format(kind))


def find_run(prefix: str, runs: Sequence[RunT]) -> RunT | None:
    """Return the run whose id begins with a prefix; for a run of a seed group that of the group.

    Raises:
        UserError: several runs have this prefix.
    """
    if len(prefix) < MIN_DIGITS:
        return None
    matches = [run for run in runs if run.id.startswith(prefix)]
    if len(matches) > 1:
        raise UserError(f"{len(matches)} runs have ids that begin with '{prefix}'. Add digits.")
    if not matches:
        return None
    parent = matches[0].tags.get(run_tags.PARENT)
    return next((run for run in runs if run.id == parent), matches[0])


def find_lockfile(run: TrackedRun, root: Path) -> tuple[Lockfile, str] | None:
    """Return the first dvc.lock with the inputs of a run, and the run's last stage in it.

    The dvc.lock files of the workspace, its commit, the experiments and the run's own commit are
    searched, then those of all commits.
    """
    locks = lockfiles.lockfiles(root)
    commit = run.tags.get(run_tags.COMMIT, "none")
    if commit not in ("none", *(lock.commit for lock in locks)):
        lock = lockfiles.at_revision(root, commit, f"commit {commit[: lockfiles.SHORT]}")
        locks += [lock] if lock else []
    for kind in (EVALUATION, TRAINING):
        stage = _stage_of(run, kind, locks)
        if stage is not None:
            return stage
    for kind in (EVALUATION, TRAINING):
        # The commit that added a recorded out has its stage; else all commits are read.
        outs = json.loads(recorded_outs(run, kind) or "{}")
        if run.input_hash(kind) is not None:
            history = lockfiles.history(root, next(iter(outs.values()), ""))
            stage = _stage_of(run, kind, history)
            if stage is not None:
                return stage
    return None


def _stage_of(run: TrackedRun, kind: str, locks: Iterable[Lockfile]) -> tuple[Lockfile, str] | None:
    """Return the first dvc.lock with the inputs of a part of a run, and its stage."""
    for lock in locks:
        for stage, entry in lock.entries.items():
            if stage_kind(stage) == kind and entry.inputs.input_hash == run.input_hash(kind):
                return lock, stage
    return None
