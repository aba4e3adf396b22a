"""Paired bootstrap, approximate randomisation and other significance tests.

A metric is a function of sums: every item has a row of statistics (right or wrong; nats and tokens;
counts of a confusion matrix), and the score of a test set is computed from the sum of its rows.
N items, K statistics, R resamples.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
class Bootstrap:
    """Result of the paired bootstrap.

    Attributes:
        first: interval of the first model's score.
        second: interval of the second model's score.
        difference: interval of second - first.
        p: p of the hypothesis that there is no difference.
    """

    first: Interval
    second: Interval
    difference: Interval
    p: float


def bootstrap(
    first: Statistics,
    second: Statistics,
    score: Score,
    resamples: int,
    confidence: float,
    seed: int,
) -> Bootstrap:
    """Compute the paired bootstrap (Koehn 2004; Efron & Tibshirani 1993, ch. 13 and 16).

    Both models are scored on the same resamples of the items, with replacement. The intervals are
    percentiles. p is the fraction of resamples whose difference, shifted to mean 0, is at least as
    far from 0 as the observed difference, which counts as one resample.

    Args:
        first: statistics (N, K) of the first model.
        second: statistics (N, K) of the second model for the same items.
        score: sums (R, K) -> scores (R,).
        resamples: R.
        confidence: confidence of the intervals, 0.95 for instance.
        seed: seed of the resamples.
    """
    generator, items = np.random.default_rng(seed), len(first)
    scores: list[tuple[Scores, Scores]] = []
    for size in _chunks(resamples, items):
        # With the count of each item in each resample, the sums are one matrix product.
        indices = generator.integers(0, items, (size, items)) + items * np.arange(size)[:, None]
        counts = np.bincount(indices.ravel(), minlength=size * items).reshape(size, items)
        scores.append((score(counts @ first), score(counts @ second)))
    firsts, seconds = (np.concatenate(parts) for parts in zip(*scores, strict=True))
    differences = seconds - firsts
    observed = abs(corpus_score(second, score) - corpus_score(first, score))
    extreme = np.abs(differences - differences.mean()) >= observed - _tolerance(observed)
    return Bootstrap(
        _interval(firsts, confidence),
        _interval(seconds, confidence),
        _interval(differences, confidence),
        float((1 + extreme.sum()) / (1 + resamples)),
    )


def randomisation(
    first: Statistics, second: Statistics, score: Score, resamples: int, seed: int
) -> float:
    """Compute two-sided p by approximate randomisation (Noreen 1989; Riezler & Maxwell 2005).

    If the models were the same, the two rows of an item could be exchanged: p is the fraction of
    random exchanges whose difference is at least as far from 0 as the observed difference, which
    counts as one of them.

    Args:
        first: statistics (N, K) of the first model.
        second: statistics (N, K) of the second model for the same items.
        score: sums (R, K) -> scores (R,).
        resamples: R.
        seed: seed of the exchanges.
    """
    generator, items = np.random.default_rng(seed), len(first)
    first_total, gaps = first.sum(axis=0), second - first
    total = first_total + second.sum(axis=0)
    observed = abs(corpus_score(second, score) - corpus_score(first, score))
    extreme = 0
    for size in _chunks(resamples, items):
        exchanged = generator.integers(0, 2, (size, items)).astype(np.float64)
        sums = first_total + exchanged @ gaps
        differences = np.abs(score(total - sums) - score(sums))
        extreme += int((differences >= observed - _tolerance(observed)).sum())
    return (1 + extreme) / (1 + resamples)


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Compute two-sided p by McNemar's exact test (1947).

    It is randomisation of right and wrong items with all exchanges counted instead of sampled.

    Args:
        first: (N,), True where the first model is right.
        second: (N,), True where the second model is right.
    """
    from scipy.stats import binomtest

    second_only, first_only = int((second & ~first).sum()), int((first & ~second).sum())
    differ = second_only + first_only
    return float(binomtest(second_only, differ).pvalue) if differ else 1.0


def welch(first: Sequence[float], second: Sequence[float]) -> float:
    """Compute two-sided p by Welch's t test (1947): equal means, possibly unequal variances.

    Args:
        first: at least two numbers.
        second: at least two numbers.
    """
    from scipy.stats import ttest_ind

    if len({*first, *second}) == 1:  # SciPy returns nan
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of constant numbers
        return float(ttest_ind(first, second, equal_var=False).pvalue)


def holm(values: list[float]) -> list[float]:
    """Correct several p of one question (Holm 1979), in their order.

    Comparing a corrected p with a level keeps the level for the whole family of tests.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    corrected, largest = [1.0] * len(values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected


def corpus_score(statistics: Statistics, score: Score) -> float:
    """Compute the score of all items (N, K)."""
    return float(score(statistics.sum(axis=0, keepdims=True))[0])


def _tolerance(observed: float) -> float:
    """Return the rounding error of sums in another order, below which scores count as equal."""
    return 1e-9 * max(1.0, observed)


def _interval(scores: Scores, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(scores, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _chunks(resamples: int, items: int) -> Iterator[int]:
    size = max(1, MAX_CELLS // max(1, items))
    for start in range(0, resamples, size):
        yield min(size, resamples - start)
