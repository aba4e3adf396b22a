"""DVC projects: stages of dvc.yaml, dvc.lock, experiments and the cache.

With `reproduction` and `transfer`, the only module that imports DVC.
"""

from __future__ import annotations

import logging
import operator
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache, lru_cache, reduce
from pathlib import Path
from typing import IO, Any

from pipelines import paths
from pipelines.errors import UserError
from pipelines.lineage.stages import FileHash, Inputs, LockedStage, Stage

__all__ = [
    "FileHash",
    "Inputs",
    "LockedStage",
    "Stage",
    "cached_members",
    "experiments",
    "file_hash",
    "initialise",
    "inputs",
    "load_stages",
    "locked_stage",
    "main_root",
    "open_project",
    "outdated",
    "params_of",
    "parse_lock",
    "revision",
    "split_lock",
    "stage_names",
    "write_locks_atomically",
]

COPIES = ((".dvc", "tmp", "exps"), (".seqproof", "copies"))  # folders of copies of a project
HEADER = "schema: '2.0'\nstages:\n"  # of a dvc.lock
_BLOCK = re.compile(r"^(?=  \S)", re.M)  # where the entry of a stage begins in it


def main_root(root: Path) -> Path:
    """Return the project that a root belongs to.

    DVC runs queued experiments in temporary copies below the project's `.dvc`, and jobs with
    parameters of their own run in copies below `.seqproof`. Files that must outlive the copy (runs,
    checkpoints) go to the project itself.
    """
    root = root.resolve()
    for folder in root.parents:
        for place in COPIES:
            if folder.parts[-len(place) :] == place:
                return folder.parents[len(place) - 1]
    return root


def inputs(stage: str, root: Path) -> Inputs | None:
    """Return the inputs of a stage as they are on the disk; None if dvc.yaml has no such stage.

    Args:
        stage: its name in the graph.
        root: the project's root.
    """
    if not ((root / paths.DVC_YAML).is_file() and (root / ".dvc").is_dir()):
        return None
    from dvc.dependency import ParamsDependency
    from dvc.stage.exceptions import StageNotFound

    files: dict[str, str] = {}
    values: dict[str, Any] = {}
    with open_project(root) as repo:
        try:
            loaded: Any = repo.stage.load_one(str(root / paths.DVC_YAML), stage)
        except StageNotFound:
            return None
        for dep in loaded.deps:
            if isinstance(dep, ParamsDependency):
                values |= _qualified(dep.def_path, dep.read_params())
            else:
                files[dep.def_path] = dep.get_hash().value
    return Inputs(stage, loaded.cmd, files, values)


def split_lock(text: str) -> list[str] | None:
    """Return the text of each stage's entry in a dvc.lock; None if DVC has not written the file."""
    header, *blocks = re.split(_BLOCK, text)
    return blocks if header == HEADER else None


def parse_lock(text: str) -> dict[str, LockedStage]:
    """Parse a dvc.lock into its stages by name.

    Raises:
        UserError: the text is no dvc.lock.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import parse_yaml

    try:
        blocks = split_lock(text)
        if blocks:
            entries = dict(_parse_block(block) for block in blocks)
            if len(entries) == len(blocks):
                return entries
        stages = parse_yaml(text, "dvc.lock")["stages"]
        return {name: _locked_stage(name, entry) for name, entry in stages.items()}
    except (DvcException, KeyError, TypeError, AttributeError, ValueError, OverflowError):
        raise UserError(
            "dvc.lock is damaged. Restore it from Git, or delete it and run `seqproof run`."
        ) from None


def locked_stage(root: Path, stage: str) -> LockedStage | None:
    """Return a stage of the workspace's dvc.lock; None if it is not there.

    Args:
        root: the project's root.
        stage: its name.

    Raises:
        UserError: dvc.lock is damaged.
    """
    file = root / paths.DVC_LOCK
    text = file.read_text(encoding="utf-8") if file.is_file() else HEADER
    blocks = split_lock(text)
    if blocks is None:
        return parse_lock(text).get(stage)
    names = (f"  {stage}:", f"  '{stage}':", f'  "{stage}":')
    return next(
        (parse_lock(HEADER + block)[stage] for block in blocks if block.startswith(names)), None
    )


@lru_cache(maxsize=10_000)
def _parse_block(text: str) -> tuple[str, LockedStage]:
    """Parse a single stage of a dvc.lock in the format of DVC.

    Parsing a whole file takes a third of a second, and the files of a hundred experiments have
    most of their stages in common.
    """
    from dvc.utils.serialize import parse_yaml

    ((name, entry),) = parse_yaml(text, "dvc.lock").items()
    return name, _locked_stage(name, entry)


def _locked_stage(name: str, entry: Mapping[str, Any]) -> LockedStage:
    deps, outs = ({file["path"]: file for file in entry.get(key, [])} for key in ("deps", "outs"))
    if any(file.get("hash", "md5") != "md5" for file in (*deps.values(), *outs.values())):
        raise ValueError(name)
    values: dict[str, Any] = {}
    for file, tree in entry.get("params", {}).items():
        values |= _qualified(file, tree)
    files, out_hashes = (
        {path: file["md5"] for path, file in part.items()} for part in (deps, outs)
    )
    sizes = {path: int(file["size"]) for path, file in (deps | outs).items()}
    counts = {path: int(file["nfiles"]) for path, file in (deps | outs).items() if "nfiles" in file}
    return LockedStage(Inputs(name, entry["cmd"], files, values), out_hashes, sizes, counts)


def _qualified(file: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Prefix keys with their file, unless that is params.yaml."""
    return {key if file == "params.yaml" else f"{file}:{key}": values[key] for key in values}


