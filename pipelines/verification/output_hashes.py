"""Seals: the hashes of a stage's outs, which DVC knows once it has ended, put on the run it made.

A run is found by the hash of what its stage read. So a stage that DVC took from its cache, running
nothing, is linked to the run that made its outs, whichever branch or experiment that was in. Of
several runs of the same inputs, all that made the very model are sealed; one that made another is
a finding, and so is a run that is sealed with other outs: a seal is never written over, unless the
model was evaluated anew since.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.lineage import dvc_project, provenance
from pipelines.lineage.lockfiles import SHORT, Lockfile, option, stage_kind
from pipelines.lineage.snapshots import Snapshot
from pipelines.tracking import runs
from pipelines.tracking.run_store import RunRecord, RunStore

OUTS = "seqproof.{}.outs"  # MD5 of each out of the training or the evaluation, as JSON
SEALED = "seqproof.{}.sealed"  # the key that those outs are of
LOCKS = "seqproof.locks"  # commits and experiments whose dvc.lock has what the run made
MOST = 20  # of those; the first stay

Hashed = Callable[[dvc_project.LockedStage], str | None]


@dataclass(frozen=True)
class LockedOutputs:
    """What dvc.lock says of a stage.

    Attributes:
        work: which part of a run the stage makes.
        entry: its inputs and its outs.
        places: where the locks that say so stand.
    """

    work: str
    entry: dvc_project.LockedStage
    places: tuple[str, ...]

    @property
    def stage(self) -> str:
        """The stage, and where its lock stands if that is not the project's folder."""
        stage = self.entry.inputs.stage
        return stage if "" in self.places else f"{stage} of {self.places[0]}"


@dataclass
class RecordSummary:
    """What sealing came to: stages sealed now and before, findings, and stages without a run."""

    new: int = 0
    known: int = 0
    findings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def outs_text(entry: dvc_project.LockedStage) -> str:
    """The value of the tag OUTS."""
    return json.dumps(dict(entry.outs), sort_keys=True)


def sealed(run: RunRecord, work: str) -> str | None:
    """The outs that a run is sealed with; None if it is not, or was made anew since."""
    if run.tags.get(SEALED.format(work), run.input_hash(work)) != run.input_hash(work):
        return None
    return run.tags.get(OUTS.format(work))


def model_hash(version: Snapshot, entry: dvc_project.LockedStage) -> str | None:
    """What MODEL_HASH is of the model that a stage left or read; None if its files are gone."""
    path = option(entry.inputs.command, "model") or ""
    md5 = {**entry.inputs.files, **entry.outs}.get(path, "")
    members = version.members(md5)
    files = {name: version.kept(one) for name, one in members.items()}
    if files and all(_is(files[name], one) for name, one in members.items()):
        return provenance.files_hash(files)
    found = version.content(path) if path and version.commit is None else None
    if found is not None and found.md5 == md5:
        return provenance.folder_hash(version.file(path))
    return None


def _is(file: Path, md5: str) -> bool:
    """Whether what DVC's cache keeps is what its name says."""
    return file.is_file() and provenance.file_hash(file) == md5


def record_outputs(locks: Sequence[Lockfile], ledger: RunStore, hashed: Hashed) -> RecordSummary:
    """Put the outs of all stages that trained or evaluated on the runs that made them.

    Args:
        locks: that of the project's folder first.
        ledger: the runs.
        hashed: gives the hash of the model that a stage left or read, if its files are there.
    """
    outcome = RecordSummary()
    tags: dict[str, dict[str, str]] = {}
    for claims in _claims(locks):
        work, inputs = claims[0].work, claims[0].entry.inputs
        # Without a model's hash a training never came to its end.
        made = [run for run in ledger.find(work, inputs.key) if runs.MODEL_HASH in run.tags]
        if not made:
            outcome.missing.append(_no_run(claims[0]))
        outcome.findings += [_two_outs(claims[0], other) for other in claims[1:]]
        for run in made:
            claim = _claim_of(run, claims, made, hashed)
            if claim is None:
                outcome.findings.append(_another_model(run, claims[0]))
            else:
                _put(run, claim, tags.setdefault(run.id, {}), outcome)
    for run in ledger.runs:
        told = tags.get(run.id, {})
        fresh = {key: text for key, text in told.items() if run.tags.get(key) != text}
        if fresh:
            ledger.set_tags(run, fresh)
    return outcome


