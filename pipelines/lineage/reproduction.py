"""DVC reproduces a single stage, beside other processes that do the same.

Everything is DVC's own work: the decision whether a stage is outdated, its run, dvc.lock, the run
cache and the cache. Some functions of DVC are replaced in the process that reproduces, because
several processes work at a time and each of them may be killed:

- dvc.lock is replaced as a whole, so that a killed process leaves it sound. Only the changed entry
  is written anew: DVC parses the whole file for each stage, which takes a second.
- DVC waits for its locks; by itself it gives up after three seconds.
- The start of a stage's command is reported.

With `dvc_project` and `transfer`, the only module that imports DVC.
"""

from __future__ import annotations

import functools
import importlib
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from pipelines import files
from pipelines.errors import UserError
from pipelines.lineage import dvc_project

# Begins the command of a process of ours in DVC's list of locks.
MARK = "seqproof run"

Reproduction = Literal["ran", "restored", "unchanged", "failed", "stopped"]


@dataclass(frozen=True)
class SurveyedStage:
    """A stage of the project as DVC sees it.

    Attributes:
        needs: the stages that write what it reads.
        outdated: True if DVC would run it now; the stages that it needs may change that.
        params: value of each key of params.yaml that it reads.
    """

    needs: tuple[str, ...]
    outdated: bool
    params: Mapping[str, Any]


def survey(root: Path) -> str:
    """Return all stages for `parse_survey`, in the order in which `dvc repro` runs them."""
    from dvc.repo.reproduce import get_active_graph, plan_repro

    try:
        with dvc_project.open_project(root, wait=True) as repo:
            graph = get_active_graph(repo.index.graph)
            outdated = repo.status()
            stages = {
                stage.addressing: SurveyedStage(
                    tuple(sorted(other.addressing for other in graph.successors(stage))),
                    stage.addressing in outdated,
                    dvc_project.params_of(stage),
                )
                for stage in plan_repro(graph)
            }
    except UserError as error:
        return json.dumps({"error": str(error)})
    return json.dumps({"stages": {name: asdict(stage) for name, stage in stages.items()}})


def parse_survey(text: str) -> dict[str, SurveyedStage]:
    """Parse the result of `survey`, which runs in another process.

    Raises:
        UserError: DVC has reported an error, in dvc.yaml for example.
    """
    content = json.loads(text)
    if "error" in content:
        raise UserError(content["error"])
    return {
        name: SurveyedStage(tuple(fields["needs"]), fields["outdated"], fields["params"])
        for name, fields in content["stages"].items()
    }


def reproduce(
    root: Path,
    stage: str,
    order: Sequence[str],
    on_start: Callable[[], None],
    elsewhere: Callable[[Any, Callable[[], None]], None] | None = None,
) -> Reproduction:
    """Let DVC reproduce a stage, without those that it needs; call it in a process of its own.

    Args:
        root: the project's root.
        stage: its name.
        order: names of all stages in the order of dvc.lock.
        on_start: called before the command of the stage starts; not called if it is up to date, or
            if the run cache has its outs.
        elsewhere: runs the command on another machine and writes its outs, instead of DVC. Its
            arguments are the open project, and what it calls when the command starts.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    started = False

    def start() -> None:
        nonlocal started
        started = True
        on_start()

    _print_messages()
    _replace_functions(stage, order, start, elsewhere)
    sys.argv = [MARK, stage]
    try:
        with Repo(str(root), _wait_for_lock=True) as repo:
            stages = repo.reproduce([stage], single_item=True)
    except KeyboardInterrupt:
        return "stopped"
    except DvcException:
        logging.getLogger("dvc").exception("")  # DVC's formatter prints all causes, no traceback
        return "failed"
    return "ran" if started else "restored" if stages else "unchanged"


def load_dvc() -> None:
    """Import what `survey` and `reproduce` need, so that processes forked later share it."""
    for module in ("dvc.repo", "dvc.stage.cache", "dvc.stage.serialize", "scmrepo.git"):
        importlib.import_module(module)


def _print_messages() -> None:
    """Print DVC's messages without colours: the output is no terminal any more."""
    import dvc.logger

    for name in ("dvc", "dvc_objects", "dvc_data"):
        logging.getLogger(name).handlers.clear()
    dvc.logger.setup()


