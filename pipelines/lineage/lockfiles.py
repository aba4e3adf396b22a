"""What dvc.lock says, here, in a commit and in experiments, and the chain of its stages."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines import console
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, provenance, snapshots
from pipelines.lineage.stage_graph import StageGraph

TRAINING, EVALUATION = "training", "evaluation"
SHORT = 8  # digits of a hash that are said
NAMED = 3  # of many alike, so many are named


@dataclass(frozen=True)
class Lockfile:
    """A dvc.lock.

    Attributes:
        place: where it stands, in words; empty for the project's folder.
        entries: what it says of each stage.
        commit: that holds it; None for the project's folder.
    """

    place: str
    entries: Mapping[str, dvc_project.LockedStage]
    commit: str | None


def current(root: Path) -> Lockfile:
    """The dvc.lock in the project's folder.

    Raises:
        Refusal: there is none.
    """
    path = root / snapshots.LOCK
    if not path.is_file():
        raise UserError(f"{path.name} is missing: `dvc repro` makes it.")
    return Lockfile("", dvc_project.parse_lock(path.read_text(encoding="utf-8")), None)


def at_revision(root: Path, commit: str, place: str) -> Lockfile | None:
    """The dvc.lock of a commit; None if it has none.

    Raises:
        Refusal: it is damaged there.
    """
    text = provenance.text_at(root, commit, snapshots.LOCK)
    if text is None:
        return None
    try:
        return Lockfile(place, dvc_project.parse_lock(text), commit)
    except UserError:
        raise UserError(f"The dvc.lock of {place} is damaged.") from None


def lockfiles(root: Path) -> list[Lockfile]:
    """The dvc.lock in the project's folder, that of its commit, and that of every experiment.

    Raises:
        Refusal: there is none in the folder, or one is damaged.
    """
    found = dvc_project.experiments(root)
    commits = {f"experiment {name}": found[name] for name in sorted(found)}
    commit = provenance.git_state(root)["git_commit"]
    if commit != "none":
        commits = {f"commit {commit[:SHORT]}": commit} | commits
    locks: list[Lockfile | None] = [current(root)]
    with console.progress("dvc.lock of experiments", len(commits), "locks") as bar:
        for place, commit in commits.items():
            locks.append(at_revision(root, commit, place))
            bar.advance(1)
    return [lock for lock in locks if lock is not None]


def stage_kind(stage: str) -> str | None:
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
    return str(dvc_project.option(words, name)) if f"--{name}" in words[:-1] else None


def truncated(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more


def chain_of(
    entries: Mapping[str, dvc_project.LockedStage], stages: Mapping[str, dvc_project.Stage]
) -> StageGraph:
    """The chain of a dvc.lock and of a dvc.yaml: what only one of them says belongs to it, so that
    no stage falls out of it by what was changed in the other."""
    reads = {name: set(stage.files) for name, stage in stages.items()}
    leaves = {name: set(stage.outs) for name, stage in stages.items()}
    for name, entry in entries.items():
        reads.setdefault(name, set()).update(entry.inputs.files)
        leaves.setdefault(name, set()).update(entry.outs)
    return StageGraph(
        {name: sorted(paths) for name, paths in reads.items()},
        {name: sorted(paths) for name, paths in leaves.items()},
    )