def _claims(locks: Sequence[Lockfile]) -> Iterator[list[LockedOutputs]]:
    """Those of one work and key together: more than one only if their outs differ."""
    found: dict[tuple[str, str], dict[str, LockedOutputs]] = {}
    for lock in locks:
        for stage, entry in lock.entries.items():
            work = stage_kind(stage)
            if work is not None:
                same = found.setdefault((work, entry.inputs.key), {})
                before = same.get(outs_text(entry), LockedOutputs(work, entry, ()))
                same[outs_text(entry)] = replace(before, places=(*before.places, lock.place))
    yield from (list(same.values()) for same in found.values())


def _claim_of(
    run: RunRecord, claims: Sequence[LockedOutputs], made: Sequence[RunRecord], hashed: Hashed
) -> LockedOutputs | None:
    """The claim whose model a run made; where the model's files are gone, a run is believed if
    none of its kind says otherwise."""
    for claim in claims:
        if sealed(run, claim.work) == outs_text(claim.entry):
            return claim
    alike = len({one.tags[runs.MODEL_HASH] for one in made}) == 1
    for claim in claims:
        wanted = hashed(claim.entry)
        if wanted == run.tags[runs.MODEL_HASH] or (wanted is None and alike):
            return claim
    return None


def _put(
    run: RunRecord, claim: LockedOutputs, tags: dict[str, str], outcome: RecordSummary
) -> None:
    """Note the tags of a run that this claim seals."""
    text, before = outs_text(claim.entry), sealed(run, claim.work)
    if before is not None and before != text:
        outcome.findings.append(_other_outs(run, claim, before))
        return
    outcome.known += before is not None
    outcome.new += before is None
    tags[OUTS.format(claim.work)] = text
    tags[SEALED.format(claim.work)] = claim.entry.inputs.key
    names = [name for name in (tags.get(LOCKS) or run.tags.get(LOCKS, "")).split(", ") if name]
    names += [place.partition(" ")[2] for place in claim.places if place]
    if names:
        tags[LOCKS] = ", ".join(list(dict.fromkeys(names))[:MOST])


def _no_run(claim: LockedOutputs) -> str:
    mend = f": `dvc repro -fs {claim.entry.inputs.stage}` makes one" if "" in claim.places else ""
    return (
        f"{claim.stage} has no run that read what it read: tracking was lost, or the run was "
        f"deleted, or its model evaluated anew since{mend}."
    )


def _two_outs(claim: LockedOutputs, other: LockedOutputs) -> str:
    return (
        f"{claim.stage} and {other.stage} read the same and left other outs "
        f"({differing(claim.entry.outs, other.entry.outs)}): the stage does not give the same "
        "twice, or what it left was changed by hand and committed."
    )


def _another_model(run: RunRecord, claim: LockedOutputs) -> str:
    return (
        f"{claim.stage}: run {run.short_id} read the same and made another model: the stage does "
        "not give the same twice, or what it left was changed by hand and committed; if that run "
        "is not wanted, delete it in MLflow."
    )


def _other_outs(run: RunRecord, claim: LockedOutputs, before: str) -> str:
    return (
        f"{claim.stage}: run {run.short_id} is sealed with other outs than dvc.lock has "
        f"({differing(json.loads(before), claim.entry.outs)}): the stage does not give the same "
        "twice, or what it left was changed by hand and committed; if that run is not wanted, "
        "delete it in MLflow."
    )


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The paths whose hashes differ, with the beginnings of both."""
    paths = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    return ", ".join(
        f"{path}: {before.get(path, 'none')[:SHORT]}, {now.get(path, 'none')[:SHORT]}"
        for path in paths
    )
