"""What dvc.yaml says: the command of a stage, and where its files lie."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines import params
from pipelines.errors import Refusal


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
