"""What a person may mean by a word: a file, a stage, a model, a corpus, a hash, a run, a commit."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import Refusal
from pipelines.links import Chain, within
from pipelines.proof import chain, subjects
from pipelines.proof.chain import Lock, chain_of, some, work_of
from pipelines.tracking import graph
from pipelines.tracking import ledger as ledgers
from pipelines.tracking.ledger import Kept, Ledger
from pipelines.tracking.versions import Version

LEAST = 6  # digits of an MD5 that mean it


@dataclass(frozen=True)
class Meant:
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
    lock: Lock | None
    chain: Chain
    stages: tuple[str, ...]
    path: str | None = None
    run: Kept | None = None


def runs_of(root: Path) -> tuple[Ledger | None, str]:
    """The runs of a project; without them much can still be said: then None, and why."""
    try:
        kept = ledgers.of_project(root)
        _ = kept.runs
        return kept, ""
    except Refusal as refusal:
        return None, str(refusal)


def meaning(what: str, root: Path, here: Version, ledger: Ledger | None) -> Meant:
    """What is meant by a word.

    Args:
        what: as it was typed.
        root: the project's root.
        here: the project in its folder.
        ledger: the runs; None if the server does not answer.

    Raises:
        Refusal: nothing is called so, or several things are.
    """
    lock = Lock("", here.locked, None)
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
        raise Refusal(_unknown(what, root, here, lock, linked))
    return found


def _name(what: str, lock: Lock, linked: Chain) -> Meant | None:
    if what in linked.order:
        return Meant(f"the stage {what}", lock, linked, (what,))
    stages = tuple(name for name in linked.order if name.partition("@")[2] == what)
    if not stages or not what:
        return None
    model = any(work_of(name) for name in stages)
    return Meant(f"the {'model' if model else 'corpus'} {what}", lock, linked, stages)


def _path(what: str, root: Path, here: Version, lock: Lock, linked: Chain) -> Meant | None:
    # Links are not followed: what is typed is what dvc.yaml has.
    path = Path(os.path.relpath(root / what, root)).as_posix()
    makers = tuple(name for name in linked.order if _left(path, name, here, lock))
    if makers:
        return Meant(f"{path}, left by {', '.join(makers)}", lock, linked, makers, path)
    if linked.readers(path) and not linked.makers(path) and (root / path).exists():
        return Meant(f"{path}, which no stage makes", lock, linked, (), path)
    return None


def _left(path: str, stage: str, here: Version, lock: Lock) -> bool:
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


def _md5(what: str, here: Version, lock: Lock, linked: Chain) -> Meant | None:
    """A file by its hash: an out, a file in it, or what a stage read."""
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST},32}}(\.dir)?", what):
        return None
    found: dict[str, str] = {}
    for path, md5 in _hashes(here, lock, linked):
        if md5.startswith(what):
            found.setdefault(path, md5)
    if len(set(found.values())) > 1:
        several = some(f"{md5[:12]} ({path})" for path, md5 in found.items())
        raise Refusal(f"'{what}' begins several hashes: {several}; give more of it.")
    if not found:
        return None
    path, *others = found
    makers = tuple(name for name in linked.order if _left(path, name, here, lock))
    words = f"{path}, {f'left by {makers[0]}' if makers else 'which no stage makes'}"
    words += f" in {lock.place}" if lock.place else ""
    words += f"; the same as {some(others)}" if others else ""
    return Meant(words, lock, linked, makers, path)


def _hashes(here: Version, lock: Lock, linked: Chain) -> Iterator[tuple[str, str]]:
    """Path and MD5 of all files and folders, in walking order: what is read after what is left."""
    for name in linked.order:
        entry = lock.entries.get(name)
        for path, md5 in {**entry.outs, **entry.inputs.files}.items() if entry else ():
            yield path, md5
            if md5.endswith(".dir"):
                yield from ((f"{path}/{file}", one) for file, one in here.members(md5).items())


def _run(what: str, root: Path, ledger: Ledger | None) -> Meant | None:
    run = subjects.the_run(what, ledger) if ledger else None
    if run is None:
        return None
    words = f"run {run.id} ({run.name} in {run.experiment})"
    found = subjects.home_of(run, root)
    if found is None:
        return Meant(words, None, Chain({}, {}), (), run=run)
    lock, _ = found
    linked = chain_of(lock.entries, {})
    keys = {run.key(work) for work in (chain.TRAINING, chain.EVALUATION)}
    stages = tuple(
        name for name in linked.order if work_of(name) and lock.entries[name].inputs.key in keys
    )
    where = f", in {lock.place}" if lock.place else ""
    return Meant(words + where, lock, linked, stages, run=run)


def _commit(what: str, root: Path) -> Meant | None:
    commit = graph.revision(root, what) if what else None  # Git takes nothing for HEAD
    if commit is None:
        return None
    names = [name for name, one in graph.experiments(root).items() if one == commit]
    place = f"experiment {names[0]}" if names else f"commit {commit[: chain.SHORT]}"
    lock = chain.at(root, commit, place)
    if lock is None:
        raise Refusal(f"'{what}' is {place}, which has no dvc.lock: there is no chain to trace.")
    linked = chain_of(lock.entries, {})
    return Meant(place, lock, linked, tuple(linked.order))


def _elsewhere(what: str, root: Path, here: Version) -> Meant | None:
    """A hash that only the commit or an experiment has."""
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST},}}(\.dir)?", what):
        return None
    others = (lock for lock in chain.every(root) if lock.commit is not None)
    found = (_md5(what, here, lock, chain_of(lock.entries, {})) for lock in others)
    return next((meant for meant in found if meant is not None), None)


def _unknown(what: str, root: Path, here: Version, lock: Lock, linked: Chain) -> str:
    names = [name for stage in linked.order for name in (stage.partition("@")[2], stage) if name]
    names += [out for stage in here.stages.values() for out in stage.outs]
    names += [path for path, _ in _hashes(here, lock, linked)] + list(graph.experiments(root))
    near = difflib.get_close_matches(what, dict.fromkeys(names), n=1, cutoff=0.6)
    if near:
        return f"Nothing here is called '{what}': did you mean '{near[0]}'?"
    return (
        f"Nothing here is called '{what}': name a file that a stage leaves or reads, a model, a "
        "corpus, a stage, an MD5, a run, or a commit."
    )
