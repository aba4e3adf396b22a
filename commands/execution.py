"""Shared by `seqproof run` and `seqproof sweep`: the survey of the stages, and where jobs run."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from pipelines import console, fork_server, paths
from pipelines.config import params
from pipelines.errors import Interrupted, UserError, redact
from pipelines.lineage import reproduction
from pipelines.lineage.reproduction import SurveyedStage
from pipelines.scheduling.children import Children, Main, Send, StopSignals
from pipelines.scheduling.jobs import Executor
from pipelines.scheduling.local_jobs import LocalExecutor

FOLDER = Path(".seqproof")  # for the lock and the logs
CHECK = Path("stages", "check.py")  # would fail with invalid parameters, and print more
SURVEY = "survey"  # the process that asks DVC which stages are outdated
SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


def survey(root: Path, children: Children, stop: StopSignals) -> dict[str, SurveyedStage]:
    """Return all stages of a project by name, in the order of the graph."""
    answer = ask(children, SURVEY, lambda send: send(reproduction.survey(root)), stop)
    return _parse_survey(root, answer)


def _parse_survey(root: Path, answer: str) -> dict[str, SurveyedStage]:
    """Return DVC's answer; our own message names the line of an error in `params.yaml`."""
    try:
        stages = reproduction.parse_survey(answer)
    except UserError:
        if (root / paths.PARAMS).is_file():
            params.load(root / paths.PARAMS)
        raise
    if (root / CHECK).is_file():
        params.load(root / paths.PARAMS)
    return stages


def ask(children: Children, name: str, main: Main, stop: StopSignals) -> str:
    """Ask DVC, in a process of its own: DVC starts threads, which forks must not.

    Args:
        children: processes of this command.
        name: of the process.
        main: sends the answer.
        stop: the signals that have arrived.

    Raises:
        UserError: there is no answer.
        Interrupted: a signal has arrived.
    """
    children.start(name, main)
    answer = ""
    while True:
        for _, messages, code in children.wait(1.0):
            answer += "".join(messages)
            if code is not None:
                if not answer:
                    raise UserError(f"DVC failed. See {children.log(name)}.")
                return answer
        raise_if_stopped(stop, "before the next stage")


def count_workers(children: Children, scheduler: str, stop: StopSignals) -> int:
    """Return the number of workers of a Dask scheduler, in a process of its own.

    Raises:
        UserError: the scheduler does not answer.
    """
    from pipelines.cluster import client

    def main(send: Send) -> None:
        try:
            send(json.dumps({"workers": client.count_workers(scheduler)}))
        except UserError as error:
            send(json.dumps({"error": str(error)}))

    answer = json.loads(ask(children, "scheduler", main, stop))
    if "error" in answer:
        raise UserError(answer["error"])
    workers = int(answer["workers"])
    if not workers:
        console.echo(f"{redact(scheduler)} has no worker yet. Stages start as workers connect.")
    return workers


@contextmanager
def open_executor(
    root: Path,
    children: Children,
    order: Sequence[str],
    scheduler: str | None = None,
    uses_server: bool = True,
) -> Iterator[tuple[Executor, Mapping[str, str]]]:
    """Open the executor of jobs.

    Args:
        root: the project's root.
        children: processes of this command.
        order: names of all stages in the order of dvc.lock.
        scheduler: address of a Dask scheduler, whose workers run the jobs; None for this machine.
        uses_server: start a fork server for the jobs of this machine.

    Yields:
        The executor, and environment variables for its jobs.
    """
    if scheduler is None:
        with _server(uses_server) as server:
            yield LocalExecutor(root, children, order), server
        return
    from pipelines.cluster.executor import DaskExecutor

    with DaskExecutor(root, children, order, scheduler) as cluster:
        yield cluster, {}


@contextmanager
def slurm_scheduler(jobs: int, stop: StopSignals | None = None) -> Iterator[str]:
    """Start a Dask scheduler whose workers are jobs of SLURM; both end with the context.

    Args:
        jobs: number of jobs.
        stop: the signals that have arrived, if they are recorded.

    Yields:
        Address of the scheduler.
    """
    from pipelines.cluster import slurm

    def check() -> None:
        if stop is not None:
            raise_if_stopped(stop, "before the next stage")

    with slurm.open_scheduler(jobs, FOLDER / "logs", check) as address:
        console.echo(f"Submitted {jobs} {'job' if jobs == 1 else 'jobs'} to SLURM.")
        yield address


def _server(needed: bool) -> AbstractContextManager[dict[str, str]]:
    """Return a fork server for the stages: most of a short stage's time is its imports."""
    return fork_server.serving() if needed else nullcontext({})


def raise_if_stopped(stop: StopSignals, place: str) -> None:
    """Raise Interrupted if a signal has arrived.

    Args:
        stop: the signals.
        place: where it has stopped the command, for the message.
    """
    if stop.numbers:
        number = signal.Signals(stop.numbers[0])
        raise Interrupted(
            SIGNALS[number], 128 + number, f"{place}. Run the same command again to resume"
        )
