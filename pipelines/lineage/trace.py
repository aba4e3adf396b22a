"""Trace results through the graph: the stages upstream and downstream, their files and runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import console, paths
from pipelines.lineage import git, run_tags, tracked_runs
from pipelines.lineage.lockfiles import EVALUATION, SHORT, Lockfile, instance, stage_kind
from pipelines.lineage.snapshots import ProjectSnapshot
from pipelines.lineage.stage_graph import StageGraph
from pipelines.lineage.stages import LockedStage
from pipelines.lineage.targets import Target
from pipelines.lineage.tracked_runs import RunT, TrackedRun, TrackedRuns

UNCHANGED, MODIFIED, MISSING = "unchanged", "modified", "missing"  # against dvc.lock
UPSTREAM, TARGET, DOWNSTREAM = "upstream", "target", "downstream"


@dataclass(frozen=True)
class TracedFile:
    """A file or folder of dvc.lock.

    Attributes:
        path: relative to the project's root.
        md5: its hash in dvc.lock; empty if the stage never ran.
        state: of the workspace: unchanged, modified or missing.
        cached: whether DVC's cache has it; None for a file that is in Git.
        metrics: test metrics, if it is a metrics file.
    """

    path: str
    md5: str
    state: str
    cached: bool | None
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class TracedStage:
    """A stage of a trace.

    Attributes:
        stage: its name.
        part: upstream, target or downstream.
        source: the source of a corpus in params.yaml, with the sha256 of its files.
        deps: dependencies that no stage writes: code, and the user's own files.
        outs: files and folders that it writes.
        run: the MLflow run that it made.
    """

    stage: str
    part: str
    source: Mapping[str, Any]
    deps: tuple[TracedFile, ...]
    outs: tuple[TracedFile, ...]
    run: Mapping[str, str]


@dataclass(frozen=True)
class Trace:
    """All stages that a target depends on and that depend on it.

    Attributes:
        target: a description of it.
        path: of the target, if it is a file or folder.
        location: the commit or experiment of its dvc.lock; empty for the workspace.
        stages: in topological order.
        problems: missing and modified files and runs, one sentence each.
    """

    target: str
    path: str | None
    location: str
    stages: tuple[TracedStage, ...]
    problems: tuple[str, ...]


def trace(
    target: Target, root: Path, workspace: ProjectSnapshot, runs: TrackedRuns[RunT] | None
) -> Trace:
    """Trace a target through the graph of its dvc.lock.

    Args:
        target: where to start.
        root: the project's root.
        workspace: the project in its workspace.
        runs: of the project; None if the tracking server is unreachable.
    """
    lock, graph = target.lock, target.graph
    if lock is None:
        return Trace(target.description, None, "", (), (_no_lockfile(target.run),))
    # Downstream of a single out are only the stages that read this out.
    consumers = graph.consumers(target.path) if target.path else graph.descendants(target.stages)
    parts = dict.fromkeys([*consumers, *graph.descendants(consumers)], DOWNSTREAM)
    parts |= dict.fromkeys(graph.ancestors(target.stages), UPSTREAM)
    parts |= dict.fromkeys(target.stages, TARGET)
    names = [name for name in graph.order if name in parts]
    builder = LineageBuilder(lock, graph, root, workspace, runs, target.run)
    stages: list[TracedStage] = []
    problems: list[str] = []
    with console.progress("trace", len(names), "stages", lines=False) as bar:
        for name in names:
            stages.append(builder.stage(name, parts[name]))
            problems += builder.problems(stages[-1])
            bar.advance(1, name)
    return Trace(target.description, target.path, lock.location, tuple(stages), tuple(problems))


@dataclass(frozen=True)
class LineageBuilder:
    """Combines a dvc.lock with the workspace and the runs."""

    lock: Lockfile
    graph: StageGraph
    root: Path
    workspace: ProjectSnapshot
    runs: TrackedRuns[Any] | None
    preferred_run: TrackedRun | None

    def stage(self, name: str, part: str) -> TracedStage:
        """Return a stage with its files and its run."""
        entry, definition = self.lock.entries.get(name), self.workspace.stages.get(name)
        if entry is None:
            outs = tuple(
                TracedFile(path, "", MISSING, None, {})
                for path in (definition.outs if definition else ())
            )
            return TracedStage(name, part, {}, (), outs, {})
        deps = tuple(
            self._file(path, md5, False)
            for path, md5 in entry.deps.items()
            if not self.graph.producers(path)
        )
        outs = tuple(
            self._file(path, md5, definition is None or definition.outs.get(path, True))
            for path, md5 in entry.outs.items()
        )
        sources = [value for key, value in entry.inputs.params.items() if key.endswith(".source")]
        source = sources[0] if name.startswith("fetch@") and sources else {}
        return TracedStage(name, part, source, deps, outs, self._run(name, entry))

    def _file(self, path: str, md5: str, cacheable: bool) -> TracedFile:
        content = self.workspace.file_hash(path)
        state = MISSING if content is None else UNCHANGED if content.md5 == md5 else MODIFIED
        members = self.workspace.members(md5).values() if cacheable and md5.endswith(".dir") else ()
        objects = [self.workspace.cache_path(item) for item in (md5, *members)]
        cached = all(item.is_file() for item in objects) if cacheable else None
        return TracedFile(path, md5, state, cached, self._metrics(path))

    def _metrics(self, path: str) -> dict[str, float]:
        """Return the test metrics in a metrics file, as the commit of the dvc.lock has it."""
        if not any(
            path == paths.metrics(instance(stage)).as_posix()
            for stage in self.lock.entries
            if stage_kind(stage) == EVALUATION
        ):
            return {}
        commit = self.lock.commit
        text = git.text_at(self.root, commit, path) if commit else self.workspace.text(path)
        try:
            metrics = json.loads(text or "{}")
            numbers = {
                key: value for key, value in metrics.items() if isinstance(value, int | float)
            }
            return {key: value for key, value in numbers.items() if key.startswith("test_")}
        except (ValueError, AttributeError):
            return {}

    def _run(self, name: str, entry: LockedStage) -> dict[str, str]:
        kind = stage_kind(name)
        if self.runs is None or kind is None:
            return {}
        run = tracked_runs.run_of_stage(
            name, entry.inputs.input_hash, self.runs, self.preferred_run
        )
        if run is None:
            return {}
        outs = tracked_runs.recorded_outs(run, kind)
        same = outs == entry.outs_json
        return {
            "id": run.id,
            "name": run.name,
            "experiment": run.experiment,
            "commit": run.tags.get(run_tags.COMMIT, "none"),
            "dirty": run.tags.get(run_tags.DIRTY, "none"),
            "locks": run.tags.get(run_tags.LOCKS, ""),
            "sealed": "no" if outs is None else "yes" if same else "with different outs",
        }

    def problems(self, traced: TracedStage) -> Iterator[str]:
        """Yield missing and modified files and missing runs of a stage.

        Files of the workspace are only compared with the dvc.lock of the workspace.
        """
        stage = traced.stage
        if stage not in self.lock.entries:
            yield f"{stage} never ran. Run `seqproof run {stage}`."
            return
        in_workspace = self.lock.commit is None
        for file in traced.outs if in_workspace else ():
            if file.state == MISSING:
                command = f"dvc checkout {file.path}" if file.cached else f"dvc repro {stage}"
                yield f"{file.path} is missing. Run `{command}`."
            elif file.state == MODIFIED:
                yield f"{file.path} was modified after {stage} wrote it. Run `seqproof verify`."
        for file in traced.deps if in_workspace else ():
            if file.state != UNCHANGED:
                yield f"{file.path} is {file.state} since {stage} read it. Run `seqproof run`."
        for file in traced.outs:
            if file.cached is False:
                yield f"{file.path} ({file.md5[:SHORT]}) is missing from DVC's cache."
        if self.runs and stage_kind(stage) and not traced.run:
            yield f"No MLflow run has the inputs of {stage}."


def _no_lockfile(run: TrackedRun | None) -> str:
    short, tags = (run.short_id, run.tags) if run else ("", {})
    commit = tags.get(run_tags.COMMIT, "none")[:SHORT]
    return (
        f"No dvc.lock of the workspace, of commit {commit} or of an experiment has the inputs of "
        f"run {short}. The run's artifacts below provenance/ in MLflow list them."
    )
