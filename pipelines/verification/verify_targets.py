"""Targets of `seqproof verify`: a model, everything that it depends on, and its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UserError
from pipelines.lineage import snapshots, tracked_runs
from pipelines.lineage.lockfiles import evaluation_of, instance
from pipelines.lineage.snapshots import ProjectSnapshot
from pipelines.lineage.stage_graph import StageGraph
from pipelines.lineage.stages import LockedStage
from pipelines.tracking.run_store import RunRecord, RunStore


@dataclass(frozen=True)
class VerifyTarget:
    """A model to verify.

    Attributes:
        model: its name.
        location: the commit or experiment of its dvc.lock; empty for the workspace.
        snapshot: the project there.
        graph: all stages there.
        stages: those that the model and its metrics depend on, in topological order.
        runs: of the project.
        run: the run that the user asked for; None for the newest with the same inputs.
    """

    model: str
    location: str
    snapshot: ProjectSnapshot
    graph: StageGraph
    stages: tuple[str, ...]
    runs: RunStore
    run: RunRecord | None

    @property
    def entries(self) -> Mapping[str, LockedStage]:
        """Stages of dvc.lock by name."""
        return self.snapshot.locked

    def run_of(self, stage: str) -> RunRecord | None:
        """Return the run that a stage made, according to the inputs in dvc.lock."""
        entry = self.entries.get(stage)
        if entry is None:
            return None
        return tracked_runs.run_of_stage(stage, entry.inputs.input_hash, self.runs, self.run)

    def repro_command(self, stage: str) -> str:
        """Return the command that runs a stage again, for messages."""
        command = f"`seqproof run {stage}`"
        return f"{command} in {self.location}" if self.location else command


def of_model(name: str, snapshot: ProjectSnapshot, runs: RunStore) -> VerifyTarget:
    """Return a model of the workspace with its evaluation.

    Raises:
        UserError: no stage evaluates the model.
    """
    # Stages of dvc.yaml come first: dvc.lock keeps those that an edit of params.yaml removed.
    stage = evaluation_of(name, [*snapshot.stages, *snapshot.locked])
    if stage is None:
        raise UserError(f"dvc.yaml has no stage that evaluates the model '{name}'.")
    return _target(name, stage, "", snapshot, runs, None)


@contextmanager
def of_run(
    run: RunRecord, root: Path, workspace: ProjectSnapshot, runs: RunStore
) -> Iterator[VerifyTarget]:
    """Open the model of a run, in the first dvc.lock that has the run's inputs.

    Args:
        run: of a training or an evaluation.
        root: the project's root.
        workspace: the project in its workspace.
        runs: of the project.

    Raises:
        UserError: no dvc.lock has the run's inputs.
    """
    match = tracked_runs.find_lockfile(run, root)
    if match is None:
        raise UserError(
            f"No dvc.lock of the workspace, of a commit or of an experiment has the inputs of run "
            f"{run.short_id} ({run.name}). Fetch the branch that has them, or check out the "
            "commit of the run and run `seqproof run`."
        )
    lock, stage = match
    if lock.commit is None:
        yield _target(instance(stage), stage, "", workspace, runs, run)
        return
    with snapshots.open_snapshot(root, lock.commit) as snapshot:
        yield _target(instance(stage), stage, lock.location, snapshot, runs, run)


def _target(
    model: str,
    stage: str,
    location: str,
    snapshot: ProjectSnapshot,
    runs: RunStore,
    run: RunRecord | None,
) -> VerifyTarget:
    graph = StageGraph(snapshot.stages, snapshot.locked)
    stages = (*graph.ancestors([stage]), stage)
    return VerifyTarget(model, location, snapshot, graph, stages, runs, run)
