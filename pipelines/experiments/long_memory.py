"""Long memory: the longest lag over which a cell learns a synthetic task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from pipelines.config import params
from pipelines.experiments import network as networks
from pipelines.experiments import tables
from pipelines.experiments.synthetic_tasks import ToyTask

MAX_FAILURES = 2  # failed lags in a row after which no longer lag is tried


class TrialResult(NamedTuple):
    """Result of one training run: number of steps, and loss after the last one."""

    steps: int
    loss: float


def lag_sweep(
    cells: Mapping[str, params.CellConfig],
    entry: params.LongMemory,
    task: ToyTask,
    seed: int,
    advance: Callable[[float, str], None],
) -> pd.DataFrame:
    """Train each cell with increasing lags until it fails at two lags in a row.

    Args:
        cells: cells by name.
        entry: the experiment's entry in params.yaml.
        task: the task to learn.
        seed: seed of weights and examples.
        advance: called with a number of steps and a remark: after each step, and for steps that
            are left out.

    Returns:
        A row for each cell and lag: number of steps, last loss, loss of the baseline, and whether
        the loss fell below `threshold` times the baseline.
    """
    rows = [
        {"cell": name, **row}
        for name, cell in cells.items()
        for row in _sweep_cell(name, cell, entry, task, seed, advance)
    ]
    return pd.DataFrame(rows, columns=list(tables.LONG_MEMORY))


def _sweep_cell(
    name: str,
    cell: params.CellConfig,
    entry: params.LongMemory,
    task: ToyTask,
    seed: int,
    advance: Callable[[float, str], None],
) -> Iterator[dict[str, object]]:
    failed = 0
    for lag in entry.lags:
        if failed == MAX_FAILURES:
            advance(entry.steps, f"{name}, lag {lag}: not tried")
            continue
        goal = entry.threshold * task.baseline(lag)
        network = networks.make_network(cell, entry.units, task, seed)
        losses = networks.train(network, task, lag, entry, seed, entry.clip_norm)
        trial = run_trial(_report_steps(losses, f"{name}, lag {lag}", advance), goal)
        advance(entry.steps - trial.steps, f"{name}, lag {lag}, loss {trial.loss:.3f}")
        learnt = trial.loss < goal  # False if the loss is NaN
        failed = 0 if learnt else failed + 1
        yield {"lag": lag, **trial._asdict(), "baseline": task.baseline(lag), "learnt": learnt}


def _report_steps(
    losses: Iterator[float], title: str, advance: Callable[[float, str], None]
) -> Iterator[float]:
    for loss in losses:
        advance(1, f"{title}, loss {loss:.3f}")
        yield loss


def run_trial(losses: Iterator[float], goal: float) -> TrialResult:
    """Train until the loss is below a goal, or until the last step.

    Args:
        losses: loss after each step; the loss of the first steps is a mean over too few batches to
            stop at.
        goal: the loss to fall below.
    """
    step, loss = 0, math.nan
    for step, loss in enumerate(losses, 1):
        if step >= networks.LOSS_WINDOW and loss < goal:
            break
    return TrialResult(step, loss)
