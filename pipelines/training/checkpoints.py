"""Checkpoints: all that a training needs to go on as if it had never been stopped.

They live outside the outs of a stage, which DVC deletes before it runs, in a folder that is named
by the hash of all that the stage reads: what was trained with other code, data or parameters is
never taken up. Arrays stand in files named by their own sha256, so that weights which have not
changed since the checkpoint before are not written again and a torn file is noticed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from pipelines import console, files
from pipelines.errors import UserError

Arrays = Sequence[npt.NDArray[Any]]

KEPT = 2  # checkpoints of a training: the newest, and the one before in case that one is torn
UNFINISHED = 3  # trainings of one stage that may wait to be gone on with
FORMAT = 1  # raised when what is in a checkpoint changes its meaning
ATTEMPT, LOCK, INDEX, ARRAYS = "attempt", "lock", ".json", ".npys"
NAMED = re.compile(rf"\d{{12}}-[0-9a-f]{{64}}{INDEX}")


@dataclass(frozen=True)
class Snapshot:
    """A training between two steps.

    Attributes:
        said: counts, positions and scores, as JSON has them.
        groups: arrays by what they are, `model` for instance.
    """

    said: Mapping[str, Any]
    groups: Mapping[str, Arrays]


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: made if need be.
        every: steps between two of them.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every

    @property
    def begun(self) -> bool:
        """Whether there is one to go on from."""
        return bool(self._indices())

    def newest(self) -> Snapshot | None:
        """The newest that is whole; None if there is none.

        What is damaged is taken away: a checkpoint of an earlier step would count as older than it
        is, and a torn file of arrays as the one that is to be written.
        """
        for index in self._indices()[::-1]:
            try:
                return self._read(index)
            except (FileNotFoundError, ValueError, KeyError, TypeError):
                console.echo(f"The checkpoint of step {_step(index):,} is damaged and taken away.")
                files.remove(index)
                self._remove_torn()
            except OSError as error:  # it may be whole: nothing is lost for a disk's bad day
                said = f"cannot be read ({error.strerror}) and is left alone"
                console.echo(f"The checkpoint of step {_step(index):,} {said}.")
        return None

    def write(self, step: int, snapshot: Snapshot) -> None:
        """Write a checkpoint, whole or not at all, and take away those before the one before it.

        Raises:
            OSError: the disk is full, for instance; what was there before still is.
        """
        names = {group: self._put(arrays) for group, arrays in snapshot.groups.items()}
        said = {"format": FORMAT, "said": snapshot.said, "groups": names}
        text = json.dumps(said, allow_nan=False).encode()  # as it stands: a row's columns in order
        name = f"{step:012}-{hashlib.sha256(text).hexdigest()}{INDEX}"
        with _whole(self.folder / name) as file:
            file.write(text)
        self._prune()

    @property
    def attempt(self) -> str:
        """A name of this training that no other has, and that outlives its processes: by it
        whoever goes on finds the run that was begun."""
        path = self.folder / ATTEMPT
        with suppress(OSError, UnicodeDecodeError):
            name = path.read_text(encoding="utf-8")
            if re.fullmatch("[0-9a-f]{32}", name):
                return name
        files.remove(path)
        name = uuid.uuid4().hex
        with _whole(path) as file:
            file.write(name.encode())
        return name

    def clear(self) -> None:
        """Forget all of it: the training is done, or is to begin afresh."""
        for file in self.folder.iterdir():
            if file.name != LOCK:
                files.remove(file)

    def _indices(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if NAMED.fullmatch(path.name))

    def _read(self, index: Path) -> Snapshot:
        found = _index(index)
        if found["format"] != FORMAT:
            raise ValueError(found["format"])
        groups = {group: self._take(name) for group, name in found["groups"].items()}
        return Snapshot(found["said"], groups)

    def _put(self, arrays: Arrays) -> str:
        """Write arrays under the sha256 of their bytes, unless they are there."""
        digest = _Digest()
        _save(arrays, digest)
        name = digest.sha256.hexdigest() + ARRAYS
        if not (self.folder / name).is_file():
            with _whole(self.folder / name) as file:
                _save(arrays, file)
        return name

    def _take(self, name: str) -> list[npt.NDArray[Any]]:
        path = self.folder / name
        with path.open("rb") as file:
            if not _names(name, file):
                raise ValueError(name)
            end = file.tell()
            file.seek(0)
            found = []
            while file.tell() < end:
                found.append(np.lib.format.read_array(file, allow_pickle=False))
            return found

    def _remove_torn(self) -> None:
        for path in self.folder.glob(f"*{ARRAYS}"):
            with path.open("rb") as file:
                whole = _names(path.name, file)
            if not whole:
                files.remove(path)

    def _prune(self) -> None:
        """Arrays of no checkpoint that is kept, and what a torn write left, go too."""
        kept = self._indices()[-KEPT:]
        wanted = {file.name for file in kept} | {ATTEMPT, LOCK}
        for index in kept:
            with suppress(OSError, ValueError):
                wanted |= set(_index(index)["groups"].values())
        for file in self.folder.iterdir():
            if file.name not in wanted:
                files.remove(file)


@contextmanager
def opened(
    home: Path, stage: str, key: str, every: int, fresh: bool = False
) -> Iterator[Checkpoints]:
    """The checkpoints of one training, for one process at a time.

    Args:
        home: the project's root.
        stage: whose trainings stand beside each other; only the newest few stay.
        key: of all that the training reads.
        every: steps between two checkpoints.
        fresh: forget those that are there.

    Raises:
        Refusal: another process is at this very training.
    """
    folder = home / ".seqproof" / "checkpoints" / stage / key
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"Another process is at this very training ({stage}): wait for it, or end it first."
        ) from None
    try:
        checkpoints = Checkpoints(folder, every)
        if fresh:
            checkpoints.clear()
        _forget_old(folder)
        yield checkpoints
        if not any(file.name != LOCK for file in folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


def _forget_old(folder: Path) -> None:
    """Of the unfinished trainings of a stage the newest few are kept; one under way always is."""
    others = [one for one in folder.parent.iterdir() if one.is_dir() and one != folder]
    others.sort(key=lambda one: one.stat().st_mtime)
    for old in others[: -UNFINISHED + 1]:
        with suppress(Timeout, OSError), FileLock(old / LOCK, timeout=0):
            shutil.rmtree(old)


class _Digest:
    """A file that only hashes what is written to it."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, part: bytes) -> None:
        self.sha256.update(part)


def _names(name: str, file: BufferedReader) -> bool:
    """Whether a file of arrays is whole: its name holds the hash of what is in it."""
    return hashlib.file_digest(file, "sha256").hexdigest() + ARRAYS == name


def _step(index: Path) -> int:
    return int(index.name.partition("-")[0])


def _index(path: Path) -> Any:
    """What a checkpoint says, if it is whole: its name holds its own hash."""
    text = path.read_bytes()
    if hashlib.sha256(text).hexdigest() != path.stem.partition("-")[2]:
        raise ValueError(path.name)
    return json.loads(text)


def _save(arrays: Arrays, file: Any) -> None:
    """One array after the other in NumPy's own format."""
    for array in arrays:
        np.lib.format.write_array(file, array, allow_pickle=False)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears when all of it is written."""
    with files.atomic_write(path) as beside, beside.open("wb") as file:
        yield file
