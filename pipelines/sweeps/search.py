"""The search of a sweep: trials are proposed, trained, stopped early, and recorded."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Protocol

from optuna.trial import FrozenTrial, TrialState

from pipelines.config.sweeps import Sweep
from pipelines.errors import UserError
from pipelines.scheduling.jobs import StageJob
from pipelines.sweeps import proposals
from pipelines.sweeps import space as spaces
from pipelines.sweeps.job_pool import JobEnd, JobPool, Row
from pipelines.sweeps.journal import Journal
from pipelines.sweeps.result import Failure, State, Trial
from pipelines.sweeps.space import Space

PERIOD = 0.25  # seconds between two drawings of the progress
DIVERGED = "The training diverged"  # in the log of a training whose loss is not finite
MAX_ERRORS = 3  # failures in a row, without one by divergence, after which the search gives up


class Observer(Protocol):
    """Progress of a search, for people."""

    def draw(self, running: Mapping[int, Sequence[Row]], elapsed: Mapping[int, float]) -> None:
        """Show the running trials: their epochs, and their seconds so far."""

    def end(self, trial: Trial, rows: Sequence[Row], seconds: float) -> None:
        """Report the end of a trial, with its history and the duration of its last process."""

    def fail(self, number: int, problem: str) -> None:
        """Report a failure that may have nothing to do with the values of the trial."""

    def discard(self, values: Mapping[str, Any]) -> None:
        """Remove what a training that was stopped early has left."""


@dataclass
class _Run:
    """A trial that runs, or has failed.

    Attributes:
        rows: of its history.
        is_hopeless: True if it is stopped early.
        seconds: duration of its job.
        entry: of a trained model in dvc.lock.
    """

    rows: list[Row] = field(default_factory=list)
    is_hopeless: bool = False
    seconds: float = 0.0
    entry: Mapping[str, Any] = field(default_factory=dict)


class SweepSearch:
    """Search of a sweep.

    Args:
        name: of the sweep.
        sweep: the entry in params.yaml.
        space: what its parameters may be.
        journal: of the trials.
        pool: runs the jobs.
        jobs: number of trials at a time.
        job: returns the training with some values; raises UserError if they are invalid.
        history: path of the training's history.
        observer: is told about all trials.
    """

    def __init__(
        self,
        name: str,
        sweep: Sweep,
        space: Space,
        journal: Journal,
        pool: JobPool,
        jobs: int,
        job: Callable[[Mapping[str, Any]], StageJob],
        history: str,
        observer: Observer,
    ) -> None:
        self._name, self._sweep, self._space = name, sweep, space
        self._journal, self._pool, self._jobs, self._job = journal, pool, jobs, job
        self._history, self._observer = history, observer
        self._runs: dict[int, _Run] = {}
        self._errors: dict[int, _Run] = {}  # trials that failed in a row, and are not recorded yet
        self._is_exhausted = False
        self._started = time.monotonic()
        self._earlier_seconds = journal.seconds

    @property
    def seconds(self) -> float:
        """Duration of the search in all its processes."""
        return self._earlier_seconds + time.monotonic() - self._started

    def run(self) -> None:
        """Run all trials that are left; after a signal, only wait for those that run.

        Raises:
            UserError: several trials in a row have failed.
        """
        while True:
            while self._may_start() and (trial := self._next_trial()) is not None:
                self._runs[trial.number] = _Run()
                values = spaces.decode(self._space, trial.params)
                self._pool.start(self._job_name(trial.number), self._job(values))
            if not self._runs:
                break
            self._observer.draw(
                {number: run.rows for number, run in self._runs.items()}, self._elapsed()
            )
            for name, event in self._pool.wait(PERIOD):
                number = _number(name)
                if isinstance(event, JobEnd):
                    self._end(number, event)
                else:
                    self._add_row(number, event)
        if len(self._errors) >= MAX_ERRORS or self._has_only_errors():
            name = self._job_name(next(iter(self._errors)))
            count = len(self._errors)
            trials = f"{count} trials in a row have failed, the first one with"
            raise UserError(
                f"{trials if count > 1 else 'The only trial has failed with'}: "
                f"{self._pool.problem(name)} After the repair, run the same command again."
            )
        if not self._pool.is_stopping:
            self._record_errors()

    def _has_only_errors(self) -> bool:
        """Return True if no trial has ended but by an error, which recording would make final."""
        is_open = (trial.state == TrialState.RUNNING for trial in self._journal.trials)
        return bool(self._errors) and not self._pool.is_stopping and all(is_open)

    def _may_start(self) -> bool:
        return (
            not self._pool.is_stopping
            and len(self._runs) < self._jobs
            and len(self._errors) < MAX_ERRORS
        )

    def _next_trial(self) -> FrozenTrial | None:
        """Return a trial that a killed process has left, or a new one; None if there is none."""
        trials = self._journal.trials
        for trial in trials:
            number = trial.number
            is_open = trial.state == TrialState.RUNNING
            if is_open and number not in self._runs and number not in self._errors:
                return trial
        if len(trials) >= self._sweep.trials or self._is_exhausted or not self._has_time():
            return None
        drawn = self._propose(trials)
        self._is_exhausted = drawn is None
        return None if drawn is None else self._journal.add(drawn)

    def _has_time(self) -> bool:
        return self._sweep.seconds is None or self.seconds < self._sweep.seconds

    def _propose(self, trials: Sequence[FrozenTrial]) -> dict[str, Any] | None:
        if not trials:
            start = spaces.encode(self._space, self._journal.start)
            if start is not None:
                return start
        return proposals.propose(
            self._space,
            self._sweep.seed,
            len(trials),
            trials,
            self._sweep.direction,
            lambda drawn: _ignore(self._job(spaces.decode(self._space, drawn))),
        )

    def _job_name(self, number: int) -> str:
        return f"{self._name}-trial-{number}"

    def _elapsed(self) -> dict[int, float]:
        return {_number(name): seconds for name, seconds in self._pool.elapsed().items()}

    def _add_row(self, number: int, row: Row) -> None:
        """Add an epoch to a trial that runs, and stop it if it is hopeless."""
        run = self._runs[number]
        if not run.is_hopeless:
            run.seconds = self._elapsed()[number]
            self._judge(number, run, row)
            if run.is_hopeless:
                self._pool.stop(self._job_name(number))

    def _judge(self, number: int, run: _Run, row: Row) -> None:
        """Add a row to a history, and record a hopeless trial.

        A resumed training reports its first rows again.
        """
        if row["epoch"] <= len(run.rows):
            return
        run.rows.append(row)
        run.is_hopeless = self._journal.is_hopeless(number, self._metric(run.rows))
        if run.is_hopeless:
            self._record(number, "pruned", run)

    def _end(self, number: int, end: JobEnd) -> None:
        run = self._runs.pop(number)
        run.seconds = end.seconds
        if run.is_hopeless:
            drawn = self._journal.trials[number].params
            self._observer.discard(spaces.decode(self._space, drawn))
            return
        if end.state in ("failed", "stopped"):
            self._fail(number, run)
            return
        # Of a model that DVC has restored, the history shows whether it would have been stopped.
        for row in self._history_rows(end):
            if not run.is_hopeless:
                self._judge(number, run, row)
        if not run.is_hopeless:
            run.entry = end.outs.entry if end.outs else {}
            self._record(number, "complete", run)

    def _history_rows(self, end: JobEnd) -> Iterator[Row]:
        text = end.outs.files.get(self._history, "") if end.outs else ""
        for row in csv.DictReader(text.splitlines()):
            yield {key: float(value) for key, value in row.items() if value}

    def _metric(self, rows: Sequence[Row]) -> list[float]:
        """Return the metric after each epoch, with the digits of the history's file."""
        values = (float(f"{row[self._sweep.metric]:.9g}") for row in rows)
        return list(takewhile(math.isfinite, values))

    def _fail(self, number: int, run: _Run) -> None:
        name = self._job_name(number)
        if any(DIVERGED in line for line in self._pool.log_lines(name)):
            self._record(number, "failed", run, "diverged")
        elif not self._pool.is_stopping:
            self._errors[number] = run
            self._observer.fail(number, self._pool.problem(name))

    def _record(self, number: int, state: State, run: _Run, failure: Failure | None = None) -> None:
        """Record the end of a trial; failures before it were those trials' own."""
        if failure != "error":
            self._record_errors()
        epochs = self._metric(run.rows)
        if state != "failed" and not epochs:  # not even the first value is finite
            state, failure = "failed", "diverged"
        best = min if self._sweep.direction == "lower" else max
        trial = Trial(
            number,
            state,
            spaces.decode(self._space, self._journal.trials[number].params),
            tuple(epochs),
            None if state == "failed" else best(epochs),
            list(run.entry.get("outs", [])),
            failure,
        )
        # A trial of a process that is killed between these two lines ends once more.
        self._observer.end(trial, run.rows, run.seconds)
        self._journal.end(trial, run.entry, self.seconds)

    def _record_errors(self) -> None:
        errors, self._errors = self._errors, {}
        for number, run in errors.items():
            self._record(number, "failed", run, "error")


def _number(name: str) -> int:
    """Return the number of the trial that a job runs."""
    return int(name.rpartition("-")[2])


def _ignore(value: object) -> None:
    """Return nothing, of a function that is called for its errors."""