def stage_names(root: Path) -> list[str]:
    """Return the sorted names of all stages, for example `train_lstm@shakespeare-lstm`."""
    with open_project(root) as repo:
        return sorted(str(stage.name) for stage in repo.index.stages)


def outdated(targets: list[str], root: Path, earlier_code: Sequence[str] = ()) -> list[str]:
    """Return the stages among these and their ancestors that `dvc repro` would run.

    Args:
        targets: names of stages.
        root: the project's root.
        earlier_code: folders whose changes since an ancestor ran are ignored.
    """
    # DVC looks for stages without a file name in the current folder.
    addresses = [f"{root.resolve() / paths.DVC_YAML}:{target}" for target in targets]
    with open_project(root) as repo:
        changes = repo.status(targets=addresses, with_deps=True)
    names = {str(stage).rpartition(":")[2]: entries for stage, entries in changes.items()}
    return sorted(
        name
        for name, entries in names.items()
        if name in targets or not all(_only_code(entry, earlier_code) for entry in entries)
    )


def _only_code(change: Any, folders: Sequence[str]) -> bool:
    """Return True if a change that DVC reports is one of code in these folders."""
    if not isinstance(change, Mapping) or set(change) != {"changed deps"}:
        return False
    return all(path.split("/")[0] in folders for path in change["changed deps"])


def load_stages(repo: Any) -> dict[str, Stage]:
    """Return the stages of an open project by name."""
    trees: dict[str, dict[str, Any]] = {}
    return {stage.name: _stage(stage, trees) for stage in repo.index.stages}


def _stage(stage: Any, trees: dict[str, dict[str, Any]]) -> Stage:
    from dvc.dependency import ParamsDependency

    deps = (dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency))
    outs = {out.def_path: bool(out.use_cache) for out in stage.outs}
    return Stage(stage.cmd, tuple(deps), outs, params_of(stage, trees))


