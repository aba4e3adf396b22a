"""Checkpoints: everything that a training run needs to continue as if it had never stopped.

DVC deletes the outs of a stage before it runs, so checkpoints are kept in a folder of their own. It
is named by the hash of everything the stage reads: training with other code, data or parameters
never resumes from it. Arrays are stored in files named by their own SHA-256, so that unchanged
weights are not written again and a torn file is noticed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from pipelines import console, files
from pipelines.errors import UserError

Arrays = Sequence[npt.NDArray[Any]]

MAX_TO_KEEP = 2  # checkpoints of a training run: the newest, and the one before in case it is torn
MAX_UNFINISHED = 16  # unfinished training runs of one stage that can be resumed, as of a sweep
FORMAT = 3  # increased whenever the content of a checkpoint changes its meaning
ATTEMPT, LOCK, INDEX_SUFFIX, ARRAYS_SUFFIX = "attempt", "lock", ".json", ".npys"
INDEX_NAME = re.compile(rf"\d{{12}}-[0-9a-f]{{64}}{INDEX_SUFFIX}")


class Checkpoint(NamedTuple):
    """State of a training run between two steps.

    Attributes:
        metadata: counters, positions and scores, as JSON stores them.
        arrays: arrays by name, `model` for instance.
    """

    metadata: Mapping[str, Any]
    arrays: Mapping[str, Arrays]


class CheckpointManager:
    """The checkpoints of one training run.

    Args:
        folder: an existing folder.
        interval: steps between two checkpoints.
    """

    def __init__(self, folder: Path, interval: int) -> None:
        self.folder, self.interval = folder, interval

    @property
    def can_resume(self) -> bool:
        """True if there is a checkpoint."""
        return bool(self._indices())

    def latest(self) -> Checkpoint | None:
        """Load the latest intact checkpoint; return None if there is none.

        Damaged files are removed. Otherwise a damaged checkpoint of a later step would count as
        newer than the next one written, and a torn file of arrays as already written.
        """
        for index in self._indices()[::-1]:
            try:
                return self._load(index)
            except (FileNotFoundError, ValueError, KeyError, TypeError):
                console.echo(f"Removed the damaged checkpoint of step {_step(index):,}.")
                files.remove(index)
                self._remove_torn_arrays()
            except OSError as error:  # possibly temporary: the file may be intact, so it stays
                console.echo(
                    f"Cannot read the checkpoint of step {_step(index):,} ({error.strerror})."
                )
        return None

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Write a checkpoint atomically, and remove all but the last `MAX_TO_KEEP`.

        Raises:
            OSError: the disk is full, for instance; the earlier checkpoints remain.
        """
        names = {name: self._save_arrays(arrays) for name, arrays in checkpoint.arrays.items()}
        content = {"format": FORMAT, "metadata": checkpoint.metadata, "arrays": names}
        # Keys are not sorted: the columns of the history keep their order.
        text = json.dumps(content, allow_nan=False).encode()
        name = f"{step:012}-{hashlib.sha256(text).hexdigest()}{INDEX_SUFFIX}"
        with _atomic_file(self.folder / name) as file:
            file.write(text)
        self._prune()

    @property
    def attempt(self) -> str:
        """Unique name of this training run, the same in all its processes.

        A resumed training finds its MLflow run by it.
        """
        path = self.folder / ATTEMPT
        with suppress(OSError, UnicodeDecodeError):
            name = path.read_text(encoding="utf-8")
            if re.fullmatch("[0-9a-f]{32}", name):
                return name
        files.remove(path)
        name = uuid.uuid4().hex
        with _atomic_file(path) as file:
            file.write(name.encode())
        return name

    def clear(self) -> None:
        """Remove all checkpoints: the training is finished, or is to start anew."""
        for file in self.folder.iterdir():
            if file.name != LOCK:
                files.remove(file)

    def _indices(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if INDEX_NAME.fullmatch(path.name))

    def _load(self, index: Path) -> Checkpoint:
        content = _read_index(index)
        if content["format"] != FORMAT:
            raise ValueError(content["format"])
        arrays = {name: self._load_arrays(file) for name, file in content["arrays"].items()}
        return Checkpoint(content["metadata"], arrays)

    def _save_arrays(self, arrays: Arrays) -> str:
        """Write arrays to a file named by the SHA-256 of its bytes, unless it exists."""
        digest = _Digest()
        _write_arrays(arrays, digest)
        name = digest.sha256.hexdigest() + ARRAYS_SUFFIX
        if not (self.folder / name).is_file():
            with _atomic_file(self.folder / name) as file:
                _write_arrays(arrays, file)
        return name

    def _load_arrays(self, name: str) -> list[npt.NDArray[Any]]:
        path = self.folder / name
        with path.open("rb") as file:
            if not _has_digest(file, name):
                raise ValueError(name)
            end = file.tell()
            file.seek(0)
            arrays = []
            while file.tell() < end:
                arrays.append(np.lib.format.read_array(file, allow_pickle=False))
            return arrays

    def _remove_torn_arrays(self) -> None:
        for path in self.folder.glob(f"*{ARRAYS_SUFFIX}"):
            with path.open("rb") as file:
                is_intact = _has_digest(file, path.name)
            if not is_intact:
                files.remove(path)

    def _prune(self) -> None:
        """Remove old checkpoints, arrays of no checkpoint, and leftovers of torn writes."""
        indices = self._indices()[-MAX_TO_KEEP:]
        used = {index.name for index in indices} | {ATTEMPT, LOCK}
        for index in indices:
            with suppress(OSError, ValueError):
                used |= set(_read_index(index)["arrays"].values())
        for file in self.folder.iterdir():
            if file.name not in used:
                files.remove(file)


