"""Result of a sweep: the file `sweeps/<name>.json`, without times and names of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from pipelines import files
from pipelines.config.sweeps import Direction
from pipelines.errors import UserError
from pipelines.sweeps.comparison import Confirmation

MAX_NUMBER = 1e100
State = Literal["complete", "pruned", "failed"]
Failure = Literal["diverged", "error"]


@dataclass(frozen=True)
class Trial:
    """A training with proposed values of the parameters.

    Attributes:
        number: counted from 0.
        state: `complete`; `pruned`, stopped early because it was worse than others; or `failed`.
        values: value of each parameter by its dotted key; None leaves the key out.
        epochs: the metric after each epoch.
        value: the best of them; None of a failed trial.
        outs: of a complete trial, its outs as they stand in dvc.lock.
        failure: why it failed: it `diverged`, or there was another `error`.
    """

    number: int
    state: State
    values: dict[str, Any]
    epochs: tuple[float, ...] = ()
    value: float | None = None
    outs: list[dict[str, Any]] = field(default_factory=list)
    failure: Failure | None = None


@dataclass(frozen=True)
class SweepResult:
    """A finished sweep.

    Attributes:
        sweep: its name in params.yaml.
        model: name of the model.
        metric: the optimised column of the history.
        direction: its better side.
        seed: of the proposals.
        pruner: rule that stops trials early.
        planned: number of trials in params.yaml; a time limit may leave fewer.
        space: the parameters as in params.yaml.
        start: values of the parameters in the model's entry, the starting point.
        stage: name, command and deps of the training stage as they stand in dvc.lock, the same
            for all trials.
        trials: in the order of their numbers.
        importances: share of each parameter in the differences between the trials.
        comparison: of the winner with the starting point; None if there is nothing to compare.
    """

    sweep: str
    model: str
    metric: str
    direction: Direction
    seed: int
    pruner: str | None
    planned: int
    space: dict[str, Any]
    start: dict[str, Any]
    stage: dict[str, Any]
    trials: tuple[Trial, ...]
    importances: dict[str, float]
    comparison: Confirmation | None = None

    @property
    def complete(self) -> tuple[Trial, ...]:
        """The trials that were trained to their end."""
        return tuple(trial for trial in self.trials if trial.state == "complete")

    @property
    def winner(self) -> Trial | None:
        """The complete trial with the best value, of equal ones the first; None without any."""
        sign = 1.0 if self.direction == "lower" else -1.0
        return min(self.complete, key=lambda trial: sign * (trial.value or 0.0), default=None)

    @property
    def start_value(self) -> float | None:
        """The metric of the starting point; None if no complete trial had its values."""
        values = (trial.value for trial in self.complete if trial.values == self.start)
        return next(values, None)

    def best_so_far(self) -> list[float | None]:
        """Return the best value of the complete trials up to each trial."""
        better = min if self.direction == "lower" else max
        values = [trial.value if trial.state == "complete" else None for trial in self.trials]

        def best(first: float | None, second: float | None) -> float | None:
            known = [value for value in (first, second) if value is not None]
            return better(known) if known else None

        return list(accumulate(values, best))


def write(path: Path, result: SweepResult) -> None:
    """Write a result: the same bytes for the same trials."""
    files.write_json(path, asdict(result))


def read(path: Path) -> SweepResult:
    """Read a result.

    Raises:
        UserError: the file is damaged.
    """
    try:
        result = files.read_json(path, SweepResult)
        _check(result)
        return result
    except (ValueError, OSError):
        raise UserError(
            f"{path} is damaged. Restore it from Git, or run `seqproof sweep {path.stem}`."
        ) from None


def _check(result: SweepResult) -> None:
    """Check what the types leave open.

    Raises:
        ValueError: the result is not one that a sweep writes.
    """
    keys = set(result.start)
    for trial in result.trials:
        if trial.values.keys() != keys:
            raise ValueError("a trial has other parameters than the starting point")
        if trial.value is None and trial.state != "failed":
            raise ValueError("a trial has no value")
    comparison = result.comparison
    if comparison is not None and not (comparison.metrics and comparison.seeds):
        raise ValueError("the comparison is empty")
    _check_numbers(asdict(result))


def _check_numbers(value: Any) -> None:
    """Raise ValueError for a number that cannot be drawn."""
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            _check_numbers(item)
    elif isinstance(value, int | float) and not abs(value) < MAX_NUMBER:
        raise ValueError(f"{value!r:.20} is too large")