def params_of(stage: Any, trees: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the value of each key of params.yaml that a stage of an open project reads.

    Args:
        stage: a stage that DVC has loaded.
        trees: parsed files of parameters by path, for calls with several stages; filled.
    """
    from dvc.dependency import ParamsDependency

    values: dict[str, Any] = {}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            values |= _qualified(dep.def_path, _read_params(dep, {} if trees is None else trees))
    return values


def _read_params(dep: Any, trees: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what DVC's `read_params` does, which parses the whole file for each stage."""
    if dep.fs_path not in trees:
        trees[dep.fs_path] = type(dep)(dep.stage, dep.def_path, repo=dep.repo).read_params()
    try:
        return {key: _value(trees[dep.fs_path], key) for key in dep.params}
    except (KeyError, TypeError):  # of a missing key, a pattern, a position in a list
        return dict(dep.read_params())


def _value(tree: Any, key: str) -> Any:
    return reduce(operator.getitem, key.split("."), tree)


def file_hash(repo: Any, path: str) -> FileHash | None:
    """Hash a file or folder of an open project; None if it does not exist.

    The content is read even if DVC has a hash for its modification time.
    """
    from dvc.fs import MemoryFileSystem
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB

    # An empty database: DVC's own would return hashes that it computed earlier.
    database = HashFileDB(MemoryFileSystem(), "memory://seqproof", hash_name="md5")
    with suppress(FileNotFoundError, NotADirectoryError):
        _, meta, content = build(
            database, path, repo.fs, "md5", dry_run=True, ignore=repo.dvcignore
        )
        return FileHash(str(content.hash_info.value), int(meta.size or 0), meta.nfiles)
    return None


def cached_members(repo: Any, md5: str) -> dict[str, str]:
    """Return the MD5 of each file in a cached folder by its relative name.

    The result is empty if the cache of the open project does not have the folder's list, or if the
    list is damaged.
    """
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    with suppress(OSError, ObjectFormatError, LookupError, AttributeError, TypeError):
        tree = Tree.load(repo.cache.local, HashInfo("md5", md5))
        members = {"/".join(parts): content.value for parts, _, content in tree}
        return members if all(members.values()) else {}
    return {}


def experiments(root: Path) -> dict[str, str]:
    """Return the commit of each DVC experiment by its name."""
    from dvc.repo.experiments.utils import exp_refs
    from dvc.scm import NoSCM

    with open_project(root) as repo:
        if isinstance(repo.scm, NoSCM):
            return {}
        return {ref.name: repo.scm.get_ref(str(ref)) for ref in exp_refs(repo.scm)}


def revision(root: Path, name: str) -> str | None:
    """Return the commit of a branch, tag, experiment or abbreviated hash; None if unknown."""
    from dvc.scm import NoSCM, RevError, resolve_rev
    from scmrepo.exceptions import SCMError

    with open_project(root) as repo:
        if isinstance(repo.scm, NoSCM):
            return None
        try:
            return str(resolve_rev(repo.scm, name))
        except (RevError, SCMError):
            return None


@contextmanager
def open_project(root: Path, commit: str | None = None, wait: bool = False) -> Iterator[Any]:
    """Open a project with DVC, in its workspace or at a commit.

    Args:
        root: the project's root.
        commit: hash of a commit; None for the workspace.
        wait: wait for other processes of DVC, whatever their number.

    Raises:
        UserError: DVC reports an error.
    """
    # Else DVC asks a server about its own updates.
    os.environ.setdefault("DVC_NO_ANALYTICS", "true")
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo
    from dvc.repo.brancher import switch

    write_locks_atomically()
    try:
        with (
            Repo(str(root), _wait_for_lock=wait) as repo,
            switch(repo, commit) if commit else nullcontext(),
        ):
            yield repo
    except NotDvcRepoError:
        raise UserError(
            f"{root.resolve()} is not a DVC project. Run this command in the project's root."
        ) from None
    except DvcException as error:
        raise UserError(f"DVC cannot read {root.resolve()}: {str(error).rstrip('.')}.") from None


@cache
def write_locks_atomically() -> None:
    """Make DVC write its list of locked files atomically in this process.

    DVC changes the list even where it only compares stages with dvc.lock. If this process were
    killed in the middle of a write, every later command of DVC would fail.
    """
    import dvc.rwlock

    edit = dvc.rwlock._edit_rwlock
    dvc.rwlock._edit_rwlock = lambda folder, fs, hardlink: edit(folder, _AtomicFiles(), hardlink)


class _AtomicFiles:
    """File system with which DVC writes its list of locked files atomically."""

    join = staticmethod(os.path.join)

    @staticmethod
    @contextmanager
    def open(path: str, mode: str = "r", encoding: str = "utf-8") -> Iterator[IO[str]]:
        """Open a file; a file that is written gets its name at the end."""
        target = f"{path}.new" if mode == "w" else path
        with Path(target).open(mode, encoding=encoding) as file:
            yield file
        Path(target).replace(path)


def initialise(root: Path) -> None:
    """Run `dvc init` without analytics in a Git repository that will be moved.

    Raises:
        UserError: DVC reports an error.
    """
    os.environ.setdefault("DVC_NO_ANALYTICS", "true")
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)  # no hints about further commands
    try:
        with Repo.init(str(root)) as repo, repo.config.edit() as settings:
            settings["core"]["analytics"] = False
        # The path of DVC's site cache depends on the path of the project, which will change.
        shutil.rmtree(repo.site_cache_dir, ignore_errors=True)
    except DvcException as error:
        raise UserError(f"DVC cannot initialise the project: {error}.") from None
