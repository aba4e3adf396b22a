"""The dvc.lock files of the workspace, of commits and of experiments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, git
from pipelines.lineage.stages import LockedStage

TRAINING, EVALUATION = "training", "evaluation"
SHORT = 8  # digits of a hash that messages show
LISTED = 3  # names that messages show of a long list


@dataclass(frozen=True)
class Lockfile:
    """A dvc.lock.

    Attributes:
        location: the commit or experiment that has it; empty for the workspace.
        entries: its stages by name.
        commit: hash of the commit that has it; None for the workspace.
    """

    location: str
    entries: Mapping[str, LockedStage]
    commit: str | None


def current(root: Path) -> Lockfile:
    """Return the dvc.lock of the workspace.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = root / paths.DVC_LOCK
    if not path.is_file():
        raise UserError(f"{path.name} is missing. Run `seqproof run`.")
    return Lockfile("", dvc_project.parse_lock(path.read_text(encoding="utf-8")), None)


def at_revision(root: Path, commit: str, location: str) -> Lockfile | None:
    """Return the dvc.lock of a commit; None if the commit has none.

    Args:
        root: the project's root.
        commit: its hash.
        location: a description of the commit for messages.

    Raises:
        UserError: the file is damaged.
    """
    text = git.text_at(root, commit, paths.DVC_LOCK.as_posix())
    if text is None:
        return None
    try:
        return Lockfile(location, dvc_project.parse_lock(text), commit)
    except UserError:
        raise UserError(f"The dvc.lock of {location} is damaged.") from None


def lockfiles(root: Path) -> list[Lockfile]:
    """Return the dvc.lock files of the workspace, of its commit and of every experiment.

    Raises:
        UserError: the workspace has none, or one of them is damaged.
    """
    experiments = dvc_project.experiments(root)
    commits = {f"experiment {name}": experiments[name] for name in sorted(experiments)}
    head = git.git_state(root)["git_commit"]
    if head != "none":
        commits = {f"commit {head[:SHORT]}": head} | commits
    locks: list[Lockfile | None] = [current(root)]
    with console.progress("dvc.lock of experiments", len(commits), "locks", lines=False) as bar:
        for location, commit in commits.items():
            locks.append(at_revision(root, commit, location))
            bar.advance(1)
    return [lock for lock in locks if lock is not None]


def history(root: Path, text: str = "") -> Iterator[Lockfile]:
    """Yield the dvc.lock files of all commits, the newest first; damaged ones are left out.

    Args:
        root: the project's root.
        text: only of commits that added or removed this text; empty for all.
    """
    commits = git.history(root, paths.DVC_LOCK.as_posix(), text)
    with console.progress("dvc.lock of commits", len(commits), "locks", lines=False) as bar:
        for commit in commits:
            with suppress(UserError):
                lock = at_revision(root, commit, f"commit {commit[:SHORT]}")
                if lock is not None:
                    yield lock
            bar.advance(1)


def stage_kind(stage: str) -> str | None:
    """Return the part of a model's run that a stage makes.

    Returns:
        "training", "evaluation", or None for a stage without a run.
    """
    family = stage.partition("@")[0]
    if family == "evaluate" or family.startswith("evaluate_"):
        return EVALUATION
    return TRAINING if family in params.STAGES else None


def instance(stage: str) -> str:
    """Return the model or corpus of a stage; empty for a stage without instances."""
    return stage.partition("@")[2]


def evaluation_of(model: str, stages: Iterable[str]) -> str | None:
    """Return the first of the stages that evaluates a model; None if there is none."""
    return next(
        (name for name in stages if stage_kind(name) == EVALUATION and instance(name) == model),
        None,
    )


def truncated(names: Iterable[str]) -> str:
    """Join names with commas; after the first few, state how many more there are."""
    names = list(names)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
