"""A project as its folder has it now, or as a commit has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.lineage import dvc_project

LOCK = "dvc.lock"


class Snapshot:
    """What dvc.yaml, dvc.lock and the files say; each is read once, and only if it is asked for.

    Args:
        repo: what `graph.opened` gives.
        commit: its hash; None for the project's folder.
    """

    def __init__(self, repo: Any, commit: str | None) -> None:
        self.commit = commit
        self._repo = repo
        self._contents: dict[str, dvc_project.FileHash | None] = {}

    @cached_property
    def stages(self) -> dict[str, dvc_project.Stage]:
        """The graph, by the names of its stages."""
        return dvc_project.load_stages(self._repo)

    @cached_property
    def locked(self) -> dict[str, dvc_project.LockedStage]:
        """What dvc.lock says; nothing if there is none."""
        text = self.text(LOCK)
        return {} if text is None else dvc_project.parse_lock(text)

    def text(self, path: str) -> str | None:
        """What a file holds; None if it is not there, or is no text."""
        try:
            with self._repo.fs.open(self._place(path), "rb") as file:
                return bytes(file.read()).decode("utf-8")
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            return None

    def content(self, path: str) -> dvc_project.FileHash | None:
        """What a file or a folder holds; None if it is not there."""
        if path not in self._contents:
            self._contents[path] = dvc_project.content(self._repo, self._place(path))
        return self._contents[path]

    def kept(self, md5: str) -> Path:
        """Where DVC's cache keeps what has this MD5, if it does."""
        return Path(self._repo.cache.local.oid_to_path(md5))

    def members(self, md5: str) -> dict[str, str]:
        """The MD5 of each file of a folder by its name in there, as DVC's cache has the list;
        nothing if it does not."""
        return dvc_project.members(self._repo, md5)

    def file(self, path: str) -> Path:
        """A path of the project's folder."""
        return Path(self._place(path))

    def _place(self, path: str) -> str:
        return str(self._repo.fs.join(self._repo.root_dir, path))


@contextmanager
def opened(root: Path, commit: str | None = None) -> Iterator[Snapshot]:
    """The project `root` in its folder, or at a commit.

    Raises:
        Refusal: DVC cannot read it.
    """
    with dvc_project.opened(root, commit) as repo:
        yield Snapshot(repo, commit)
