"""What dvc.yaml says: the command of a stage, and where its files lie."""

from __future__ import annotations

import os
import shlex
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
    # DVC asks a server about its own updates unless told otherwise.
    os.environ.setdefault("DVC_NO_ANALYTICS", "true")
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    params.load(Path("params.yaml"))
    target = stage if name is None else f"{stage}@{name}"
    try:
        with Repo(".") as repo:
            if name is not None:
                known = {
                    one.addressing.partition("@")[2]
                    for one in repo.index.stages
                    if one.addressing.startswith(f"{stage}@")
                }
                params.one_of(dict.fromkeys(sorted(known)), name, f"entry for {stage}")
            found: Any = repo.stage.load_one(name=target)
    except DvcException as error:
        raise Refusal(f"{error}") from None
    return shlex.split(found.cmd)


def stages() -> list[str]:
    """Every stage of the graph by its name, `train_lstm@shakespeare-lstm` for instance."""
    from dvc.repo import Repo

    with Repo(".") as repo:
        return sorted(str(stage.addressing) for stage in repo.index.stages)


def option(words: list[str], name: str) -> Path:
    """The path that a command gives to an option."""
    return Path(words[words.index(f"--{name}") + 1])
