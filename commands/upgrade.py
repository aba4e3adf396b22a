"""`seqproof upgrade`: bring a project to the installed version."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from commands import merge_lock, project_files, repository, skeleton, templates
from commands.project_files import Changes
from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.lineage import lockfiles, reproduction
from pipelines.scheduling import plan

# What is printed about each kind of change; files of the first three are counted by folder.
COUNTED = {
    "added": "Added {}.",
    "replaced": "Replaced {}.",
    "removed": "Removed {}.",
}
LISTED = {
    "merged": "Merged with your changes; review it",
    "beside": "Left as you changed it; the new text is in the file with .new, merge it by hand",
    "unchanged": "Left as you changed it; this version does not change it",
    "deleted": "Left deleted",
    "obsolete": "Left as you changed it; no longer part of seqproof",
}
INSTALLS = {"requirements.lock", "requirements-gpu.lock", "pyproject.toml"}


def upgrade() -> None:
    """Replace the files of this project that the user has not changed, and print what changes.

    Raises:
        UserError: this is no project, it is the installed version itself, or it has changes that
            are not committed.
    """
    root = console.root()
    _require_clean_project(root)
    versions = [skeleton.version(root), skeleton.version(templates.SOURCE)]
    old_log = _read(root / skeleton.CHANGELOG_OF_A_PROJECT)
    changes = project_files.upgrade(root, templates.SOURCE)
    merge_lock.install(root)
    lines = list(_file_lines(changes))
    if not lines:
        console.echo(f"The project has version {versions[1]} already.")
        return
    if versions[0] != versions[1]:
        console.echo(f"From version {versions[0]} to {versions[1]}:")
    for line in (*lines, *_log_lines(old_log, _read(templates.SOURCE / skeleton.CHANGELOG))):
        console.echo(line)
    console.echo(_training_line(root))
    console.echo("Next: review it with `git status` and `git diff`; then `git add --all`, commit.")
    if INSTALLS.intersection((*changes.replaced, *changes.merged, *changes.beside)):
        console.echo("The packages have changed: run `make install`.")


def _require_clean_project(root: Path) -> None:
    if not all((root / name).is_file() for name in (paths.DVC_YAML, paths.PARAMS)):
        raise UserError(
            f"{root.resolve()} is no project of seqproof. Run this command in the project's root."
        )
    if root.resolve() == templates.SOURCE:
        raise UserError(
            "This seqproof is the project's own. Run the version to upgrade to: "
            "`uvx --from PATH-OR-GIT seqproof upgrade`."
        )
    status = repository.git(root, ["status", "--porcelain", "-z", "--untracked-files=no", "."])
    names = [entry[3:] for entry in status.split("\0") if entry]
    if names:
        raise UserError(
            f"Changes of {lockfiles.truncated(names)} are not committed. Commit them, so that you "
            "see what the upgrade changes."
        )


def _file_lines(changes: Changes) -> Iterator[str]:
    for kind, sentence in COUNTED.items():
        names = getattr(changes, kind)
        if names:
            yield sentence.format(_by_folder(names))
    for kind, sentence in LISTED.items():
        names = getattr(changes, kind)
        if names:
            yield f"{sentence}:"
            yield from (f"  {name}" for name in names)


def _by_folder(names: Sequence[str]) -> str:
    """Return the number of files in each folder, and the names of the others."""
    folders = Counter(name.partition("/")[0] for name in names if "/" in name)
    counts = (f"{count} in {folder}/" for folder, count in folders.items())
    files = f"{len(names)} file{'s' * (len(names) > 1)}"
    return f"{files}: {', '.join([*counts, *(name for name in names if '/' not in name)])}"


def _log_lines(old: str, new: str) -> Iterator[str]:
    """Return the entries of the new change log that the old one does not have."""
    if not old:
        yield f"What is new: {skeleton.CHANGELOG_OF_A_PROJECT}"
        return
    earlier = set(_entries(old))
    entries = [entry for entry in _entries(new) if entry not in earlier]
    if entries:
        yield "What is new:"
        yield from (f"  {line}" for entry in entries for line in entry.split("\n"))


def _entries(log: str) -> list[str]:
    """Return the entries of a change log: list items of one or more lines."""
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", log)  # links are for the page
    return [entry.rstrip() for entry in re.findall(r"^- .*(?:\n  .*)*", text, flags=re.MULTILINE)]


def _training_line(root: Path) -> str:
    """Return a sentence about the trained models that the next run trains again."""
    try:
        params.load(root / paths.PARAMS)
        stages = reproduction.parse_survey(reproduction.survey(root))
    except UserError as error:
        return f"Then mend this, as the change log says: {error}"
    if not (root / paths.DVC_LOCK).is_file():
        return "No model is trained yet."
    trained = [
        name
        for name in lockfiles.current(root).entries
        if lockfiles.stage_kind(name) == lockfiles.TRAINING and name in stages
    ]
    outdated = {name for name in trained if stages[name].outdated}
    dependent = set(plan.schedule_stages(list(stages), stages, {})) & set(trained) - outdated
    if not (outdated or dependent):
        return "No trained model is outdated."
    sentences = []
    if outdated:
        sentences.append(f"`seqproof run` will train again: {_models(outdated)}.")
    if dependent:
        sentences.append(f"And if their data changes: {_models(dependent)}.")
    return " ".join(sentences)


def _models(stages: Collection[str]) -> str:
    return ", ".join(sorted(map(lockfiles.instance, stages)))


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""
