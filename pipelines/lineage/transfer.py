"""Inputs and outs of a stage that another machine or another folder runs, passed on by DVC.

With `dvc_project` and `reproduction`, the only module that imports DVC.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines import files
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, reproduction
from pipelines.lineage.lockfiles import truncated
from pipelines.lineage.stage_graph import overlaps

Entry = Mapping[str, Any]  # of a stage in dvc.lock


def read_entry(root: Path, stage: str) -> dict[str, Any]:
    """Return the entry of a stage in a dvc.lock that DVC has written.

    Raises:
        KeyError: there is none.
    """
    from dvc.utils.serialize import parse_yaml

    blocks = _blocks((root / "dvc.lock").read_text(encoding="utf-8"))
    entry: dict[str, Any] = parse_yaml(blocks[stage], "dvc.lock")[stage]
    return entry


def merge_entries(text: str, entries: Mapping[str, Entry]) -> str:
    """Replace entries in the text of a dvc.lock.

    Args:
        text: of the file; empty if there is none.
        entries: by stage.

    Returns:
        The new text; empty if there is no entry.
    """
    blocks = _blocks(text) if text else {}
    blocks |= {name: reproduction.dump_block(name, entry) for name, entry in entries.items()}
    return dvc_project.HEADER + "".join(blocks.values()) if blocks else ""


def _blocks(text: str) -> dict[str, str]:
    """Return the text of each entry in a dvc.lock by stage."""
    from dvc.utils.serialize import parse_yaml

    blocks = dvc_project.split_lock(text)
    if blocks is None:  # it has comments, for example
        entries = parse_yaml(text, "dvc.lock")["stages"]
        return {name: reproduction.dump_block(name, entry) for name, entry in entries.items()}
    return {block.partition(":")[0].strip(" '\""): block for block in blocks}


def input_files(repo: Any, stage: str) -> dict[str, str]:
    """Return the text of each input of a stage that DVC does not cache, metrics for example.

    Args:
        repo: the open project.
        stage: its name.
    """
    return {
        file.relative_to(repo.root_dir).as_posix(): file.read_text(encoding="utf-8")
        for out in _inputs(repo, stage)
        if not out.use_cache and (file := Path(out.fs_path)).is_file()
    }


def source_files(repo: Any, stage: str) -> list[str]:
    """Return the inputs of a stage that no stage writes: code, and files of the user."""
    from dvc.dependency import ParamsDependency

    outs = [out.def_path for other in repo.index.stages for out in other.outs]
    return [
        dep.def_path
        for dep in _load(repo, stage).deps
        if not isinstance(dep, ParamsDependency) and not overlaps(dep.def_path, outs)
    ]


def result_files(repo: Any, stage: str) -> dict[str, str]:
    """Return the text of each metrics file and history that a stage has written, by path."""
    return {
        out.def_path: Path(out.fs_path).read_text(encoding="utf-8")
        for out in _load(repo, stage).outs
        if not out.use_cache or out.metric or out.plot
    }


def push_inputs(repo: Any, stage: str) -> None:
    """Push the inputs of a stage from the cache to the default remote.

    Raises:
        UserError: some are not there, or the remote fails.
    """
    with _errors("push the inputs"):
        objects = _objects(_inputs(repo, stage))
        _check(repo.cloud.push(objects), f"the inputs of {stage} cannot be pushed")


def restore_inputs(repo: Any, stage: str, pull: bool) -> None:
    """Write the inputs of a stage that are outs of others, as dvc.lock has them.

    Args:
        repo: the open project.
        stage: its name.
        pull: pull them from the default remote first.

    Raises:
        UserError: some are neither in the cache nor in the remote.
    """
    with _errors("restore the inputs"):
        outs = [out for out in _inputs(repo, stage) if out.use_cache and out.hash_info]
        if pull:
            _check(repo.cloud.pull(_objects(outs)), f"the inputs of {stage} cannot be pulled")
        missing = [out.def_path for out in outs if out.changed_cache()]
        if missing:
            raise UserError(
                f"DVC's cache lacks {truncated(missing)}, which {stage} reads. Run `seqproof run` "
                "or `dvc pull` first."
            )
        for out in outs:
            out.checkout(force=True)


def push_outs(repo: Any, entry: Entry) -> None:
    """Push what a stage has written from the cache to the default remote, its metrics included.

    Args:
        repo: the open project.
        entry: of the stage in its dvc.lock.

    Raises:
        UserError: the remote fails.
    """
    with _errors("push the outs"):
        objects = _objects(_locked(repo, entry).outs)
        _check(repo.cloud.push(objects), "outs cannot be pushed")


def pull_outs(repo: Any, entry: Entry) -> None:
    """Pull the outs of an entry of dvc.lock from the default remote into the cache.

    Raises:
        UserError: the remote fails or has not all of them.
    """
    with _errors("pull the outs"):
        objects = _objects(_locked(repo, entry).outs)
        _check(repo.cloud.pull(objects), "outs cannot be pulled")


def restore_outs(repo: Any, entry: Entry) -> None:
    """Write the outs of an entry of dvc.lock from the cache into the workspace."""
    with _errors("restore the outs"):
        for out in _locked(repo, entry).outs:
            out.checkout(force=True)


def record_run(repo: Any, entry: Entry) -> None:
    """Add a run of a stage to the run cache, from which DVC restores it by its inputs.

    Args:
        repo: the open project.
        entry: of the stage in the dvc.lock of another folder; the cache has its outs.
    """
    from dvc.stage.cache import _get_cache_hash
    from dvc.utils.serialize import dumps_yaml

    key, value = (_get_cache_hash(dict(entry), key=is_key) for is_key in (True, False))
    file = Path(repo.stage_cache.cache_dir, key[:2], key, value)
    if not file.exists():
        files.write_text(file, str(dumps_yaml(dict(entry))))


def changed_inputs(repo: Any, stage: str, entry: Entry) -> list[str]:
    """Return the inputs of a stage that differ from those that another folder had.

    Args:
        repo: the open project.
        stage: its name.
        entry: of the stage in the dvc.lock of the other folder.
    """
    from dvc.dependency import ParamsDependency

    read = {dep["path"]: dep["md5"] for dep in entry.get("deps", [])}
    return sorted(
        dep.def_path
        for dep in _load(repo, stage).deps
        if not isinstance(dep, ParamsDependency) and read.get(dep.def_path) != dep.get_hash().value
    )


def run_command(repo: Any, stage: str) -> int:
    """Run the command of a stage, without records; return its exit code, negative for a signal."""
    from dvc.stage.exceptions import StageCmdFailedError
    from dvc.stage.run import cmd_run

    try:
        cmd_run(_load(repo, stage))
    except StageCmdFailedError as error:
        return int(str(error).rpartition(" ")[2])
    return 0


def cache_folder(repo: Any) -> Path:
    """Return the folder of the cache, with the run cache in it."""
    return Path(repo.cache.legacy.path)


def default_remote(repo: Any) -> tuple[str, str] | None:
    """Return name and address of the default remote; the address of a folder is absolute."""
    name = repo.config["core"].get("remote")
    return None if name is None else (name, str(repo.config["remote"][name.lower()]["url"]))


def _load(repo: Any, stage: str) -> Any:
    return repo.stage.load_one(str(Path(repo.root_dir, "dvc.yaml")), stage)


def _inputs(repo: Any, stage: str) -> list[Any]:
    """Return the outs of the stages that a stage needs.

    It may read only some of them; the others are logged with its run.
    """
    from dvc.dependency import ParamsDependency

    deps = _load(repo, stage).deps
    paths = [dep.def_path for dep in deps if not isinstance(dep, ParamsDependency)]
    return [
        out
        for other in repo.index.stages
        if other.name != stage and any(overlaps(out.def_path, paths) for out in other.outs)
        for out in other.outs
    ]


def _locked(repo: Any, entry: Entry) -> Any:
    """Return a stage whose outs are those of an entry, all of them cached."""
    return repo.stage_cache._create_stage(dict(entry), wdir=repo.root_dir)


def _objects(outs: Iterable[Any]) -> set[Any]:
    return {item for out in outs for items in out.get_used_objs().values() for item in items}


def _check(result: Any, problem: str) -> None:
    if result.failed:
        raise UserError(f"{len(result.failed)} files failed: {problem}. DVC's message is above.")


@contextmanager
def _errors(action: str) -> Iterator[None]:
    """Replace errors of DVC and of remotes by a sentence without credentials."""
    os.environ.setdefault("DVC_NO_ANALYTICS", "true")
    from dvc.exceptions import DvcException
    from dvc_objects.errors import ObjectFormatError

    try:
        yield
    except (DvcException, ObjectFormatError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise UserError(f"DVC cannot {action}: {reason}.") from None
