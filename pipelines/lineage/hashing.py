"""Hashes of files and folders."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path


def file_md5(path: Path) -> str:
    """Return the MD5 of a file (32 hexadecimal digits), as DVC writes it into dvc.lock."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_sha256(path: Path, pattern: str = "*") -> str:
    """Return a SHA-256 over the sorted relative names and the contents of all files in a folder."""
    files = (file for file in path.rglob(pattern) if file.is_file())
    return files_sha256({file.relative_to(path).as_posix(): file for file in files})


def files_sha256(files: Mapping[str, Path]) -> str:
    """Return the `folder_sha256` of a folder with these files, given by their names in it."""
    digest = hashlib.sha256()
    for name in sorted(files):
        content = hashlib.sha256(files[name].read_bytes()).hexdigest()
        # Names have no NUL and contents have 64 digits: different folders hash different texts.
        digest.update(f"{name}\0{content}".encode())
    return digest.hexdigest()
