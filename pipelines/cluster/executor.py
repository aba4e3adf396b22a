"""Executor of jobs on the workers of a Dask cluster.

A child process of this one follows each job. For a stage of the project that is DVC: it decides
whether the stage is outdated, and when the worker has run its command, DVC takes its outs over.
"""

from __future__ import annotations

import io
import platform
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Self, get_args

from pipelines import files, paths
from pipelines.cluster.client import RemoteTask, connect
from pipelines.cluster.worker_groups import WorkerGroup, worker_count
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, project_copy, reproduction, transfer
from pipelines.lineage.lockfiles import truncated
from pipelines.scheduling.children import Children, Main, Send
from pipelines.scheduling.jobs import STARTED, StageJob, locked_outs
from pipelines.scheduling.local_jobs import LocalExecutor
from pipelines.scheduling.schedule import FINISHED
from pipelines.tracking import offline_queue

# They read texts/ and the network, or the results of all others.
LOCAL_STAGES = ("check", "fetch", "report")
# Packages that results depend on: a worker has the same versions.
PACKAGES = (
    *("tensorflow", "keras", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "duckdb"),
    *("sentencepiece", "great-expectations", "dvc", "mlflow", "distributed"),
)
# Variables of this machine's processes.
PRIVATE_VARIABLES = ("CUDA_VISIBLE_DEVICES", "SEQPROOF_EPOCHS", "SEQPROOF_FORK_SERVER")


class DaskExecutor(LocalExecutor):
    """Runs jobs on Dask workers, and the stages that read the whole project on this machine.

    Args:
        root: the project's root.
        children: the processes that follow the jobs.
        order: names of all stages in the order of dvc.lock.
        address: of the scheduler.

    The context of the executor is that of its jobs.
    """

    def __init__(self, root: Path, children: Children, order: Sequence[str], address: str) -> None:
        super().__init__(root, children, order)
        self._address = address
        # A worker that sees it sees the disk of the project.
        self._token = root.resolve() / project_copy.EXCHANGE / f"{uuid.uuid4().hex}.token"
        self._variables: dict[str, dict[str, str]] = {}

    def start(self, name: str, job: StageJob, variables: Mapping[str, str]) -> None:
        """Start a job."""
        self._variables[name] = {
            key: value for key, value in variables.items() if key not in PRIVATE_VARIABLES
        }
        super().start(name, job, variables)

    def main(self, name: str, job: StageJob) -> Main:
        """Return the function of the child process that follows a job."""
        if job.params is None and job.stage.partition("@")[0] in LOCAL_STAGES:
            return super().main(name, job)
        variables = self._variables[name]

        def main(send: Send) -> None:
            try:
                state = self._follow(job, variables, send)
            except UserError as error:
                sys.stderr.write(f"seqproof: {error}\n")
                state = "failed"
            except KeyboardInterrupt:
                state = "stopped"
            send(state)

        return main

    def __enter__(self) -> Self:
        files.write_text(self._token, "")
        return self

    def __exit__(self, *error: object) -> None:
        self._token.unlink(missing_ok=True)

    def _follow(self, job: StageJob, variables: Mapping[str, str], send: Send) -> str:
        """Run a job on a worker, and take its outs over; return its state."""
        remote = RemoteStage(self._address, str(self._token), job, variables)
        if job.params is not None:
            with dvc_project.open_project(self._root, wait=True) as repo:
                return remote.run(repo, send)

        def elsewhere(repo: Any, on_start: Callable[[], None]) -> None:
            state = remote.run(
                repo, lambda message: on_start() if message == STARTED else send(message)
            )
            if state == "stopped":
                raise KeyboardInterrupt
            if state not in FINISHED:
                raise UserError(f"{job.stage} failed on its worker")

        return reproduction.reproduce(
            self._root, job.stage, self._order, lambda: send(STARTED), elsewhere
        )


class RemoteStage:
    """A job on its way to a worker and back.

    Args:
        address: of the scheduler.
        token: file that a worker sees if it sees the disk of the project.
        job: the job.
        variables: environment variables of its command.
    """

    def __init__(
        self, address: str, token: str, job: StageJob, variables: Mapping[str, str]
    ) -> None:
        self._address, self._token = address, token
        self._job, self._variables = job, variables

    def run(self, repo: Any, send: Send) -> str:
        """Run the job on a worker, and take over what it leaves; return its state.

        A job with its own parameters only adds to the cache.

        Args:
            repo: the open project.
            send: sends the messages of the job, but not its state.

        Raises:
            UserError: it could not run to its end, or its inputs have changed meanwhile.
        """
        job = self._job
        with connect(self._address) as client:
            task = self._task(client, repo, lambda message: _send_unless_state(message, send))
            shares_disk = task.shares_disk(self._token)
            content = project_copy.content(repo, job.stage, job.params, job.entries, shares_disk)
            if not shares_disk:
                transfer.push_inputs(repo, job.stage)
            request = {
                "stage": job.stage,
                "content": content.dump(),
                "variables": self._variables,
                "versions": _versions(),
                "token": self._token if shares_disk else None,
            }
            result, runs = task.run(request, project_copy.pack(repo, job.stage))
        root = Path(repo.root_dir)
        if job.params is None:  # jobs of the same stage with others run side by side
            for name, text in result["costs"].items():
                files.write_text(root / ".seqproof" / "costs" / Path(name).name, text)
        _take_over_runs(root, runs)
        outs = locked_outs(result["lock"])
        if outs is not None:
            if not shares_disk:
                transfer.pull_outs(repo, outs.entry)
            if job.params is None:
                self._check_inputs(repo, outs.entry)
                transfer.restore_outs(repo, outs.entry)
            else:
                transfer.record_run(repo, outs.entry)
                send(result["lock"])
        return str(result["state"])

    def _task(self, client: Any, repo: Any, on_message: Callable[[str], None]) -> RemoteTask:
        text = self._job.params or Path(repo.root_dir, paths.PARAMS).read_text(encoding="utf-8")
        count = worker_count(text, self._job.stage)
        if count > 1:
            return WorkerGroup(client, self._job.stage, on_message, count)
        return RemoteTask(client, self._job.stage, on_message)

    def _check_inputs(self, repo: Any, entry: transfer.Entry) -> None:
        changed = transfer.changed_inputs(repo, self._job.stage, entry)
        if changed:
            raise UserError(
                f"{truncated(changed)} changed while {self._job.stage} ran on a worker. Run the "
                "same command again."
            )


def _send_unless_state(message: str, send: Send) -> None:
    """Pass a message on; the state follows when the outs are here."""
    if message not in get_args(reproduction.Reproduction):
        send(message)


def _take_over_runs(root: Path, content: bytes) -> None:
    """Queue the runs that a worker could not log, for the tracking server of this machine."""
    if content:
        with (
            tempfile.TemporaryDirectory() as folder,
            tarfile.open(fileobj=io.BytesIO(content)) as archive,
        ):
            # Python 3.11.3 and older have no filters.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(folder)
            offline_queue.take_over(root, Path(folder))


def _versions() -> dict[str, str]:
    """Return the versions that a worker must have, too."""
    versions = {"Python": ".".join(platform.python_version_tuple()[:2])}
    return versions | {name: metadata.version(name) for name in PACKAGES}
