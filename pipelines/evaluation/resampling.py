"""Bootstrap of test items (Efron 1979): scores of several models on the same resamples.

A metric is a function of sums: every item has a row of statistics (right or wrong; nats and tokens;
counts of a confusion matrix), and the score of a test set is computed from the sum of its rows.
N items, B blocks of items, K statistics, S trained models, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Statistics = npt.NDArray[np.float64]  # (N, K)
Scores = npt.NDArray[np.float64]
Score = Callable[[Statistics], Scores]  # sums (R, K) -> scores (R,)

MAX_CELLS = 2_000_000  # of a matrix of resamples, which limits the memory


@dataclass(frozen=True)
class Interval:
    """Confidence interval of a number."""

    low: float
    high: float


@dataclass(frozen=True)
class ScoredItems:
    """Statistics of trained models for the same items.

    Attributes:
        statistics: of each of S trained models, (N, K).
        score: sums (R, K) -> scores (R,).
    """

    statistics: tuple[Statistics, ...]
    score: Score

    def scores(self) -> Scores:
        """Return the scores (S,) of all items."""
        return np.array(
            [self.score(part.sum(axis=0, keepdims=True))[0] for part in self.statistics]
        )

    def in_blocks(self, count: int, order: npt.NDArray[np.int64] | None = None) -> ScoredItems:
        """Return the same scores with the sums of `count` blocks of items as items.

        Each item is a block if there are no more than `count`.

        Args:
            count: number of blocks, whose sizes are nearly equal.
            order: order (N,) of the items, of which consecutive ones are a block.
        """
        items = len(self.statistics[0])
        if count >= items:
            return self
        order = np.arange(items) if order is None else order
        starts = np.arange(count) * items // count
        parts = tuple(np.add.reduceat(part[order], starts, axis=0) for part in self.statistics)
        return ScoredItems(parts, self.score)


def bootstrap(samples: Sequence[ScoredItems], resamples: int, seed: int) -> list[Scores]:
    """Score all models on the same resamples of the items, with replacement.

    Args:
        samples: statistics of several metrics of the same B items.
        resamples: R.
        seed: seed of the resamples.

    Returns:
        The scores (R, S) of each metric.
    """
    items = len(samples[0].statistics[0])
    columns = [np.concatenate(sample.statistics, axis=1) for sample in samples]
    parts: list[list[Scores]] = [[] for _ in samples]
    for counts in _item_counts(items, resamples, np.random.default_rng(seed)):
        for sample, matrix, scores in zip(samples, columns, parts, strict=True):
            sums = np.split(counts @ matrix, len(sample.statistics), axis=1)
            scores.append(np.stack([sample.score(part) for part in sums], axis=1))
    return [np.concatenate(scores) for scores in parts]


def _item_counts(
    items: int, resamples: int, generator: np.random.Generator
) -> Iterator[npt.NDArray[Any]]:
    """Yield the count (r, B) of each item in each resample: sums are then one matrix product."""
    size = max(1, MAX_CELLS // items)
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        indices = generator.integers(0, items, (rows, items)) + items * np.arange(rows)[:, None]
        counts = np.bincount(indices.ravel(), minlength=rows * items).reshape(rows, items)
        yield counts.astype(np.float64)