@contextmanager
def open_checkpoints(
    root: Path, stage: str, key: str, interval: int, fresh: bool = False
) -> Iterator[CheckpointManager]:
    """Open the checkpoints of one training run, for one process at a time.

    Args:
        root: the project's root.
        stage: the stage; only its newest unfinished training runs are kept.
        key: hash of everything that the training reads.
        interval: steps between two checkpoints.
        fresh: remove existing checkpoints.

    Raises:
        UserError: another process is running the same stage.
    """
    folder = root / ".seqproof" / "checkpoints" / stage / key
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"Another process is already running {stage}. Wait until it has finished, or stop it."
        ) from None
    try:
        checkpoints = CheckpointManager(folder, interval)
        if fresh:
            checkpoints.clear()
        _remove_old_trainings(folder)
        yield checkpoints
        if not any(file.name != LOCK for file in folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


def _remove_old_trainings(folder: Path) -> None:
    """Remove all but the newest unfinished training runs of a stage; a running one always stays."""
    others = [path for path in folder.parent.iterdir() if path.is_dir() and path != folder]
    others.sort(key=lambda path: path.stat().st_mtime)
    for old in others[: -MAX_UNFINISHED + 1]:
        with suppress(Timeout, OSError), FileLock(old / LOCK, timeout=0):
            shutil.rmtree(old)


class _Digest:
    """A file that only hashes what is written to it."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes) -> None:
        self.sha256.update(content)


def _has_digest(file: BufferedReader, name: str) -> bool:
    """Return True if a file of arrays is intact: its name is the hash of its content."""
    return hashlib.file_digest(file, "sha256").hexdigest() + ARRAYS_SUFFIX == name


def _step(index: Path) -> int:
    return int(index.name.partition("-")[0])


def _read_index(path: Path) -> Any:
    """Read the index of a checkpoint; raise ValueError if its name is not its own hash."""
    text = path.read_bytes()
    if hashlib.sha256(text).hexdigest() != path.stem.partition("-")[2]:
        raise ValueError(path.name)
    return json.loads(text)


def _write_arrays(arrays: Arrays, file: Any) -> None:
    """Write one array after the other in NumPy's format."""
    for array in arrays:
        files.write_array(array, file)


@contextmanager
def _atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name when it is complete."""
    with files.atomic_write(path) as temporary, temporary.open("wb") as file:
        yield file
