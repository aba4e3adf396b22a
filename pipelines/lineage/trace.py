"""The whole chain of a result, both ways: each stage with its files, and the run that made them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import console
from pipelines.lineage import dvc_project, provenance
from pipelines.lineage.lockfiles import EVALUATION, SHORT, Lockfile, option, stage_kind
from pipelines.lineage.snapshots import Snapshot
from pipelines.lineage.stage_graph import StageGraph
from pipelines.lineage.targets import Target
from pipelines.tracking import runs
from pipelines.tracking.run_store import RunRecord, RunStore
from pipelines.verification import output_hashes

UNCHANGED, MODIFIED, MISSING = "as in dvc.lock", "another one here", "not here"


@dataclass(frozen=True)
class TracedFile:
    """A file or folder of dvc.lock.

    Attributes:
        path: relative to the project's root.
        md5: by dvc.lock; empty of what was never made.
        here: whether the project's folder has it so.
        cached: whether DVC's cache has it; None where Git keeps it.
        numbers: what a metrics file says of the test.
    """

    path: str
    md5: str
    here: str
    cached: bool | None
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class TracedStage:
    """A stage of the chain.

    Attributes:
        stage: its name.
        part: `upstream`, `itself` or `downstream`.
        source: where the data is from, with the sha256 that params.yaml demands of it.
        reads: what no stage makes: code, and text of one's own.
        leaves: its outs.
        run: who made it, at which commit.
    """

    stage: str
    part: str
    source: Mapping[str, Any]
    reads: tuple[TracedFile, ...]
    leaves: tuple[TracedFile, ...]
    run: Mapping[str, str]


@dataclass(frozen=True)
class Trace:
    """A chain.

    Attributes:
        what: was asked for, in words.
        path: of it, if it is a file or a folder.
        place: where its dvc.lock stands, in words; empty for the project's folder.
        links: the stages in walking order.
        missing: what is not there, or is not what it was; one sentence each.
    """

    what: str
    path: str | None
    place: str
    links: tuple[TracedStage, ...]
    missing: tuple[str, ...]


def trace(meant: Target, root: Path, here: Snapshot, ledger: RunStore | None) -> Trace:
    """The chain of what is meant, in walking order.

    Args:
        meant: by the person who asks.
        root: the project's root.
        here: the project in its folder.
        ledger: the runs; None if the server does not answer.
    """
    lock, linked = meant.lock, meant.chain
    if lock is None:
        return Trace(meant.words, None, "", (), (_of_no_lock(meant.run),))
    # From one out of a stage comes only what reads that one.
    after = linked.readers(meant.path) if meant.path else linked.below(meant.stages)
    parts = dict.fromkeys([*after, *linked.below(after)], "downstream")
    parts |= dict.fromkeys(linked.above(meant.stages), "upstream")
    parts |= dict.fromkeys(meant.stages, "itself")
    names = [name for name in linked.order if name in parts]
    seen = LineageBuilder(lock, linked, root, here, ledger, meant.run)
    links: list[TracedStage] = []
    missing: list[str] = []
    with console.progress("trace", len(names), "stages") as bar:
        for name in names:
            links.append(seen.link(name, parts[name]))
            missing += seen.missing(links[-1])
            bar.advance(1, name)
    return Trace(meant.words, meant.path, lock.place, tuple(links), tuple(missing))


@dataclass(frozen=True)
class LineageBuilder:
    """A dvc.lock beside the project's folder and the runs."""

    lock: Lockfile
    chain: StageGraph
    root: Path
    here: Snapshot
    ledger: RunStore | None
    asked: RunRecord | None

    def link(self, name: str, part: str) -> TracedStage:
        """A stage with its files and its run."""
        entry, now = self.lock.entries.get(name), self.here.stages.get(name)
        if entry is None:
            outs = tuple(
                TracedFile(path, "", MISSING, None, {}) for path in (now.outs if now else ())
            )
            return TracedStage(name, part, {}, (), outs, {})
        reads = tuple(
            self._file(path, md5, False)
            for path, md5 in entry.inputs.files.items()
            if not self.chain.makers(path)
        )
        leaves = tuple(
            self._file(path, md5, now is None or now.outs.get(path, True))
            for path, md5 in entry.outs.items()
        )
        sources = [value for key, value in entry.inputs.params.items() if key.endswith(".source")]
        source = sources[0] if name.startswith("fetch@") and sources else {}
        return TracedStage(name, part, source, reads, leaves, self._run(name, entry))

    def _file(self, path: str, md5: str, cached: bool) -> TracedFile:
        found = self.here.content(path)
        state = MISSING if found is None else UNCHANGED if found.md5 == md5 else MODIFIED
        members = self.here.members(md5).values() if cached and md5.endswith(".dir") else ()
        kept = all(self.here.kept(one).is_file() for one in (md5, *members)) if cached else None
        return TracedFile(path, md5, state, kept, self._numbers(path))

    def _numbers(self, path: str) -> dict[str, float]:
        """What a file of metrics says of the test split, as it is where its dvc.lock stands."""
        if not path.endswith(".json") or not any(
            path == option(entry.inputs.command, "metrics")
            for stage, entry in self.lock.entries.items()
            if stage_kind(stage) == EVALUATION
        ):
            return {}
        commit = self.lock.commit
        text = provenance.text_at(self.root, commit, path) if commit else self.here.text(path)
        try:
            said = json.loads(text or "{}")
            numbers = {key: value for key, value in said.items() if isinstance(value, int | float)}
            return {key: value for key, value in numbers.items() if key.startswith("test_")}
        except (ValueError, AttributeError):
            return {}

    def _run(self, name: str, entry: dvc_project.LockedStage) -> dict[str, str]:
        work = stage_kind(name)
        found = self.ledger.find(work, entry.inputs.key) if self.ledger and work else []
        if not found or work is None:
            return {}
        asked = [run for run in found if self.asked and run.id == self.asked.id]
        ended = [run for run in found if runs.MODEL_HASH in run.tags]
        run = [*asked, *ended, *found][0]
        text = output_hashes.sealed(run, work)
        right = text == output_hashes.outs_text(entry)
        return {
            "id": run.id,
            "name": run.name,
            "experiment": run.experiment,
            "commit": run.tags.get(runs.GIT, "none"),
            "dirty": run.tags.get(runs.DIRTY, "none"),
            "locks": run.tags.get(output_hashes.LOCKS, ""),
            "sealed": "no" if text is None else "yes" if right else "with other outs",
        }

    def missing(self, link: TracedStage) -> Iterator[str]:
        """What is not there of a stage, or is not what it was; of another dvc.lock than that in
        the project's folder, what is in that folder says nothing."""
        if link.stage not in self.lock.entries:
            yield f"{link.stage} never ran here: `dvc repro {link.stage}` runs it."
            return
        for file in link.leaves if self.lock.commit is None else ():
            if file.here == MISSING:
                back = f"dvc checkout {file.path}" if file.cached else f"dvc repro {link.stage}"
                yield f"{file.path} is not here: `{back}` brings it back."
            elif file.here == MODIFIED:
                yield f"{file.path} is not what {link.stage} left: `seqproof verify` says more."
        for file in link.reads if self.lock.commit is None else ():
            if file.here != UNCHANGED:
                yield f"{file.path} is not what {link.stage} read: `dvc repro` runs it again."
        for file in link.leaves:
            if file.cached is False:
                yield f"{file.path} ({file.md5[:SHORT]}) is not in DVC's cache."
        if self.ledger and stage_kind(link.stage) and not link.run:
            yield f"No run in MLflow read what {link.stage} read."


def _of_no_lock(run: RunRecord | None) -> str:
    """A run whose dvc.lock is gone."""
    short, tags = (run.short_id, run.tags) if run else ("", {})
    commit = tags.get(runs.GIT, "none")[:SHORT]
    return (
        f"No dvc.lock at hand has what run {short} read, neither here nor in its commit "
        f"({commit}) nor in an experiment; what it noted stands in its provenance/ in MLflow."
    )
