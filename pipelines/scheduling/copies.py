"""Jobs that run in a copy of the project."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pipelines.errors import UserError
from pipelines.lineage import dvc_project, project_copy, reproduction, transfer
from pipelines.scheduling.children import Send
from pipelines.scheduling.jobs import STARTED, LockedOuts, StageJob
from pipelines.scheduling.schedule import FINISHED


def run_locally(root: Path, folder: Path, job: StageJob, send: Send) -> None:
    """Run a job in a new copy on the same disk; call it in a process of its own.

    Args:
        root: the project's root.
        folder: of the copy.
        job: the job.
        send: sends its messages.
    """
    try:
        with dvc_project.open_project(root, wait=True) as repo:
            project_copy.create(repo, job.stage, folder)
            values = project_copy.content(repo, job.stage, job.params, job.entries, True)
        project_copy.complete(folder, values, folder / ".dvc" / "cache")
    except UserError as error:
        sys.stderr.write(f"seqproof: {error}\n")
        send("failed")
        return
    run(folder, job.stage, send, pulls=False)


def run(
    folder: Path,
    stage: str,
    send: Send,
    pulls: bool,
    kept: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Run a stage in a copy; call it in a process of its own, which changes to that folder.

    Args:
        folder: the copy.
        stage: its name.
        send: sends the messages of the job.
        pulls: True if data travel through the default remote, False if the copy has the cache of
            the project.
        kept: returns a context for the time until the outs of the stage are pushed.
    """
    os.chdir(folder)
    try:
        with dvc_project.open_project(folder, wait=True) as repo:
            transfer.restore_inputs(repo, stage, pulls)
        with kept():
            state = reproduction.reproduce(folder, stage, [stage], lambda: send(STARTED))
            if state in FINISHED:
                entry = transfer.read_entry(folder, stage)
                with dvc_project.open_project(folder, wait=True) as repo:
                    texts = transfer.result_files(repo, stage)
                    if pulls:
                        transfer.push_outs(repo, entry)
                send(LockedOuts(entry, texts).message())
    except UserError as error:
        sys.stderr.write(f"seqproof: {error}\n")
        state = "failed"
    except KeyboardInterrupt:
        state = "stopped"
    send(state)
