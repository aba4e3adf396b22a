"""What dvc.yaml and dvc.lock say: a stage's command, its files, and the hashes of what it read.

The only door to DVC.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.lineage.stages import FileHash, Inputs, LockedStage, Stage

__all__ = [
    "FileHash",
    "Inputs",
    "LockedStage",
    "Stage",
    "command",
    "commands",
    "content",
    "experiments",
    "initialise",
    "inputs",
    "load_stages",
    "main_root",
    "members",
    "opened",
    "option",
    "outdated",
    "parse_lock",
    "revision",
    "stages",
]

HEAD = "schema: '2.0'\nstages:\n"  # of a dvc.lock


def main_root(root: Path) -> Path:
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
    with opened(root) as repo:
        try:
            found: Any = repo.stage.load_one(str(root / "dvc.yaml"), stage)
        except StageNotFound:
            return None
        if shlex.split(found.cmd) != words:
            return None
        for dep in found.deps:
            if isinstance(dep, ParamsDependency):
                values |= _named(dep.def_path, dep.read_params())
            else:
                files[dep.def_path] = dep.get_hash().value
    return Inputs(stage, found.cmd, files, values)


def parse_lock(text: str) -> dict[str, LockedStage]:
    """The stages of a dvc.lock by their names.

    Raises:
        Refusal: it is no such file.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import parse_yaml

    try:
        head, *blocks = re.split(r"^(?=  \S)", text, flags=re.M)
        if head == HEAD and blocks:
            entries = dict(_block(block) for block in blocks)
            if len(entries) == len(blocks):
                return entries
        stages = parse_yaml(text, "dvc.lock")["stages"]
        return {name: _entry(name, said) for name, said in stages.items()}
    except (DvcException, KeyError, TypeError, AttributeError, ValueError):
        raise UserError(
            "dvc.lock is damaged: take it back from Git, or delete it and run `dvc repro`."
        ) from None


@lru_cache(maxsize=10_000)
def _block(text: str) -> tuple[str, LockedStage]:
    """One stage of a dvc.lock as DVC writes it: those of a hundred experiments are mostly the
    same, and to read one whole takes a third of a second."""
    from dvc.utils.serialize import parse_yaml

    ((name, said),) = parse_yaml(text, "dvc.lock").items()
    return name, _entry(name, said)


def _entry(name: str, said: Mapping[str, Any]) -> LockedStage:
    deps, outs = ({one["path"]: one for one in said.get(part, [])} for part in ("deps", "outs"))
    if any(one.get("hash", "md5") != "md5" for one in (*deps.values(), *outs.values())):
        raise ValueError(name)
    params: dict[str, Any] = {}
    for file, tree in said.get("params", {}).items():
        params |= _named(file, tree)
    files, left = ({path: one["md5"] for path, one in part.items()} for part in (deps, outs))
    sizes = {path: int(one["size"]) for path, one in (deps | outs).items()}
    counts = {path: int(one["nfiles"]) for path, one in (deps | outs).items() if "nfiles" in one}
    return LockedStage(Inputs(name, said["cmd"], files, params), left, sizes, counts)


