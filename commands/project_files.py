"""The files that a project has from seqproof, as it had them when it was made or upgraded.

`seqproof/files.json` records the Git object of each, so that an upgrade can tell which of them the
user has changed, and reads their earlier text from Git.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from commands import repository, skeleton
from pipelines import files
from pipelines.errors import UserError

RECORD = Path(skeleton.PACKAGE, "files.json")
FIRST_COMMIT = "A project "  # how the message of a project's first commit begins
NEW_TEXT = ".new"  # ends the name of a file beside one that was left alone


@dataclass
class Changes:
    """Changes of the files of a project by an upgrade.

    Attributes:
        added: files that the project did not have.
        replaced: files that were as seqproof had made them.
        removed: files that are no longer part of seqproof.
        merged: changed by the user and by the new version; their lines have both changes.
        beside: the same, but both have changed the same lines: the new text is in another file.
        unchanged: changed by the user only.
        deleted: deleted by the user, and left so.
        obsolete: changed by the user, and no longer part of seqproof.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    obsolete: list[str] = field(default_factory=list)


def write_record(project: Path, source: Path) -> None:
    """Record the files of a project, all of which are as the source has them."""
    objects = _objects(project, skeleton.files(source))
    files.write_text(project / RECORD, files.dump_json(objects))


def recorded(project: Path) -> dict[str, str]:
    """Return the Git object of each file as seqproof made it.

    Raises:
        UserError: the record is damaged, or `seqproof new` did not create the project.
    """
    try:
        return files.read_json(project / RECORD, dict[str, str])
    except FileNotFoundError:
        return _first_commit(project)
    except ValueError:
        raise UserError(
            f"{RECORD} is damaged. Restore it: `git checkout HEAD -- {RECORD}`."
        ) from None


def _first_commit(project: Path) -> dict[str, str]:
    """Return the files of a project's first commit: versions without a record made it alone."""
    commits = repository.git(project, ["log", "--format=%H %s", "--", "params.yaml"]).split("\n")
    commit, _, message = commits[-2].partition(" ") if len(commits) > 1 else ("", "", "")
    if not message.startswith(FIRST_COMMIT):
        raise UserError(
            "`seqproof new` did not create this project, so that its files cannot be told from "
            "yours. Create one with `seqproof new`, and copy your params.yaml and texts into it."
        )
    objects = repository.blobs(repository.git(project, ["ls-tree", "-r", "-z", commit]))
    return {path: name for path, name in objects.items() if _is_of_seqproof(path)}


def _is_of_seqproof(path: str) -> bool:
    folders = (*skeleton.FOLDERS, skeleton.PACKAGE)
    return path in skeleton.FILES or path.partition("/")[0] in folders


def upgrade(project: Path, source: Path) -> Changes:
    """Replace the files of a project by those of the source, except what the user has changed.

    Args:
        project: its root; Git has all its files as they are.
        source: a clone of seqproof, or the copy in the wheel.
    """
    earlier, paths = recorded(project), skeleton.files(source)
    current = repository.blobs(repository.git(project, ["ls-files", "-s", "-z"]))
    objects = _objects(project, paths)
    changes = Changes()
    for path, file in sorted(paths.items()):
        before, now = earlier.get(path), current.get(path)
        if now == objects[path] or (now is None and _is_copy(project / path, file)):
            continue
        kind = _change(project / path, file, before, now, objects[path])
        if kind == "merged":
            kind = _merge(project, path, file, before)
        elif kind in ("added", "replaced"):
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, project / path)
        getattr(changes, kind).append(path)
    for path in sorted((earlier.keys() & current.keys()) - paths.keys()):
        if current[path] == earlier[path]:
            (project / path).unlink()
            changes.removed.append(path)
        else:
            changes.obsolete.append(path)
    files.write_text(project / RECORD, files.dump_json(objects))
    return changes


def _is_copy(target: Path, file: Path) -> bool:
    """Return True if an interrupted upgrade has written a file, which Git does not have yet."""
    return target.is_file() and filecmp.cmp(target, file, shallow=False)


def _change(target: Path, file: Path, before: str | None, now: str | None, new: str) -> str:
    """Return the attribute of `Changes` for a file that differs from the new one.

    Args:
        target: the file of the project.
        file: the file of the source.
        before: its Git object as seqproof made it; None if it is new.
        now: the same as it is in Git; None if Git does not have it.
        new: the same of the source's file.
    """
    if now is None and not target.exists():
        return "added" if before is None else "deleted"
    if now is not None and now == before:
        return "replaced"
    return "unchanged" if before == new else "merged"


def _merge(project: Path, path: str, file: Path, before: str | None) -> str:
    """Merge a file that the user and the new version have changed; else put the new text beside."""
    target = project / path
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        if before is not None and _read_object(project, before, base):
            command = ["git", "merge-file", "--stdout", str(target), str(base), str(file)]
            merge = subprocess.run(command, capture_output=True, check=False)
            if merge.returncode == 0:
                target.write_bytes(merge.stdout)
                return "merged"
    shutil.copyfile(file, target.with_name(target.name + NEW_TEXT))
    return "beside"


def _read_object(project: Path, name: str, target: Path) -> bool:
    """Write an object of Git to a file; return False if Git does not have it any more."""
    with target.open("wb") as stream:
        command = ["git", "-C", str(project), "cat-file", "blob", name]
        process = subprocess.run(command, stdout=stream, stderr=subprocess.DEVNULL, check=False)
    return process.returncode == 0


def _objects(project: Path, paths: Mapping[str, Path]) -> dict[str, str]:
    """Return the Git object of each file of the source, in the format of the project's Git."""
    names = "".join(f"{file}\n" for file in paths.values())
    command = ["hash-object", "--no-filters", "--stdin-paths"]
    objects = repository.git(project, command, text=names).split()
    return dict(zip(paths, objects, strict=True))
