"""Memory: the error of each cell on a synthetic task, by lag and length of truncated BPTT.

Each cell is trained at each learning rate from the same seeds, and the rate with the lowest mean
validation loss is chosen. The gradient norms of the chosen networks are measured as well: the norm
of d loss(t) / d state(k) is bounded by a power of the recurrent matrix times the slopes of the
activation, so it vanishes or explodes with t - k (Bengio et al. 1994; Pascanu et al. 2013,
section 2). Identity matrices (Le et al. 2015) and gates (Hochreiter and Schmidhuber, 1997) may
preserve it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config import params
from pipelines.experiments import tables
from pipelines.experiments.replicas import BATCHES, Batches, Replica, ReplicaGroup
from pipelines.experiments.synthetic_tasks import ToyTask, make_task

FULL = "full"  # backpropagation through time over the whole sequence
VALID_CALLS, TEST_CALLS = 1, 2  # times `BATCHES` batches
# Examples of training have positive steps.
VALID_STEP, TEST_STEP = -1, -2


def measure_memory(
    cells: Mapping[str, params.CellConfig],
    entry: params.Memory,
    name: str,
    seed: int,
    threads: int,
    advance: Callable[[float, str], None],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train all cells on a task.

    Args:
        cells: cells by name.
        entry: the experiment's entry in params.yaml.
        name: the task.
        seed: the first of the seeds of weights and examples.
        threads: number of kinds of cells that are trained at the same time.
        advance: called with a number of training steps and a remark.

    Returns:
        The losses, a row for each cell, length of BPTT, lag, learning rate and seed; and the
        gradient norms at the longest lag without truncation, a row for each cell, seed and step.
        Losses and norms are NaN if the training diverged.
    """
    kinds: dict[str, dict[str, params.CellConfig]] = {}
    for cell_name in entry.cells or cells:
        kinds.setdefault(cells[cell_name].cell, {})[cell_name] = cells[cell_name]
    runs = [_KindOfCell(members, entry, name, seed) for members in kinds.values()]
    with ThreadPoolExecutor(threads) as pool:
        # The largest first, so that the threads end at about the same time.
        order = sorted(runs, key=lambda run: run.group.size, reverse=True)
        results = {run: pool.submit(run.measure, advance) for run in order}
    parts = [results[run].result() for run in runs]
    losses, norms = (pd.concat(frames, ignore_index=True) for frames in zip(*parts, strict=True))
    return losses[list(tables.MEMORY)], norms[list(tables.GRADIENT_FLOW)]


