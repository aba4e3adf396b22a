"""Atomic writing: files and folders appear complete or not at all, whatever stops the process."""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy.typing as npt

T = TypeVar("T")

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` at the end.

    The content is on the disk before it gets its name, so that a power failure leaves the old or
    the new version. The next call removes what a killed process left behind.

    Args:
        path: a file or a folder; missing parent folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    remove(temporary)
    try:
        with _name_target(path, temporary):
            yield temporary
            for part in [*temporary.rglob("*"), temporary]:
                _sync(part)
            if path.is_dir():
                shutil.rmtree(path)
            temporary.replace(path)
            _sync(path.parent)
    finally:
        remove(temporary)


@contextmanager
def work_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`, which is removed at the end.

    A process locks its folder, and the lock ends with the process: the next call removes the
    folders that killed processes left behind.

    Args:
        target: a file or a folder that is being made; missing parent folders are made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.work-"
    for folder in target.parent.glob(f"{glob.escape(prefix)}*"):
        with suppress(OSError), _lock(folder):
            shutil.rmtree(folder)
    with ExitStack() as stack:
        folder = _locked_folder(target.parent, prefix, stack)
        try:
            with _name_target(target, folder):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _locked_folder(parent: Path, prefix: str, stack: ExitStack) -> Path:
    """Return a new folder whose lock ends with the stack."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        with suppress(OSError):  # another process took it for a leftover before it was locked
            stack.enter_context(_lock(folder))
            if folder.exists():
                return folder


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lock a folder; fail if another process has locked it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


@contextmanager
def _name_target(path: Path, temporary: Path) -> Iterator[None]:
    """Let the error of a full disk name the target instead of the temporary file."""
    try:
        yield
    except OSError as error:
        name = str(error.filename or temporary)
        if error.errno in DISK_FULL and name.startswith(str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise


def move(source: Path, path: Path) -> None:
    """Move a file atomically to another place on the same disk."""
    with atomic_write(path) as temporary:
        source.replace(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file atomically, with its line ends as they are."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_array(array: npt.NDArray[Any], file: Any) -> None:
    """Write an array in NumPy's format to an open binary file.

    Raises:
        OSError: the disk is full, for instance.
    """
    import numpy as np

    # Given a real file, NumPy calls `tofile`, whose errors do not name their cause.
    writer: Any = SimpleNamespace(write=file.write)
    np.lib.format.write_array(writer, array, allow_pickle=False)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically; see `dump_json`."""
    write_text(path, dump_json(value))


def dump_json(value: Any) -> str:
    """Return JSON with sorted keys, so that equal values give equal bytes.

    Raises:
        ValueError: a number is infinite or NaN, which JSON cannot hold.
    """
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: Path, kind: type[T]) -> T:
    """Read a JSON file whose values have the types of `kind`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no valid JSON, is nested without bound, or has other types.
    """
    from pydantic import TypeAdapter  # imported here so that `--help` stays quick

    return TypeAdapter(kind).validate_json(path.read_bytes())


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
