"""What dvc.yaml and dvc.lock say: a stage's command, its files, and the hashes of what it read.

The only door to DVC.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import params
from pipelines.errors import Refusal


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
class Entry:
    """A stage in dvc.lock: what it read, and the outs that it left then.

    Attributes:
        inputs: what it read.
        outs: MD5 of each out by its path.
        sizes: bytes of each file or folder, read or left, by its path.
    """

    inputs: Inputs
    outs: Mapping[str, str]
    sizes: Mapping[str, int]


def home(root: Path) -> Path:
    """The project that a root belongs to: DVC runs queued experiments in copies of it, below its
    own `.dvc`, and takes them away afterwards; what is to stay goes to the project itself."""
    root = root.resolve()
    for folder in root.parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2]
    return root


def inputs(stage: str, words: list[str], root: Path) -> Inputs | None:
    """What a stage is about to read; None if `words` is not its command in dvc.yaml.

    Args:
        stage: its name in the graph.
        words: the command that runs now.
        root: the project's root.
    """
    if not ((root / "dvc.yaml").is_file() and (root / ".dvc").is_dir()):
        return None
    from dvc.dependency import ParamsDependency
    from dvc.stage.exceptions import StageNotFound

    files: dict[str, str] = {}
    values: dict[str, Any] = {}
    with _opened(root) as repo:
        try:
            found: Any = repo.stage.load_one(str(root / "dvc.yaml"), stage)
        except StageNotFound:
            return None
        if shlex.split(found.cmd) != words:
            return None
        for dep in found.deps:
            if isinstance(dep, ParamsDependency):
                values |= dep.read_params()
            else:
                files[dep.def_path] = dep.get_hash().value
    return Inputs(stage, found.cmd, files, values)


def locked(text: str) -> dict[str, Entry]:
    """The stages of a dvc.lock by their names.

    Raises:
        Refusal: it is no such file.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import parse_yaml

    try:
        return {
            name: _entry(name, said)
            for name, said in parse_yaml(text, "dvc.lock")["stages"].items()
        }
    except (DvcException, KeyError, TypeError, AttributeError, ValueError):
        raise Refusal(
            "dvc.lock is damaged: take it back from Git, or delete it and run `dvc repro`."
        ) from None


def _entry(name: str, said: Mapping[str, Any]) -> Entry:
    deps, outs = ({one["path"]: one for one in said.get(part, [])} for part in ("deps", "outs"))
    params = {key: value for tree in said.get("params", {}).values() for key, value in tree.items()}
    files, left = ({path: one["md5"] for path, one in part.items()} for part in (deps, outs))
    sizes = {path: int(one["size"]) for path, one in (deps | outs).items()}
    return Entry(Inputs(name, said["cmd"], files, params), left, sizes)


def command(stage: str, name: str | None) -> list[str]:
    """The words of a stage's command, as DVC would run it.

    Args:
        stage: a verb of dvc.yaml.
        name: the corpus or model; None for a stage that has no such choice.

    Raises:
        Refusal: this is no project, or it has no such name.
    """
    params.load(Path("params.yaml"))
    target = stage if name is None else f"{stage}@{name}"
    with _opened(Path()) as repo:
        if name is not None:
            known = {
                one.addressing.partition("@")[2]
                for one in repo.index.stages
                if one.addressing.startswith(f"{stage}@")
            }
            params.one_of(dict.fromkeys(sorted(known)), name, f"entry for {stage}")
        found: Any = repo.stage.load_one(name=target)
    return shlex.split(found.cmd)


def stages() -> list[str]:
    """Every stage of the graph by its name, `train_lstm@shakespeare-lstm` for instance."""
    with _opened(Path()) as repo:
        return sorted(str(stage.addressing) for stage in repo.index.stages)


def commands(stage: str, root: Path) -> dict[str, list[str]]:
    """The words of all commands of a stage in the project `root`, by the name each is for."""
    with _opened(root) as repo:
        names = {one.name: one.cmd for one in repo.index.stages}
    return {
        name.removeprefix(f"{stage}@"): shlex.split(command)
        for name, command in names.items()
        if name.startswith(f"{stage}@")
    }


def stale(targets: list[str], root: Path) -> list[str]:
    """Those of the stages, and of all before them, whose files are not what `dvc repro` left."""
    # DVC looks for the stages of plain names in the current folder.
    asked = [f"{root.resolve() / 'dvc.yaml'}:{target}" for target in targets]
    with _opened(root) as repo:
        changed = repo.status(targets=asked, with_deps=True)
    return sorted(str(stage).rpartition(":")[2] for stage in changed)


@contextmanager
def _opened(root: Path) -> Iterator[Any]:
    """A project as DVC sees it; what DVC has against it is one sentence."""
    # Else DVC asks a server about its own updates.
    os.environ.setdefault("DVC_NO_ANALYTICS", "true")
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            yield repo
    except DvcException as error:
        raise Refusal(f"DVC refuses {root.resolve()}: {str(error).rstrip('.')}.") from None


def initialise(root: Path) -> None:
    """`dvc init` in a folder that Git tracks and that is still to be renamed; no analytics.

    Raises:
        Refusal: DVC will not.
    """
    os.environ.setdefault("DVC_NO_ANALYTICS", "true")
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)  # else it says what to type next, too
    try:
        with Repo.init(str(root)) as repo, repo.config.edit() as settings:
            settings["core"]["analytics"] = False
        # What DVC keeps elsewhere goes by the folder's present name.
        shutil.rmtree(repo.site_cache_dir, ignore_errors=True)
    except DvcException as error:
        raise Refusal(f"DVC refuses to initialise the project: {error}.") from None


def option(words: list[str], name: str) -> Path:
    """The path that a command gives to an option."""
    return Path(words[words.index(f"--{name}") + 1])
