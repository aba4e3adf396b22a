"""A folder of files in a DVC remote, beside those that DVC keeps there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines import files


class RemoteFolder:
    """Files of a folder in the remote of an open project, by name.

    No folder is listed, which a remote over HTTP cannot do.

    Args:
        repo: the open project.
        path: of the folder, with slashes.
        remote: name of the remote; the default one if it is omitted.

    Raises:
        DvcException: there is no such remote.
    """

    def __init__(self, repo: Any, path: str, remote: str | None = None) -> None:
        located = repo.cloud.get_remote(remote)
        self._files = located.fs
        self._path = self._files.join(located.path, *path.split("/"))

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        try:
            with self._files.open(self._join(name), "rb") as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None

    def upload(self, source: Path, name: str) -> None:
        """Upload a file.

        Raises:
            FileNotFoundError: the file has been removed meanwhile.
        """
        target = self._join(name)
        self._files.makedirs(self._files.parent(target), exist_ok=True)
        try:
            self._files.put_file(str(source), target)
        except Exception as error:
            if not source.exists():  # over HTTP, this is another error
                raise FileNotFoundError(str(source)) from error
            raise

    def download(self, name: str, target: Path) -> None:
        """Download a file; it appears under its name when it is complete.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with files.atomic_write(target) as temporary:
            self._files.get_file(self._join(name), str(temporary))

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that may exist; a remote that cannot, over HTTP, keeps them empty."""
        for name in names:
            try:
                self._files.remove(self._join(name))
            except FileNotFoundError:
                continue
            except NotImplementedError:
                self.upload(Path(os.devnull), name)

    def _join(self, name: str) -> str:
        return str(self._files.join(self._path, name))
