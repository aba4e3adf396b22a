"""What dvc.lock says, here, in a commit and in experiments, and the chain of its stages."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines import console, params
from pipelines.errors import Refusal
from pipelines.links import Chain
from pipelines.tracking import graph, provenance, versions

TRAINING, EVALUATION = "training", "evaluation"
SHORT = 8  # digits of a hash that are said
NAMED = 3  # of many alike, so many are named


@dataclass(frozen=True)
class Lock:
    """A dvc.lock.

    Attributes:
        place: where it stands, in words; empty for the project's folder.
        entries: what it says of each stage.
        commit: that holds it; None for the project's folder.
    """

    place: str
    entries: Mapping[str, graph.Entry]
    commit: str | None


def here(root: Path) -> Lock:
    """The dvc.lock in the project's folder.

    Raises:
        Refusal: there is none.
    """
    path = root / versions.LOCK
    if not path.is_file():
        raise Refusal(f"{path.name} is missing: `dvc repro` makes it.")
    return Lock("", graph.locked(path.read_text(encoding="utf-8")), None)


def at(root: Path, commit: str, place: str) -> Lock | None:
    """The dvc.lock of a commit; None if it has none.

    Raises:
        Refusal: it is damaged there.
    """
    text = provenance.text_at(root, commit, versions.LOCK)
    if text is None:
        return None
    try:
        return Lock(place, graph.locked(text), commit)
    except Refusal:
        raise Refusal(f"The dvc.lock of {place} is damaged.") from None


def every(root: Path) -> list[Lock]:
    """The dvc.lock in the project's folder, that of its commit, and that of every experiment.

    Raises:
        Refusal: there is none in the folder, or one is damaged.
    """
    found = graph.experiments(root)
    commits = {f"experiment {name}": found[name] for name in sorted(found)}
    commit = provenance.git_state(root)["git_commit"]
    if commit != "none":
        commits = {f"commit {commit[:SHORT]}": commit} | commits
    locks: list[Lock | None] = [here(root)]
    with console.progress("dvc.lock of experiments", len(commits), "locks") as bar:
        for place, commit in commits.items():
            locks.append(at(root, commit, place))
            bar.advance(1)
    return [lock for lock in locks if lock is not None]


def work_of(stage: str) -> str | None:
    """Which part of a model's run a stage makes; None if it makes none."""
    verb = stage.partition("@")[0]
    if verb == "evaluate":
        return EVALUATION
    return TRAINING if verb in params.STAGES else None


def option(command: str, name: str) -> str | None:
    """What a command gives to an option, if it does."""
    try:
        words = shlex.split(command)
    except ValueError:  # no command that a shell would run
        return None
    return str(graph.option(words, name)) if f"--{name}" in words[:-1] else None


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more


def chain_of(entries: Mapping[str, graph.Entry], stages: Mapping[str, graph.Stage]) -> Chain:
    """The chain of a dvc.lock and of a dvc.yaml: what only one of them says belongs to it, so that
    no stage falls out of it by what was changed in the other."""
    reads = {name: set(stage.files) for name, stage in stages.items()}
    leaves = {name: set(stage.outs) for name, stage in stages.items()}
    for name, entry in entries.items():
        reads.setdefault(name, set()).update(entry.inputs.files)
        leaves.setdefault(name, set()).update(entry.outs)
    return Chain(
        {name: sorted(paths) for name, paths in reads.items()},
        {name: sorted(paths) for name, paths in leaves.items()},
    )
