"""A project in its workspace or at a commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines import paths
from pipelines.lineage import dvc_project
from pipelines.lineage.stages import FileHash, LockedStage, Stage


class ProjectSnapshot:
    """dvc.yaml, dvc.lock and files of a project; each is read once, when it is first needed.

    Args:
        repo: a project that DVC has opened.
        commit: its hash; None for the workspace.
    """

    def __init__(self, repo: Any, commit: str | None) -> None:
        self.commit = commit
        self._repo = repo
        self._hashes: dict[str, FileHash | None] = {}

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Stages of dvc.yaml by name."""
        return dvc_project.load_stages(self._repo)

    @cached_property
    def locked(self) -> dict[str, LockedStage]:
        """Stages of dvc.lock by name; empty without a dvc.lock."""
        text = self.text(paths.DVC_LOCK.as_posix())
        return {} if text is None else dvc_project.parse_lock(text)

    def text(self, path: str) -> str | None:
        """Return the content of a file; None if it does not exist or is not UTF-8."""
        try:
            with self._repo.fs.open(self._absolute(path), "rb") as file:
                return bytes(file.read()).decode("utf-8")
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            return None

    def file_hash(self, path: str) -> FileHash | None:
        """Return the hash of a file or folder; None if it does not exist."""
        if path not in self._hashes:
            self._hashes[path] = dvc_project.file_hash(self._repo, self._absolute(path))
        return self._hashes[path]

    def cache_path(self, md5: str) -> Path:
        """Return the path of an object in DVC's cache, whether it exists or not."""
        return Path(self._repo.cache.local.oid_to_path(md5))

    def members(self, md5: str) -> dict[str, str]:
        """Return the MD5 of each file in a cached folder; empty if the cache lacks the folder."""
        return dvc_project.cached_members(self._repo, md5)

    def path(self, path: str) -> Path:
        """Return the absolute path of a file in the workspace."""
        return Path(self._absolute(path))

    def _absolute(self, path: str) -> str:
        return str(self._repo.fs.join(self._repo.root_dir, path))


@contextmanager
def open_snapshot(root: Path, commit: str | None = None) -> Iterator[ProjectSnapshot]:
    """Open a project in its workspace or at a commit.

    Raises:
        UserError: DVC cannot read the project.
    """
    with dvc_project.open_project(root, commit) as repo:
        yield ProjectSnapshot(repo, commit)
