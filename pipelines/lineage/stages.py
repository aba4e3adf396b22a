"""A stage in the terms of DVC: what it reads, what it leaves, and their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Inputs:
    """All that a stage's outs are a function of, in the terms of dvc.lock.

    Attributes:
        stage: its name in the graph, `train_lstm@shakespeare-lstm` for instance.
        command: as DVC runs it.
        files: MD5 of each dependency by its path; that of a folder ends in `.dir`.
        params: each key of params.yaml that the stage reads, with its value.
    """

    stage: str
    command: str
    files: Mapping[str, str]
    params: Mapping[str, Any]

    @property
    def key(self) -> str:
        """One hash of command, files and parameters (64 hexadecimal digits): of two stages with
        the same key the outs are the same. The name is no part of it."""
        said = {"command": self.command, "files": dict(self.files), "params": dict(self.params)}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class LockedStage:
    """A stage in dvc.lock: what it read, and the outs that it left then.

    Attributes:
        inputs: what it read.
        outs: MD5 of each out by its path, in the order of dvc.lock.
        sizes: bytes of each file or folder, read or left, by its path.
        counts: files of each folder, read or left, by its path.
    """

    inputs: Inputs
    outs: Mapping[str, str]
    sizes: Mapping[str, int]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Stage:
    """A stage as dvc.yaml and params.yaml have it.

    Attributes:
        command: as DVC runs it.
        files: the paths of its dependencies.
        outs: the path of each out, and whether DVC keeps it in its cache.
        params: each key of params.yaml that it reads, with its value.
    """

    command: str
    files: tuple[str, ...]
    outs: Mapping[str, bool]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class FileHash:
    """A file or a folder as DVC hashes it: the MD5 of a folder ends in `.dir`.

    Attributes:
        md5: of all that is in it.
        size: bytes.
        count: files, if it is a folder.
    """

    md5: str
    size: int
    count: int | None