class _KindOfCell:
    """All trainings of the cells of one kind, which differ in initial weights only."""

    def __init__(
        self,
        cells: Mapping[str, params.CellConfig],
        entry: params.Memory,
        name: str,
        seed: int,
    ) -> None:
        self.entry = entry
        self.task: ToyTask = make_task(name, entry.symbols)
        self.seeds = range(seed, seed + entry.seeds)
        self.keys = list(
            itertools.product(cells, entry.bptt_steps, entry.learning_rates, self.seeds)
        )
        replicas = [
            Replica(cells[cell], replica_seed, rate, None if steps == FULL else int(steps))
            for cell, steps, rate, replica_seed in self.keys
        ]
        steps = max(self.task.steps(lag) for lag in entry.lags)
        self.group = ReplicaGroup(replicas, self.task, entry.units, steps, entry.clip_norm)

    def measure(self, advance: Callable[[float, str], None]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the losses and the gradient norms of all networks."""
        parts = []
        longest = self.entry.lags[-1]
        initial_norms = self._norms(longest)
        for lag in self.entry.lags:
            self.group.reset()
            self._train(lag, advance)
            parts.append(self._losses(lag))
        curves = [
            self._curves("initial", parts[-1], initial_norms),
            self._curves("trained", parts[-1], self._norms(longest)),
        ]
        return pd.concat(parts, ignore_index=True), pd.concat(curves, ignore_index=True)

    def _train(self, lag: int, advance: Callable[[float, str], None]) -> None:
        for first in range(0, self.entry.steps, BATCHES):
            count = min(BATCHES, self.entry.steps - first)
            self.group.train(self._draw(lag, range(first + 1, first + 1 + count)))
            advance(count, f"{self.keys[0][0]}, lag {lag}")

    def _draw(self, lag: int, steps: Sequence[int]) -> Batches:
        """Draw a batch for each seed and step, which depend only on the arguments."""
        task, count = self.task, self.entry.batch_size
        examples = [
            [task.draw(generator(seed, lag, step), count, lag) for seed in self.seeds]
            for step in steps
        ]
        arrays = (
            np.array([[part[position] for part in row] for row in examples])
            for position in range(3)
        )
        return Batches(*arrays)

    def _evaluation_batches(self, lag: int, split: int, calls: int) -> list[Batches]:
        steps = [split * 1000 - number for number in range(calls * BATCHES)]
        return [
            self._draw(lag, steps[first : first + BATCHES])
            for first in range(0, len(steps), BATCHES)
        ]

    def _losses(self, lag: int) -> pd.DataFrame:
        """Measure the networks on validation and test examples, and choose a learning rate."""
        columns = ["cell", "bptt_steps", "learning_rate", "seed"]
        table = pd.DataFrame(self.keys, columns=columns)
        table["lag"] = lag
        for split, step, calls in (
            ("valid", VALID_STEP, VALID_CALLS),
            ("test", TEST_STEP, TEST_CALLS),
        ):
            examples = self._evaluation_batches(lag, step, calls)
            results = [self.group.measure(batches) for batches in examples]
            loss = np.concatenate([result.loss for result in results]).mean(axis=0)
            table[f"{split}_loss"] = np.where(np.isfinite(loss), loss, np.nan)
        recalled = np.concatenate([result.recalled for result in results]).mean(axis=0)
        table["recalled"] = np.nan if self.task.chance is None else recalled
        baselines = dict(zip(self.seeds, self._baselines(examples), strict=True))
        table["baseline"] = table["seed"].map(baselines)
        table["chosen"] = choose_rates(table)
        return table

    def _baselines(self, examples: Sequence[Batches]) -> list[float]:
        """Return the mean loss of a network without memory on the examples of each seed."""
        inputs, targets, mask = (np.concatenate(part) for part in zip(*examples, strict=True))
        return [
            self.task.baseline((inputs[:, place], targets[:, place], mask[:, place]))
            for place in range(len(self.seeds))
        ]

    def _norms(self, lag: int) -> npt.NDArray[np.float64]:
        """Return the norms of the gradient of the last step's loss by steps back (R, t)."""
        (batches,) = self._evaluation_batches(lag, VALID_STEP, 1)
        mask = np.zeros_like(batches.mask)
        mask[..., -1] = 1
        norms = self.group.measure(batches._replace(mask=mask)).norms
        norms = norms.mean(axis=0)[: -self.task.steps(lag) - 1 : -1].T.astype(np.float64)
        return np.where(np.isfinite(norms), norms, np.nan)

    def _curves(
        self, weights: str, losses: pd.DataFrame, norms: npt.NDArray[np.float64]
    ) -> pd.DataFrame:
        """Return the norms of the chosen networks that were trained without truncation."""
        rows = losses["chosen"] & (losses["bptt_steps"].astype(str) == FULL)
        parts = [
            pd.DataFrame(
                {
                    **{column: row[column] for column in ("cell", "seed", "test_loss", "baseline")},
                    "weights": weights,
                    "steps_back": range(norms.shape[1]),
                    "norm": norms[position],
                }
            )
            for position, row in zip(
                np.flatnonzero(rows), losses[rows].to_dict("records"), strict=True
            )
        ]
        empty = pd.DataFrame(columns=list(tables.GRADIENT_FLOW))
        return pd.concat(parts, ignore_index=True) if parts else empty


def generator(seed: int, lag: int, step: int) -> np.random.Generator:
    """Return the generator of a batch; validation and test have negative steps."""
    return np.random.default_rng([seed, lag, abs(step), int(step < 0)])


def choose_rates(table: pd.DataFrame) -> pd.Series[bool]:
    """Return True for the rows of each cell's best learning rate.

    That is the rate with the lowest validation loss, mean over the seeds. A rate at which a
    training diverged is the last choice.
    """
    keys = ["cell", "bptt_steps"]
    means = (
        table["valid_loss"]
        .fillna(np.inf)
        .groupby([table[key] for key in [*keys, "learning_rate"]], sort=False)
        .mean()
    )
    best = means.groupby(level=keys, sort=False).idxmin()
    rows = pd.MultiIndex.from_frame(table[[*keys, "learning_rate"]])
    return pd.Series(rows.isin(best), index=table.index)
