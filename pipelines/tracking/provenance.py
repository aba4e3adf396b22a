"""Where a result comes from: hashes of files and folders, and the state of Git."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

# What a run depends on besides data. Files that the running graph itself writes (dvc.lock, metrics)
# must not count: with them every run but the first would call itself dirty.
CODE = ("*.py", "*.yaml", "*.toml", "*.jinja")


def file_hash(path: Path) -> str:
    """MD5 of the bytes, 32 hexadecimal digits: what DVC writes into dvc.lock for a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_hash(path: Path) -> str:
    """SHA-256 over the sorted relative names and the contents of all files below a folder."""
    digest = hashlib.sha256()
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    for name in sorted(files):
        content = hashlib.sha256(files[name].read_bytes()).hexdigest()
        # No name holds a NUL and every content has 64 digits, so no two folders share this text.
        digest.update(f"{name}\0{content}".encode())
    return digest.hexdigest()


def git_state(root: Path) -> dict[str, str]:
    """The commit, and whether code or parameters differ from it; "none" outside a repository.

    Returns:
        `git_commit`: 40 hexadecimal digits or "none"; `git_dirty`: "true", "false" or "none".
    """
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *CODE) if commit else None
    dirty = "none" if changes is None else str(changes != "").lower()
    return {"git_commit": commit or "none", "git_dirty": dirty}


def committed(file: Path) -> bool:
    """Whether a file stands in the commit as it is in its folder; not so without a repository."""
    return _git(file.parent, "status", "--porcelain", "--ignored", "--", file.name) == ""


def _git(root: Path, *arguments: str) -> str | None:
    """What Git answers, or None when there is no Git, no repository or no answer."""
    # Without its optional locks, `git status` cannot disturb a commit that runs beside it.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()
