"""What a person may mean by a word: a file, a stage, a model, a corpus, a hash, a run, a commit."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UserError
from pipelines.lineage import dvc_project, lockfiles
from pipelines.lineage.lockfiles import Lockfile, chain_of, stage_kind, truncated
from pipelines.lineage.snapshots import Snapshot
from pipelines.lineage.stage_graph import StageGraph, within
from pipelines.tracking import run_store as ledgers
from pipelines.tracking.run_store import RunRecord, RunStore
from pipelines.verification import verify_targets

LEAST = 6  # digits of an MD5 that mean it


@dataclass(frozen=True)
class Target:
    """What a word means.

    Attributes:
        words: what it is.
        lock: the dvc.lock that it stands in; None of a run that is in none.
        chain: all stages there.
        stages: those that made it, or that it is; none of what no stage makes.
        path: the file or folder, if it is one.
        run: the run, if it is one.
    """

    words: str
    lock: Lockfile | None
    chain: StageGraph
    stages: tuple[str, ...]
    path: str | None = None
    run: RunRecord | None = None


def runs_of(root: Path) -> tuple[RunStore | None, str]:
    """The runs of a project; without them much can still be said: then None, and why."""
    try:
        kept = ledgers.open_store(root)
        _ = kept.runs
        return kept, ""
    except UserError as refusal:
        return None, str(refusal)


def resolve(what: str, root: Path, here: Snapshot, ledger: RunStore | None) -> Target:
    """What is meant by a word.

    Args:
        what: as it was typed.
        root: the project's root.
        here: the project in its folder.
        ledger: the runs; None if the server does not answer.

    Raises:
        Refusal: nothing is called so, or several things are.
    """
    lock = Lockfile("", here.locked, None)
    linked = chain_of(here.locked, here.stages)
    found = (
        _name(what, lock, linked)
        or _path(what, root, here, lock, linked)
        or _md5(what, here, lock, linked)
        or _run(what, root, ledger)
        or _commit(what, root)
        or _elsewhere(what, root, here)
    )
    if found is None:
        raise UserError(_unknown(what, root, here, lock, linked))
    return found


def _name(what: str, lock: Lockfile, linked: StageGraph) -> Target | None:
    if what in linked.order:
        return Target(f"the stage {what}", lock, linked, (what,))
    stages = tuple(name for name in linked.order if name.partition("@")[2] == what)
    if not stages or not what:
        return None
    model = any(stage_kind(name) for name in stages)
    return Target(f"the {'model' if model else 'corpus'} {what}", lock, linked, stages)


def _path(
    what: str, root: Path, here: Snapshot, lock: Lockfile, linked: StageGraph
) -> Target | None:
    # Links are not followed: what is typed is what dvc.yaml has.
    path = Path(os.path.relpath(root / what, root)).as_posix()
    makers = tuple(name for name in linked.order if _left(path, name, here, lock))
    if makers:
        return Target(f"{path}, left by {', '.join(makers)}", lock, linked, makers, path)
    if linked.readers(path) and not linked.makers(path) and (root / path).exists():
        return Target(f"{path}, which no stage makes", lock, linked, (), path)
    return None


def _left(path: str, stage: str, here: Snapshot, lock: Lockfile) -> bool:
    """Whether a stage leaves a path, something in it, or a folder that has it inside."""
    entry = lock.entries.get(stage)
    for out in entry.outs if entry else here.stages[stage].outs:
        if within(out, path):
            return True
        if entry and path.startswith(f"{out}/"):
            inside = here.members(entry.outs[out])
            if not inside:  # the cache has lost its list
                return here.content(path) is not None
            return any(within(f"{out}/{name}", path) for name in inside)
    return False


def _md5(what: str, here: Snapshot, lock: Lockfile, linked: StageGraph) -> Target | None:
    """A file by its hash: an out, a file in it, or what a stage read."""
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST},32}}(\.dir)?", what):
        return None
    found: dict[str, str] = {}
    for path, md5 in _hashes(here, lock, linked):
        if md5.startswith(what):
            found.setdefault(path, md5)
    if len(set(found.values())) > 1:
        several = truncated(f"{md5[:12]} ({path})" for path, md5 in found.items())
        raise UserError(f"'{what}' begins several hashes: {several}; give more of it.")
    if not found:
        return None
    path, *others = found
    makers = tuple(name for name in linked.order if _left(path, name, here, lock))
    words = f"{path}, {f'left by {makers[0]}' if makers else 'which no stage makes'}"
    words += f" in {lock.place}" if lock.place else ""
    words += f"; the same as {truncated(others)}" if others else ""
    return Target(words, lock, linked, makers, path)


def _hashes(here: Snapshot, lock: Lockfile, linked: StageGraph) -> Iterator[tuple[str, str]]:
    """Path and MD5 of all files and folders, in walking order: what is read after what is left."""
    for name in linked.order:
        entry = lock.entries.get(name)
        for path, md5 in {**entry.outs, **entry.inputs.files}.items() if entry else ():
            yield path, md5
            if md5.endswith(".dir"):
                yield from ((f"{path}/{file}", one) for file, one in here.members(md5).items())


def _run(what: str, root: Path, ledger: RunStore | None) -> Target | None:
    run = verify_targets.find_run(what, ledger) if ledger else None
    if run is None:
        return None
    words = f"run {run.id} ({run.name} in {run.experiment})"
    found = verify_targets.find_lockfile(run, root)
    if found is None:
        return Target(words, None, StageGraph({}, {}), (), run=run)
    lock, _ = found
    linked = chain_of(lock.entries, {})
    keys = {run.input_hash(work) for work in (lockfiles.TRAINING, lockfiles.EVALUATION)}
    stages = tuple(
        name for name in linked.order if stage_kind(name) and lock.entries[name].inputs.key in keys
    )
    where = f", in {lock.place}" if lock.place else ""
    return Target(words + where, lock, linked, stages, run=run)


def _commit(what: str, root: Path) -> Target | None:
    commit = dvc_project.revision(root, what) if what else None  # Git takes nothing for HEAD
    if commit is None:
        return None
    names = [name for name, one in dvc_project.experiments(root).items() if one == commit]
    place = f"experiment {names[0]}" if names else f"commit {commit[: lockfiles.SHORT]}"
    lock = lockfiles.at_revision(root, commit, place)
    if lock is None:
        raise UserError(f"'{what}' is {place}, which has no dvc.lock: there is no chain to trace.")
    linked = chain_of(lock.entries, {})
    return Target(place, lock, linked, tuple(linked.order))


def _elsewhere(what: str, root: Path, here: Snapshot) -> Target | None:
    """A hash that only the commit or an experiment has."""
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST},}}(\.dir)?", what):
        return None
    others = (lock for lock in lockfiles.lockfiles(root) if lock.commit is not None)
    found = (_md5(what, here, lock, chain_of(lock.entries, {})) for lock in others)
    return next((meant for meant in found if meant is not None), None)


def _unknown(what: str, root: Path, here: Snapshot, lock: Lockfile, linked: StageGraph) -> str:
    names = [name for stage in linked.order for name in (stage.partition("@")[2], stage) if name]
    names += [out for stage in here.stages.values() for out in stage.outs]
    names += [path for path, _ in _hashes(here, lock, linked)] + list(dvc_project.experiments(root))
    near = difflib.get_close_matches(what, dict.fromkeys(names), n=1, cutoff=0.6)
    if near:
        return f"Nothing here is called '{what}': did you mean '{near[0]}'?"
    return (
        f"Nothing here is called '{what}': name a file that a stage leaves or reads, a model, a "
        "corpus, a stage, an MD5, a run, or a commit."
    )
