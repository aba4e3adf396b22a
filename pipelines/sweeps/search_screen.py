"""Messages about a search: a table that changes in a terminal, and a line for each trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.config.sweeps import Sweep
from pipelines.console import LiveTable
from pipelines.scheduling.screen import duration
from pipelines.sweeps.job_pool import Row
from pipelines.sweeps.result import Trial


class SearchScreen:
    """Messages about a search.

    Args:
        table: of the terminal.
        sweep: the entry in params.yaml.
        jobs: number of trials at a time.
        earlier: trials that have ended in earlier processes.
    """

    def __init__(self, table: LiveTable, sweep: Sweep, jobs: int, earlier: Sequence[Trial]) -> None:
        self._table, self._sweep, self._jobs = table, sweep, jobs
        self._trials = list(earlier)
        self._seconds: list[float] = []  # of the trials of this process
        if earlier:
            table.echo(f"{len(earlier)} of {sweep.trials} trials have ended already.")

    def draw(self, running: Mapping[int, Sequence[Row]], elapsed: Mapping[int, float]) -> None:
        """Draw the table: a row for each running trial, and one for the rest."""
        if not self._table.is_shown:
            return
        rows = []
        for number, epochs in running.items():
            newest = f"epoch {len(epochs)}, {self._metric(epochs[-1])}" if epochs else ""
            rows.append((f"trial {number}", duration(elapsed[number]), newest))
        ended = f"{len(self._trials)} of {self._sweep.trials} trials"
        parts = [text for text in (self._best(), self._time_left(elapsed)) if text]
        self._table.draw([*rows, (ended, "", ", ".join(parts))])

    def end(self, trial: Trial, rows: Sequence[Row], seconds: float) -> None:
        """Print the end of a trial."""
        self._trials.append(trial)
        self._seconds.append(seconds)
        metric = "" if trial.value is None else f"{self._sweep.metric} {trial.value:.4g}"
        epochs = f"{len(trial.epochs)} epoch{'' if len(trial.epochs) == 1 else 's'}"
        how = {
            "complete": f"{metric} after {epochs}",
            "pruned": f"stopped after {epochs}, {metric}",
            "failed": "diverged" if trial.failure == "diverged" else "failed",
        }[trial.state]
        ended = f"{len(self._trials)} of {self._sweep.trials}"
        notes = [ended, *filter(None, [self._best()])]
        values = ", ".join(f"{key} {value_text(value)}" for key, value in trial.values.items())
        self._table.echo(
            f"trial {trial.number}: {how}, in {duration(seconds)} ({', '.join(notes)}): {values}"
        )

    def fail(self, number: int, problem: str) -> None:
        """Print why a trial has failed."""
        self._table.echo(f"trial {number} failed: {problem}")

    def _metric(self, row: Row) -> str:
        return f"{self._sweep.metric} {row[self._sweep.metric]:.4g}"

    def _best(self) -> str:
        complete = [trial for trial in self._trials if trial.state == "complete"]
        if not complete:
            return ""
        sign = 1.0 if self._sweep.direction == "lower" else -1.0
        trial = min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
        return f"best {trial.value:.4g} of trial {trial.number}"

    def _time_left(self, elapsed: Mapping[int, float]) -> str:
        if not self._seconds:
            return ""
        mean = sum(self._seconds) / len(self._seconds)
        count = max(self._sweep.trials - len(self._trials), len(elapsed))
        seconds = max(mean * count - sum(elapsed.values()), 0.0) / self._jobs
        return f"about {duration(seconds)} left"


def value_text(value: Any) -> str:
    """Return a value of a parameter for people."""
    return "off" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
