"""`seqproof merge-lock`: the merge driver of Git for dvc.lock."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from commands import repository
from pipelines import console, files
from pipelines.errors import UserError
from pipelines.lineage import lock_merge


def merge_lock(base: Path, ours: Path, theirs: Path) -> None:
    """Merge two versions of dvc.lock, and name the entries that both sides have changed.

    Args:
        base: the version of the common ancestor.
        ours: the version of the current branch; it becomes the merged one.
        theirs: the version of the other branch.

    Raises:
        UserError: one of them is no dvc.lock.
    """
    merged = lock_merge.merge(*(_read(file) for file in (base, ours, theirs)))
    files.write_text(ours, merged.text)
    if merged.left_out:
        console.echo(
            f"dvc.lock: both sides changed {', '.join(merged.left_out)}. The merged file has no "
            "such entry; `seqproof run` restores the stage from DVC's cache, or runs it.",
            error=True,
        )


def install(project: Path) -> None:
    """Set the driver in the Git repository of a project; do nothing without a repository."""
    with suppress(UserError):
        repository.git(
            project, ["config", f"merge.{lock_merge.ATTRIBUTE}.driver", lock_merge.DRIVER]
        )


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}).") from None
    except UnicodeError:
        raise UserError(f"{file} is no dvc.lock: it is not UTF-8.") from None
