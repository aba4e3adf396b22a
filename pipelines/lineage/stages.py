"""Stages in DVC's terms: dependencies, parameters, outs and their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Inputs:
    """Everything that determines the outs of a stage, in the terms of dvc.lock.

    Attributes:
        stage: its name in the graph, for example `train_lstm@shakespeare-lstm`.
        command: the command that DVC runs.
        files: MD5 of each dependency by its path; the MD5 of a folder ends in `.dir`.
        params: value of each key of params.yaml that the stage reads.
    """

    stage: str
    command: str
    files: Mapping[str, str]
    params: Mapping[str, Any]

    @property
    def input_hash(self) -> str:
        """SHA-256 of command, files and parameters (64 hexadecimal digits).

        Stages with the same hash have the same outs. The name of the stage is not hashed.
        """
        content = {"command": self.command, "files": dict(self.files), "params": dict(self.params)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class LockedStage:
    """A stage in dvc.lock: its inputs, and the outs that it wrote from them.

    Attributes:
        inputs: command, dependencies and parameters.
        outs: MD5 of each out by its path, in the order of dvc.lock.
        sizes: bytes of each dependency and out by its path.
        counts: number of files in each folder among them by its path.
    """

    inputs: Inputs
    outs: Mapping[str, str]
    sizes: Mapping[str, int]
    counts: Mapping[str, int]

    @property
    def deps(self) -> Mapping[str, str]:
        """MD5 of each dependency by its path."""
        return self.inputs.files

    @property
    def outs_json(self) -> str:
        """The hashes of the outs as JSON with sorted keys."""
        return json.dumps(dict(self.outs), sort_keys=True)


@dataclass(frozen=True)
class Stage:
    """A stage in dvc.yaml.

    Attributes:
        command: the command that DVC runs.
        deps: paths of its dependencies.
        outs: path of each out, and whether DVC's cache stores it.
        params: value of each key of params.yaml that it reads.
    """

    command: str
    deps: tuple[str, ...]
    outs: Mapping[str, bool]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class FileHash:
    """Hash of a file or folder as DVC computes it.

    Attributes:
        md5: hash of the content; that of a folder ends in `.dir`.
        size: bytes.
        count: number of files in a folder; None for a file.
    """

    md5: str
    size: int
    count: int | None


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of nested maps with its dotted key: `{"a": {"b": 1}}` -> `("a.b", 1)`."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def flatten(tree: Mapping[str, Any]) -> dict[str, str]:
    """Flatten nested maps and turn values into text: `{"a": {"b": 1}}` -> `{"a.b": "1"}`."""
    return {key: str(value) for key, value in leaves(tree)}
