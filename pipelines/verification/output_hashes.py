"""Record the hashes of a stage's outs on the MLflow run that made them (`seqproof seal`).

DVC knows these hashes only when the stage has ended. A run is found by the hash of its inputs, so a
stage that DVC restored from its cache is connected to the run that made its outs, in whichever
branch or experiment that was. If several runs have the same inputs, all that made the same model
get the hashes. A run that made a different model is a finding, and so is a run with different
hashes: recorded hashes are never overwritten, unless the model was evaluated again since.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines import paths
from pipelines.lineage import hashing, run_tags
from pipelines.lineage.lockfiles import SHORT, Lockfile, instance, stage_kind
from pipelines.lineage.snapshots import ProjectSnapshot
from pipelines.lineage.stages import LockedStage
from pipelines.lineage.tracked_runs import recorded_outs
from pipelines.tracking.run_store import RunRecord, RunStore

MAX_LOCKS = 20  # commits and experiments that a run's tag lists; the first stay

ModelHash = Callable[[LockedStage], str | None]


@dataclass(frozen=True)
class LockedOutputs:
    """The outs of a stage in one or more dvc.lock files.

    Attributes:
        kind: the part of a run that the stage makes.
        entry: its inputs and outs.
        locations: of the dvc.lock files; that of the workspace is empty.
    """

    kind: str
    entry: LockedStage
    locations: tuple[str, ...]

    @property
    def stage(self) -> str:
        """The stage, with the location of its dvc.lock if that is not the workspace."""
        stage = self.entry.inputs.stage
        return stage if "" in self.locations else f"{stage} of {self.locations[0]}"


@dataclass
class RecordSummary:
    """Counts of stages whose hashes are on their runs; findings; stages without a run."""

    new: int = 0
    existing: int = 0
    findings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def model_hash(snapshot: ProjectSnapshot, entry: LockedStage) -> str | None:
    """Return the SHA-256 of the model that a stage wrote or read; None if its files are missing."""
    path = paths.model(instance(entry.inputs.stage)).as_posix()
    md5 = {**entry.deps, **entry.outs}.get(path, "")
    members = snapshot.members(md5)
    files = {name: snapshot.cache_path(member) for name, member in members.items()}
    if files and all(_is_intact(files[name], member) for name, member in members.items()):
        return hashing.files_sha256(files)
    content = snapshot.file_hash(path) if snapshot.commit is None else None
    if content is not None and content.md5 == md5:
        return hashing.folder_sha256(snapshot.path(path))
    return None


def _is_intact(file: Path, md5: str) -> bool:
    """Return True if an object of DVC's cache exists and has the content of its hash."""
    return file.is_file() and hashing.file_md5(file) == md5


def record_outputs(
    locks: Sequence[Lockfile], runs: RunStore, compute_model_hash: ModelHash
) -> RecordSummary:
    """Record the outs of all training runs and evaluations on their runs.

    Args:
        locks: dvc.lock files, that of the workspace first.
        runs: of the project.
        compute_model_hash: returns the hash of a stage's model, if its files exist.
    """
    summary = RecordSummary()
    tags: dict[str, dict[str, str]] = {}
    for candidates in _group_by_inputs(locks):
        kind, inputs = candidates[0].kind, candidates[0].entry.inputs
        # A training run that never ended has no hash of its model.
        ended = [
            run for run in runs.find(kind, inputs.input_hash) if run_tags.MODEL_HASH in run.tags
        ]
        if not ended:
            summary.missing.append(_no_run(candidates[0]))
        summary.findings += [_two_outs(candidates[0], other) for other in candidates[1:]]
        for run in ended:
            outputs = _outputs_of(run, candidates, ended, compute_model_hash)
            if outputs is None:
                summary.findings.append(_different_model(run, candidates[0]))
            else:
                _record(run, outputs, tags.setdefault(run.id, {}), summary)
    for run in runs.runs:
        changes = {
            key: text for key, text in tags.get(run.id, {}).items() if run.tags.get(key) != text
        }
        if changes:
            runs.set_tags(run, changes)
    return summary


