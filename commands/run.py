"""`seqproof run`: run the outdated stages side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from commands import execution
from pipelines import console, paths
from pipelines.console import Exit, LiveTable
from pipelines.errors import UserError
from pipelines.lineage import environment, lockfiles, reproduction
from pipelines.lineage.reproduction import SurveyedStage
from pipelines.scheduling import exclusive, gpus, plan
from pipelines.scheduling.children import Children, Send, StopSignals
from pipelines.scheduling.jobs import Executor
from pipelines.scheduling.runner import Runner
from pipelines.scheduling.schedule import Schedule
from pipelines.scheduling.screen import Screen, duration

SLURM_JOBS = 4  # by default


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
    with exclusive.only_run(execution.FOLDER / "run.lock"), stop.recorded(), LiveTable() as table:
        reproduction.load_dvc()
        reproduction.release_locks(root)
        with Children(execution.FOLDER / "logs") as children:
            workers = execution.count_workers(children, scheduler, stop) if scheduler else None
            table.draw([["Looking for outdated stages ..."]])
            stages = execution.survey(root, children, stop)
            names = plan.select(targets, stages)
            scheduled = plan.schedule_stages(names, stages, console.costs(names))
            jobs = jobs or workers or (SLURM_JOBS if slurm else _default_jobs(stages))
            has_result = any(map(plan.is_evaluation, set(names) - set(scheduled)))
            schedule = Schedule(scheduled, jobs, devices, has_result)
            with (
                (
                    execution.slurm_scheduler(jobs, stop)
                    if slurm and scheduled
                    else nullcontext(scheduler)
                ) as address,
                execution.open_executor(
                    root, children, list(stages), address, bool(scheduled)
                ) as place,
            ):
                seconds = _run_stages(schedule, *place, len(devices), table, stop)
            if scheduler or slurm:
                _upload_runs(root, children, stop)
    _print_summary(schedule, seconds, len(names), time.monotonic() - started, jobs)
    stopped = schedule.in_state("stopped")
    execution.raise_if_stopped(
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


def _upload_runs(root: Path, children: Children, stop: StopSignals) -> None:
    """Upload the runs that workers could not log, in a process of its own."""
    from pipelines.tracking import offline_queue

    def main(send: Send) -> None:
        send(offline_queue.upload_quietly(root) or "uploaded")

    if offline_queue.queued_runs(root) and not stop.numbers:
        execution.ask(children, "sync", main, stop)


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
