"""Files and folders that appear whole or not at all, whatever stops the process on the way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to; what was written there then takes the place of `path`.

    It is on the disk before it gets its name, so that a lost power leaves the old or the new. What
    a killed process left beside it is taken away by the next.

    Args:
        path: a file or a folder; the folders above it are made if need be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    remove(beside)
    try:
        yield beside
        for written in [*beside.rglob("*"), beside]:
            _sync(written)
        if path.is_dir():
            shutil.rmtree(path)
        beside.replace(path)
        _sync(path.parent)
    finally:
        remove(beside)


def write_text(path: Path, text: str) -> None:
    """Write a text whole: UTF-8, its lines ended as they are."""
    with atomic_write(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Take away a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
