"""Checkpoints of a training on another machine: its successor goes on from them.

A manifest lists the files of the newest checkpoint. It is written after them, so that a worker that
dies leaves the checkpoint before. Files that are no longer listed are removed afterwards; they are
listed apart until then, so that no file is left behind.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pipelines import console, files
from pipelines.errors import redact
from pipelines.lineage import dvc_project, lockfiles, project_copy, provenance
from pipelines.lineage.remote_folder import RemoteFolder
from pipelines.training.checkpoints import ATTEMPT, INDEX_NAME

PERIOD = 1.0  # seconds between two looks for a new checkpoint
MANIFEST = "manifest.json"


class Manifest(NamedTuple):
    """Files of a training in the exchange.

    Attributes:
        checkpoint: those of the newest checkpoint, its index last.
        others: those that may exist, too.
    """

    checkpoint: list[str]
    others: list[str]


class CheckpointExchange:
    """The newest checkpoint of a training, in a folder of this machine and in a remote one.

    Args:
        folder: with the checkpoints, of this training alone; it need not exist.
        remote: of this training alone.
    """

    def __init__(self, folder: Path, remote: RemoteFolder) -> None:
        self._folder, self._remote = folder, remote
        self._uploaded = ""  # index of a checkpoint
        self._failed = False

    @contextmanager
    def open(self, period: float = PERIOD) -> Iterator[None]:
        """Download the checkpoint, and upload new ones while the context is open.

        They are removed from the exchange if the training has finished, unless the context ends by
        an exception. Errors of the exchange are reported once: the training goes on without it.

        Args:
            period: seconds between two looks for a new checkpoint.
        """
        self._try(self.download)
        end = threading.Event()
        thread = threading.Thread(target=self._watch, args=(end, period), daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
            self._try(self.upload)
        if not newest_files(self._folder):
            self._try(self.clear)

    def download(self) -> None:
        """Download the newest checkpoint, unless this machine has one."""
        if not newest_files(self._folder):
            for name in self._read().checkpoint:
                self._remote.download(name, self._folder / name)

    def upload(self) -> None:
        """Upload the newest checkpoint, unless it is there, or a newer one of another machine."""
        names = newest_files(self._folder)
        if not names or names[-1] == self._uploaded:
            return
        earlier, others = self._read()
        if not earlier or earlier[-1] < names[-1]:  # an index begins with its step
            new = [name for name in names if name not in earlier]
            self._write(Manifest(earlier, sorted({*others, *new})))
            for name in new:
                self._remote.upload(self._folder / name, name)
            obsolete = sorted({*others, *earlier} - set(names))
            self._write(Manifest(names, obsolete))
            self._remote.remove(obsolete)
        self._uploaded = names[-1]

    def clear(self) -> None:
        """Remove all files from the exchange."""
        names = {name for part in self._read() for name in part}
        if names:
            self._write(Manifest([], sorted(names)))  # names the files until they are removed
            self._remote.remove([*sorted(names), MANIFEST])

    def _read(self) -> Manifest:
        content = self._remote.read(MANIFEST)
        return Manifest(**json.loads(content)) if content else Manifest([], [])

    def _write(self, manifest: Manifest) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / MANIFEST
            files.write_json(file, manifest._asdict())
            self._remote.upload(file, MANIFEST)

    def _watch(self, end: threading.Event, period: float) -> None:
        while not end.wait(period):
            self._try(self.upload)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except FileNotFoundError:
            return  # the training has removed an old checkpoint, or another worker has
        except Exception as error:  # of any file system and network
            if not self._failed:
                self._failed = True
                console.echo(
                    f"The checkpoint of {self._folder.parent.name} could not be exchanged with "
                    f"other machines: {redact(str(error)) or type(error).__name__}",
                    error=True,
                )


@contextmanager
def exchanged(folder: Path, stage: str) -> Iterator[None]:
    """Exchange the checkpoints of a stage while the context is open, if it is a training.

    Args:
        folder: copy of the project, with the inputs of the stage.
        stage: its name.
    """
    if lockfiles.stage_kind(stage) != lockfiles.TRAINING:
        yield
        return
    key = provenance.inputs(stage, folder).input_hash
    local = dvc_project.main_root(folder) / ".seqproof" / "checkpoints" / stage / key
    with dvc_project.open_project(folder, wait=True) as repo:
        remote = RemoteFolder(repo, f"checkpoints/{stage}/{key}")
    with CheckpointExchange(local, remote).open():
        yield


def discard(root: Path, stage: str, keys: Iterable[str]) -> None:
    """Remove checkpoints from the exchange with which no training goes on.

    Where the exchange cannot be reached, they stay.

    Args:
        root: of the project.
        stage: name of the training.
        keys: hashes of its inputs.
    """
    with suppress(Exception), dvc_project.open_project(root, wait=True) as repo:
        for key in keys:
            path = f"checkpoints/{stage}/{key}"
            folder = root / project_copy.EXCHANGE / path
            if folder.is_dir():  # workers see the disk of the project
                files.remove(folder)
            else:
                CheckpointExchange(folder, RemoteFolder(repo, path)).clear()


def newest_files(folder: Path) -> list[str]:
    """Return the files of the newest complete checkpoint of a folder, its index last."""
    with suppress(OSError):
        indices = (path for path in folder.iterdir() if INDEX_NAME.fullmatch(path.name))
        for index in sorted(indices, reverse=True):
            with suppress(OSError, ValueError, KeyError):
                arrays: Mapping[str, str] = json.loads(index.read_bytes())["arrays"]
                names = [ATTEMPT, *sorted(set(arrays.values())), index.name]
                if all((folder / name).is_file() for name in names):
                    return names
    return []
