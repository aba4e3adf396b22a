"""Targets of `seqproof trace` and `compare`: files, stages, models, hashes, runs and commits."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UserError
from pipelines.lineage import dvc_project, lockfiles, tracked_runs
from pipelines.lineage.lockfiles import Lockfile, instance, stage_kind, truncated
from pipelines.lineage.snapshots import ProjectSnapshot
from pipelines.lineage.stage_graph import StageGraph, within
from pipelines.lineage.tracked_runs import RunT, TrackedRun, TrackedRuns

MIN_DIGITS = 6  # of an MD5 that identify a file


@dataclass(frozen=True)
class Target:
    """The meaning of an argument of `trace` or `compare`.

    Attributes:
        description: for messages.
        lock: the dvc.lock that has the target; None for a run that no dvc.lock has.
        graph: all stages of that dvc.lock.
        stages: the stages that made the target, or that it is; empty for a file that no stage made.
        path: the file or folder, if it is one.
        run: the run, if it is one.
    """

    description: str
    lock: Lockfile | None
    graph: StageGraph
    stages: tuple[str, ...]
    path: str | None = None
    run: TrackedRun | None = None


def resolve(
    text: str, root: Path, workspace: ProjectSnapshot, runs: TrackedRuns[RunT] | None
) -> Target:
    """Find the target that a user named.

    Args:
        text: as the user typed it.
        root: the project's root.
        workspace: the project in its workspace.
        runs: of the project; None if the tracking server is unreachable.

    Raises:
        UserError: there is no such target, or there are several.
    """
    lock = Lockfile("", workspace.locked, None)
    graph = StageGraph(workspace.stages, workspace.locked)
    target = (
        _resolve_name(text, lock, graph)
        or _resolve_path(text, root, workspace, lock, graph)
        or _resolve_md5(text, workspace, lock, graph)
        or _resolve_run(text, root, runs)
        or _resolve_commit(text, root)
        or _resolve_in_history(text, root, workspace)
    )
    if target is None:
        raise UserError(_unknown(text, root, workspace, lock, graph))
    return target


def _resolve_name(text: str, lock: Lockfile, graph: StageGraph) -> Target | None:
    if text in graph.order:
        return Target(f"the stage {text}", lock, graph, (text,))
    stages = tuple(name for name in graph.order if instance(name) == text)
    if not stages or not text:
        return None
    is_model = any(stage_kind(name) for name in stages)
    return Target(f"the {'model' if is_model else 'corpus'} {text}", lock, graph, stages)


def _resolve_path(
    text: str, root: Path, workspace: ProjectSnapshot, lock: Lockfile, graph: StageGraph
) -> Target | None:
    # Links are not resolved: dvc.yaml has the paths as the user types them.
    path = Path(os.path.relpath(root / text, root)).as_posix()
    producers = tuple(name for name in graph.order if _produces(name, path, workspace, lock))
    if producers:
        description = f"{path}, written by {', '.join(producers)}"
        return Target(description, lock, graph, producers, path)
    if graph.consumers(path) and not graph.producers(path) and (root / path).exists():
        return Target(f"{path}, which no stage writes", lock, graph, (), path)
    return None


def _produces(stage: str, path: str, workspace: ProjectSnapshot, lock: Lockfile) -> bool:
    """Return True if a stage writes a path, something in it, or a folder that contains it."""
    entry = lock.entries.get(stage)
    for out in entry.outs if entry else workspace.stages[stage].outs:
        if within(out, path):
            return True
        if entry and path.startswith(f"{out}/"):
            members = workspace.members(entry.outs[out])
            if not members:  # the cache does not have the folder's list
                return workspace.file_hash(path) is not None
            return any(within(f"{out}/{name}", path) for name in members)
    return False


def _resolve_md5(
    text: str, workspace: ProjectSnapshot, lock: Lockfile, graph: StageGraph
) -> Target | None:
    """Find an out, a file in an out, or a dependency by its hash."""
    if not re.fullmatch(rf"[0-9a-f]{{{MIN_DIGITS},32}}(\.dir)?", text):
        return None
    matches: dict[str, str] = {}
    for path, md5 in _hashes(workspace, lock, graph):
        if md5.startswith(text):
            matches.setdefault(path, md5)
    if len(set(matches.values())) > 1:
        examples = truncated(f"{md5[:12]} ({path})" for path, md5 in matches.items())
        raise UserError(f"Several hashes begin with '{text}': {examples}. Add digits.")
    if not matches:
        return None
    path, *copies = matches
    producers = tuple(name for name in graph.order if _produces(name, path, workspace, lock))
    origin = f"written by {producers[0]}" if producers else "which no stage writes"
    location = f" in {lock.location}" if lock.location else ""
    same = f"; same content as {truncated(copies)}" if copies else ""
    return Target(f"{path}, {origin}{location}{same}", lock, graph, producers, path)


def _hashes(
    workspace: ProjectSnapshot, lock: Lockfile, graph: StageGraph
) -> Iterator[tuple[str, str]]:
    """Yield path and MD5 of all files and folders, stage by stage, outs before dependencies."""
    for name in graph.order:
        entry = lock.entries.get(name)
        for path, md5 in {**entry.outs, **entry.deps}.items() if entry else ():
            yield path, md5
            if md5.endswith(".dir"):
                members = workspace.members(md5)
                yield from ((f"{path}/{file}", member) for file, member in members.items())


def _resolve_run(text: str, root: Path, runs: TrackedRuns[RunT] | None) -> Target | None:
    run = tracked_runs.find_run(text, runs.runs) if runs else None
    if run is None:
        return None
    description = f"run {run.id} ({run.name} in {run.experiment})"
    match = tracked_runs.find_lockfile(run, root)
    if match is None:
        return Target(description, None, StageGraph(), (), run=run)
    lock, _ = match
    graph = StageGraph(lock.entries)
    hashes = {run.input_hash(kind) for kind in (lockfiles.TRAINING, lockfiles.EVALUATION)}
    stages = tuple(
        name
        for name in graph.order
        if stage_kind(name) and lock.entries[name].inputs.input_hash in hashes
    )
    location = f", in {lock.location}" if lock.location else ""
    return Target(description + location, lock, graph, stages, run=run)


def _resolve_commit(text: str, root: Path) -> Target | None:
    commit = dvc_project.revision(root, text) if text else None  # Git reads an empty text as HEAD
    if commit is None:
        return None
    names = [name for name, head in dvc_project.experiments(root).items() if head == commit]
    location = f"experiment {names[0]}" if names else f"commit {commit[: lockfiles.SHORT]}"
    lock = lockfiles.at_revision(root, commit, location)
    if lock is None:
        raise UserError(f"'{text}' is {location}, which has no dvc.lock and so no stages.")
    graph = StageGraph(lock.entries)
    return Target(location, lock, graph, tuple(graph.order))


def _resolve_in_history(text: str, root: Path, workspace: ProjectSnapshot) -> Target | None:
    """Find a hash in the dvc.lock of the commit and of the experiments."""
    if not re.fullmatch(rf"[0-9a-f]{{{MIN_DIGITS},}}(\.dir)?", text):
        return None
    history = (lock for lock in lockfiles.lockfiles(root) if lock.commit is not None)
    matches = (_resolve_md5(text, workspace, lock, StageGraph(lock.entries)) for lock in history)
    return next((target for target in matches if target is not None), None)


def _unknown(
    text: str, root: Path, workspace: ProjectSnapshot, lock: Lockfile, graph: StageGraph
) -> str:
    names = [name for stage in graph.order for name in (instance(stage), stage) if name]
    names += [out for stage in workspace.stages.values() for out in stage.outs]
    names += [path for path, _ in _hashes(workspace, lock, graph)]
    names += list(dvc_project.experiments(root))
    matches = difflib.get_close_matches(text, dict.fromkeys(names), n=1, cutoff=0.6)
    if matches:
        return f"Unknown target '{text}'; did you mean '{matches[0]}'?"
    return (
        f"Unknown target '{text}'. Name a file of a stage, a model, a corpus, a stage, an MD5, a "
        "run or a commit."
    )