def _named(file: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their keys, which say the file unless it is params.yaml."""
    return {key if file == "params.yaml" else f"{file}:{key}": values[key] for key in values}


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
    with opened(Path()) as repo:
        if name is not None:
            known = {
                one.addressing.partition("@")[2]
                for one in repo.index.stages
                if one.addressing.startswith(f"{stage}@")
            }
            params.require(dict.fromkeys(sorted(known)), name, f"entry for {stage}")
        found: Any = repo.stage.load_one(name=target)
    return shlex.split(found.cmd)


def stages() -> list[str]:
    """Every stage of the graph by its name, `train_lstm@shakespeare-lstm` for instance."""
    with opened(Path()) as repo:
        return sorted(str(stage.addressing) for stage in repo.index.stages)


def commands(stage: str, root: Path) -> dict[str, list[str]]:
    """The words of all commands of a stage in the project `root`, by the name each is for."""
    with opened(root) as repo:
        names = {one.name: one.cmd for one in repo.index.stages}
    return {
        name.removeprefix(f"{stage}@"): shlex.split(command)
        for name, command in names.items()
        if name.startswith(f"{stage}@")
    }


def outdated(targets: list[str], root: Path) -> list[str]:
    """Those of the stages, and of all before them, whose files are not what `dvc repro` left."""
    # DVC looks for the stages of plain names in the current folder.
    asked = [f"{root.resolve() / 'dvc.yaml'}:{target}" for target in targets]
    with opened(root) as repo:
        changed = repo.status(targets=asked, with_deps=True)
    return sorted(str(stage).rpartition(":")[2] for stage in changed)


def load_stages(repo: Any) -> dict[str, Stage]:
    """The stages of an opened project by their names."""
    return {one.name: _stage(one) for one in repo.index.stages}


def _stage(stage: Any) -> Stage:
    from dvc.dependency import ParamsDependency

    files: list[str] = []
    values: dict[str, Any] = {}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            values |= _named(dep.def_path, dep.read_params())
        else:
            files.append(dep.def_path)
    outs = {one.def_path: bool(one.use_cache) for one in stage.outs}
    return Stage(stage.cmd, tuple(files), outs, values)


def content(repo: Any, place: str) -> FileHash | None:
    """What a file or folder of an opened project holds, read whole, whatever DVC remembers of its
    time; None if it is not there."""
    from dvc.fs import MemoryFileSystem
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB

    # A store that has no notes of what was hashed before.
    nowhere = HashFileDB(MemoryFileSystem(), "memory://seqproof", hash_name="md5")
    with suppress(FileNotFoundError, NotADirectoryError):
        _, meta, found = build(nowhere, place, repo.fs, "md5", dry_run=True, ignore=repo.dvcignore)
        return FileHash(str(found.hash_info.value), int(meta.size or 0), meta.nfiles)
    return None


def members(repo: Any, md5: str) -> dict[str, str]:
    """The MD5 of each file in a folder that the cache of an opened project keeps, by its name in
    there; nothing if the list is not there or is none."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    with suppress(OSError, ObjectFormatError, LookupError, AttributeError, TypeError):
        tree = Tree.load(repo.cache.local, HashInfo("md5", md5))
        found = {"/".join(parts): one.value for parts, _, one in tree}
        return found if all(found.values()) else {}
    return {}


def experiments(root: Path) -> dict[str, str]:
    """The commit of each of DVC's experiments by its name."""
    from dvc.repo.experiments.utils import exp_refs
    from dvc.scm import NoSCM

    with opened(root) as repo:
        if isinstance(repo.scm, NoSCM):
            return {}
        return {one.name: repo.scm.get_ref(str(one)) for one in exp_refs(repo.scm)}


def revision(root: Path, name: str) -> str | None:
    """The commit that a branch, a tag, an experiment or the beginning of a hash means."""
    from dvc.scm import NoSCM, RevError, resolve_rev
    from scmrepo.exceptions import SCMError

    with opened(root) as repo:
        if isinstance(repo.scm, NoSCM):
            return None
        try:
            return str(resolve_rev(repo.scm, name))
        except (RevError, SCMError):
            return None


@contextmanager
def opened(root: Path, commit: str | None = None) -> Iterator[Any]:
    """A project as DVC sees it, in its folder or at a commit; what DVC has against it is one
    sentence."""
    # Else DVC asks a server about its own updates.
    os.environ.setdefault("DVC_NO_ANALYTICS", "true")
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.repo.brancher import switch

    try:
        with Repo(str(root)) as repo, switch(repo, commit) if commit else nullcontext():
            yield repo
    except DvcException as error:
        raise UserError(f"DVC refuses {root.resolve()}: {str(error).rstrip('.')}.") from None


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
        raise UserError(f"DVC refuses to initialise the project: {error}.") from None


def option(words: list[str], name: str) -> Path:
    """The path that a command gives to an option."""
    return Path(words[words.index(f"--{name}") + 1])