def _replace_functions(
    stage: str,
    order: Sequence[str],
    on_start: Callable[[], None],
    elsewhere: Callable[[Any, Callable[[], None]], None] | None,
) -> None:
    import dvc.dvcfile
    import dvc.lock
    import dvc.rwlock
    import dvc.stage.run

    run = dvc.stage.run.cmd_run

    def report_and_run(stage: Any, dry: bool = False, run_env: Any = None) -> None:
        if elsewhere is None:
            on_start()
            run(stage, dry=dry, run_env=run_env)
        else:
            elsewhere(stage.repo, on_start)
        # The work is finished: Ctrl-C must not lose it now.
        signal.signal(signal.SIGINT, lambda number, frame: None)

    dvc.stage.run.cmd_run = report_and_run
    dvc_project.write_locks_atomically()
    # The owner of locked files is the process that the user started: if it is killed, DVC releases
    # them. A killed child may stay in the list of processes, in a container for example.
    dvc.rwlock.os = SimpleNamespace(getpid=functools.partial(int, os.getppid()))
    dvc.rwlock.make_lock = functools.partial(dvc.lock.make_lock, wait=True)
    dvc.dvcfile.modify_yaml = functools.partial(modify_lock, stage, order)


@contextmanager
def modify_lock(
    stage: str, order: Sequence[str], path: str, fs: Any = None
) -> Iterator[dict[str, Any]]:
    """Yield the entry of a stage in dvc.lock for changes, and replace the file at the end.

    Args:
        stage: its name.
        order: names of stages; their entries get this order, which is that of `dvc repro`.
        path: the file, which need not exist.
        fs: as in DVC's function of this purpose, `dvc.utils.serialize.modify_yaml`.

    Yields:
        The content of the file, without the entries of other stages.
    """
    from dvc.utils.serialize import modify_yaml, parse_yaml

    file = Path(path)
    text = file.read_text(encoding="utf-8") if file.exists() else dvc_project.HEADER
    blocks = dvc_project.split_lock(text)
    if blocks is None:  # it has comments, for example
        with files.atomic_write(file) as temporary:
            shutil.copy(file, temporary)
            with modify_yaml(str(temporary)) as content:
                yield content
        return
    texts = {block.partition(":")[0].strip(" '\""): block for block in blocks}
    content = parse_yaml(dvc_project.HEADER + texts.get(stage, ""), path) if blocks else {}
    content["stages"] = content.get("stages") or {}
    yield content
    texts |= {name: dump_block(name, entry) for name, entry in content["stages"].items()}
    position = {name: number for number, name in enumerate(order)}
    names = sorted(texts, key=lambda name: position.get(name, len(position)))
    files.write_text(file, dvc_project.HEADER + "".join(texts[name] for name in names))


def dump_block(name: str, entry: Mapping[str, Any]) -> str:
    """Return the text of a stage's entry in dvc.lock."""
    from dvc.utils.serialize import dumps_yaml

    return str(dumps_yaml({"stages": {name: entry}})).partition("\n")[2]


def release_locks(root: Path) -> None:
    """Remove what killed processes left in DVC's list of locked files.

    DVC removes entries of dead processes itself, but not if a living process has got the number of
    a dead one. A process of `dvc repro` that is killed while it writes the list leaves it damaged,
    and then every command of DVC fails.

    Args:
        root: the project's root; no process of ours works in it.
    """
    from dvc.lock import make_lock

    folder = root / ".dvc" / "tmp"
    file = folder / "rwlock"
    if not file.exists():
        return
    with make_lock(str(folder / "rwlock.lock"), wait=True):
        try:
            locks = json.loads(file.read_text(encoding="utf-8"))
            write, read = locks.get("write", {}), locks.get("read", {})
            write = {path: owner for path, owner in write.items() if not _is_ours(owner)}
            read = {
                path: [owner for owner in owners if not _is_ours(owner)]
                for path, owners in read.items()
            }
            read = {path: owners for path, owners in read.items() if owners}
            files.write_text(file, json.dumps({"write": write, "read": read}))
        except (ValueError, TypeError, KeyError, AttributeError):
            file.unlink()


def _is_ours(owner: Mapping[str, Any]) -> bool:
    return str(owner["cmd"]).startswith(MARK)