def _group_by_inputs(locks: Sequence[Lockfile]) -> Iterator[list[LockedOutputs]]:
    """Yield the outs of stages with the same inputs; several only if the outs differ."""
    groups: dict[tuple[str, str], dict[str, LockedOutputs]] = {}
    for lock in locks:
        for stage, entry in lock.entries.items():
            kind = stage_kind(stage)
            if kind is not None:
                group = groups.setdefault((kind, entry.inputs.input_hash), {})
                outputs = group.get(entry.outs_json, LockedOutputs(kind, entry, ()))
                locations = (*outputs.locations, lock.location)
                group[entry.outs_json] = replace(outputs, locations=locations)
    yield from (list(group.values()) for group in groups.values())


def _outputs_of(
    run: RunRecord,
    candidates: Sequence[LockedOutputs],
    ended: Sequence[RunRecord],
    compute_model_hash: ModelHash,
) -> LockedOutputs | None:
    """Return the outs whose model a run made.

    If the files of the model are missing, a run is accepted as long as all runs with the same
    inputs made the same model.
    """
    for outputs in candidates:
        if recorded_outs(run, outputs.kind) == outputs.entry.outs_json:
            return outputs
    agree = len({other.tags[run_tags.MODEL_HASH] for other in ended}) == 1
    for outputs in candidates:
        expected = compute_model_hash(outputs.entry)
        if expected == run.tags[run_tags.MODEL_HASH] or (expected is None and agree):
            return outputs
    return None


def _record(
    run: RunRecord, outputs: LockedOutputs, tags: dict[str, str], summary: RecordSummary
) -> None:
    """Add the tags that record outs on a run."""
    text, recorded = outputs.entry.outs_json, recorded_outs(run, outputs.kind)
    if recorded is not None and recorded != text:
        summary.findings.append(_different_outs(run, outputs, recorded))
        return
    summary.existing += recorded is not None
    summary.new += recorded is None
    tags[run_tags.OUTS.format(outputs.kind)] = text
    tags[run_tags.SEALED.format(outputs.kind)] = outputs.entry.inputs.input_hash
    locks = tags.get(run_tags.LOCKS) or run.tags.get(run_tags.LOCKS, "")
    names = [name for name in locks.split(", ") if name]
    names += [location.partition(" ")[2] for location in outputs.locations if location]
    if names:
        tags[run_tags.LOCKS] = ", ".join(list(dict.fromkeys(names))[:MAX_LOCKS])


NOT_REPRODUCIBLE = "the stage is not reproducible, or its outs were edited by hand and committed"


def _no_run(outputs: LockedOutputs) -> str:
    stage = outputs.entry.inputs.stage
    fix = f" Run `dvc repro -fs {stage}`." if "" in outputs.locations else ""
    return (
        f"{outputs.stage} has no run with its inputs: tracking failed, or the run was deleted, or "
        f"the model was evaluated again since.{fix}"
    )


def _two_outs(outputs: LockedOutputs, other: LockedOutputs) -> str:
    return (
        f"{outputs.stage} and {other.stage} have the same inputs and different outs "
        f"({differing(outputs.entry.outs, other.entry.outs)}): {NOT_REPRODUCIBLE}."
    )


def _different_model(run: RunRecord, outputs: LockedOutputs) -> str:
    return (
        f"{outputs.stage}: run {run.short_id} has the same inputs and a different model: "
        f"{NOT_REPRODUCIBLE}. If the run is not needed, delete it in MLflow."
    )


def _different_outs(run: RunRecord, outputs: LockedOutputs, recorded: str) -> str:
    return (
        f"{outputs.stage}: run {run.short_id} is sealed with different outs than dvc.lock has "
        f"({differing(json.loads(recorded), outputs.entry.outs)}): {NOT_REPRODUCIBLE}. If the run "
        "is not needed, delete it in MLflow."
    )


def differing(left: Mapping[str, str], right: Mapping[str, str]) -> str:
    """Return the paths whose hashes differ, with the first digits of both."""
    changed = sorted(path for path in {*left, *right} if left.get(path) != right.get(path))
    return ", ".join(
        f"{path}: {left.get(path, 'none')[:SHORT]}, {right.get(path, 'none')[:SHORT]}"
        for path in changed
    )
