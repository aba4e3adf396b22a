"""How far a cell remembers: the longest lag over which it learns a task of `tasks`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from pipelines.config import params
from pipelines.experiments import network as networks
from pipelines.experiments import tables
from pipelines.experiments.synthetic_tasks import ToyTask

ENOUGH = 2  # failures in a row: no longer lag is tried


class TrialResult(NamedTuple):
    """What became of one training: steps taken, and the loss then."""

    steps: int
    loss: float


def lag_sweep(
    cells: Mapping[str, params.CellConfig],
    entry: params.LongMemory,
    task: ToyTask,
    seed: int,
    advance: Callable[[float, str], None],
) -> pd.DataFrame:
    """Each cell on ever longer lags, until it has failed at two in a row.

    Args:
        cells: by their names.
        entry: the experiment in params.yaml.
        task: what they are to learn.
        seed: of weights and examples.
        advance: told of every step of a training, and of the steps that are left out.

    Returns:
        A row for each cell and lag tried: whether the loss fell below `share` of the baseline
        within `steps`, after how many, and the loss then.
    """
    rows = [
        {"cell": name, **row}
        for name, cell in cells.items()
        for row in _climb(name, cell, entry, task, seed, advance)
    ]
    return pd.DataFrame(rows, columns=list(tables.MEMORY))


def _climb(
    name: str,
    cell: params.CellConfig,
    entry: params.LongMemory,
    task: ToyTask,
    seed: int,
    advance: Callable[[float, str], None],
) -> Iterator[dict[str, object]]:
    failed = 0
    for lag in entry.lags:
        if failed == ENOUGH:
            advance(entry.steps, f"{name}, lag {lag}: not tried")
            continue
        goal = entry.threshold * task.baseline(lag)
        network = networks.begin(cell, entry.units, task, seed)
        losses = networks.train(network, task, lag, entry, seed, entry.clip_norm)
        found = attempt(_told(losses, f"{name}, lag {lag}", advance), goal)
        advance(entry.steps - found.steps, f"{name}, lag {lag}, loss {found.loss:.3f}")
        learnt = found.loss < goal  # not a number is not below
        failed = 0 if learnt else failed + 1
        yield {"lag": lag, **found._asdict(), "baseline": task.baseline(lag), "learnt": learnt}


def _told(
    losses: Iterator[float], what: str, advance: Callable[[float, str], None]
) -> Iterator[float]:
    for loss in losses:
        advance(1, f"{what}, loss {loss:.3f}")
        yield loss


def attempt(losses: Iterator[float], goal: float) -> TrialResult:
    """Train until the loss is below a goal, of as many batches as make it sure, or to the end."""
    step, loss = 0, math.nan
    for step, loss in enumerate(losses, 1):
        if step >= networks.LAST and loss < goal:
            break
    return TrialResult(step, loss)
