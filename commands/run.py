"""`seqproof run`: run the outdated stages side by side."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from pipelines import console, fork_server, paths
from pipelines.config import params
from pipelines.console import Exit, LiveTable
from pipelines.errors import Interrupted, UserError, redact
from pipelines.lineage import environment, lockfiles, reproduction
from pipelines.lineage.reproduction import SurveyedStage
from pipelines.scheduling import exclusive, gpus, plan
from pipelines.scheduling.children import Children, Main, Send, StopSignals
from pipelines.scheduling.jobs import Executor
from pipelines.scheduling.local_jobs import LocalExecutor
from pipelines.scheduling.runner import Runner
from pipelines.scheduling.schedule import Schedule
from pipelines.scheduling.screen import Screen, duration

FOLDER = Path(".seqproof")  # for the lock and the logs
CHECK = Path("stages", "check.py")  # would fail with invalid parameters, and print more
SURVEY = "survey"  # the process that asks DVC which stages are outdated
SLURM_JOBS = 4  # by default
SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


def run(
    targets: Sequence[str],
    jobs: int | None,
    gpu_count: int | None,
    as_json: bool = False,
    scheduler: str | None = None,
    slurm: bool = False,
) -> None:
    """Run the outdated stages among targets and what these need.

    Args:
        targets: stages, groups, models or corpora; none stands for all stages.
        jobs: number of stages at a time; by default the cores divided by the threads of a stage,
            the number of workers, or 4 jobs of SLURM.
        gpu_count: number of GPUs to use; all by default.
        as_json: print JSON at the end, and all other messages on standard error.
        scheduler: address of a Dask scheduler, whose workers run the stages.
        slurm: run the stages in jobs of SLURM.

    Raises:
        UserError: DVC reports an error, a target does not exist, or another process runs stages.
        Interrupted: a signal has stopped the stages.
        Exit: with 1, if a stage has failed.
    """
    root = console.root()
    if not (root / paths.DVC_YAML).is_file():
        raise UserError(
            f"{root.resolve()} has no {paths.DVC_YAML}. Run this command in the project's root."
        )
    with console.only_json(as_json):
        devices = [] if scheduler or slurm else gpus.choose(gpu_count)
        schedule, content = _run(root, targets, jobs, devices, scheduler, slurm)
    if as_json:
        console.print_json(content)
    if schedule.in_state("failed"):
        raise Exit(1)


def _run(
    root: Path,
    targets: Sequence[str],
    jobs: int | None,
    devices: Sequence[str],
    scheduler: str | None,
    slurm: bool,
) -> tuple[Schedule, dict[str, Any]]:
    """Run the outdated stages; return them with their end as JSON."""
    stop = StopSignals()
    started = time.monotonic()
    with exclusive.only_run(FOLDER / "run.lock"), stop.recorded(), LiveTable() as table:
        reproduction.load_dvc()
        reproduction.release_locks(root)
        with Children(FOLDER / "logs") as children:
            workers = count_workers(children, scheduler, stop) if scheduler else None
            table.draw([["Looking for outdated stages ..."]])
            stages = survey(root, children, stop)
            names = plan.select(targets, stages)
            scheduled = plan.schedule_stages(names, stages, console.costs(names))
            jobs = jobs or workers or (SLURM_JOBS if slurm else _default_jobs(stages))
            has_result = any(map(plan.is_evaluation, set(names) - set(scheduled)))
            schedule = Schedule(scheduled, jobs, devices, has_result)
            with (
                (
                    slurm_scheduler(jobs, stop) if slurm and scheduled else nullcontext(scheduler)
                ) as address,
                executor(root, children, list(stages), address, bool(scheduled)) as place,
            ):
                seconds = _run_stages(schedule, *place, len(devices), table, stop)
            if scheduler or slurm:
                _upload_runs(root, children, stop)
    _print_summary(schedule, seconds, len(names), time.monotonic() - started, jobs)
    stopped = schedule.in_state("stopped")
    raise_if_stopped(
        stop, f"while {', '.join(stopped)} ran" if stopped else "before the next stage"
    )
    return schedule, {
        "ok": not schedule.in_state("failed"),
        "selected": len(names),
        "jobs": jobs,
        "seconds": round(time.monotonic() - started, 1),
        "stages": [
            {"stage": name, "state": state, "seconds": seconds.get(name)}
            for name, state in schedule.states.items()
        ],
    }


def _default_jobs(stages: Mapping[str, SurveyedStage]) -> int:
    """Return the number of stages that the cores of this machine run at a time."""
    return max(environment.cores() // plan.threads(stages), 1)


def _run_stages(
    schedule: Schedule,
    jobs: Executor,
    server: Mapping[str, str],
    gpu_count: int,
    table: LiveTable,
    stop: StopSignals,
) -> dict[str, float]:
    """Run the stages of a schedule; return the seconds of those that have run."""
    progress = {console.PROGRESS_SECONDS: "2"} if table.is_shown else {}

    def variables(gpu: str | None) -> Mapping[str, str]:
        return {**server, **progress, **gpus.variables(gpu, gpu_count)}

    runner = Runner(schedule, jobs, Screen(table, schedule, jobs.log), stop, variables)
    runner.run()
    return runner.seconds


@contextmanager
def executor(
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


def survey(root: Path, children: Children, stop: StopSignals) -> dict[str, SurveyedStage]:
    """Return all stages of a project by name, in the order of the graph."""
    answer = ask(children, SURVEY, lambda send: send(reproduction.survey(root)), stop)
    return _parse_survey(root, answer)


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


def _upload_runs(root: Path, children: Children, stop: StopSignals) -> None:
    """Upload the runs that workers could not log, in a process of its own."""
    from pipelines.tracking import offline_queue

    def main(send: Send) -> None:
        send(offline_queue.upload_quietly(root) or "uploaded")

    if offline_queue.queued_runs(root) and not stop.numbers:
        ask(children, "sync", main, stop)


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


def _print_summary(
    schedule: Schedule,
    stage_seconds: Mapping[str, float],
    selected: int,
    seconds: float,
    jobs: int,
) -> None:
    unchanged = selected - len(schedule.states) + len(schedule.in_state("unchanged"))
    counts = {
        "ran": len(schedule.in_state("ran")),
        "restored from DVC's cache": len(schedule.in_state("restored")),
        "up to date": unchanged,
        "stopped": len(schedule.in_state("stopped")),
        "not started": len(schedule.in_state("waiting")),
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    console.echo(f"{parts or 'No stage'}, in {duration(seconds)} with {jobs} at a time.")
    total = sum(stage_seconds.values())
    if total:
        training = sum(
            seconds
            for name, seconds in stage_seconds.items()
            if lockfiles.stage_kind(name) == lockfiles.TRAINING
        )
        console.echo(
            f"The stages took {duration(total)} in all, {training / total:.0%} of it training."
        )
    for state in ("failed", "skipped"):
        names = schedule.in_state(state)
        if names:
            console.echo(f"{state}: {', '.join(names)}", error=True)
