"""Atomic writing: files and folders appear complete or not at all, whatever stops the process."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
        yield temporary
        for part in [*temporary.rglob("*"), temporary]:
            _sync(part)
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file atomically, with its line ends as they are."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically; see `dump_json`."""
    write_text(path, dump_json(value))


def dump_json(value: Any) -> str:
    """Return JSON with sorted keys, so that equal values give equal bytes.

    Raises:
        ValueError: a number is infinite or NaN, which JSON cannot hold.
    """
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


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
