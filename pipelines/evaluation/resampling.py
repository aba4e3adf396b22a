"""How sure a difference is: paired bootstrap and approximate randomisation over test items.

A measure is a function of sums: of every item there is a row of statistics (right or wrong; nats
and tokens; counts of a confusion matrix), and a score of a whole test set is computed from the sum
of its rows. N items, K statistics, R resamples.
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

CELLS = 2_000_000  # of a matrix of resamples, so that memory stays small


@dataclass(frozen=True)
class Interval:
    """Where a number lies, with the confidence that was asked for."""

    low: float
    high: float


@dataclass(frozen=True)
class Bootstrap:
    """What the paired bootstrap found.

    Attributes:
        first: interval of the first model's score.
        second: that of the second's.
        difference: that of second - first.
        p: of the hypothesis that there is no difference.
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
    """The paired bootstrap (Koehn 2004; Efron & Tibshirani 1993, ch. 13 and 16).

    Both models are scored on the same resamples of the items, with replacement. The intervals are
    percentiles; p is the share of resamples whose difference, moved to the mean 0, is at least as
    far from 0 as the one observed, the observed one among them.

    Args:
        first: statistics (N, K) of the first model.
        second: those of the second, of the same items.
        score: sums (R, K) to scores (R,).
        resamples: R.
        confidence: of the intervals, 0.95 for instance.
        seed: of the resamples.
    """
    generator, items = np.random.default_rng(seed), len(first)
    scored: list[tuple[Scores, Scores]] = []
    for size in _chunks(resamples, items):
        # How often each item is drawn: sums are one product then.
        drawn = generator.integers(0, items, (size, items)) + items * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * items).reshape(size, items)
        scored.append((score(counts @ first), score(counts @ second)))
    ones, others = (np.concatenate(parts) for parts in zip(*scored, strict=True))
    differences = others - ones
    observed = abs(corpus_score(second, score) - corpus_score(first, score))
    away = np.abs(differences - differences.mean()) >= observed - _tolerance(observed)
    return Bootstrap(
        _interval(ones, confidence),
        _interval(others, confidence),
        _interval(differences, confidence),
        float((1 + away.sum()) / (1 + resamples)),
    )


def randomisation(
    first: Statistics, second: Statistics, score: Score, resamples: int, seed: int
) -> float:
    """p by approximate randomisation (Noreen 1989; Riezler & Maxwell 2005), two-sided.

    If the models were the same, each item's two rows could be exchanged: p is the share of random
    exchanges whose difference is at least as far from 0 as the one observed, which is one of them.

    Args:
        first: statistics (N, K) of the first model.
        second: those of the second, of the same items.
        score: sums (R, K) to scores (R,).
        resamples: R.
        seed: of the exchanges.
    """
    generator, items = np.random.default_rng(seed), len(first)
    total, gaps = first.sum(axis=0), second - first
    both = total + second.sum(axis=0)
    observed = abs(corpus_score(second, score) - corpus_score(first, score))
    away = 0
    for size in _chunks(resamples, items):
        exchanged = generator.integers(0, 2, (size, items)).astype(np.float64)
        ones = total + exchanged @ gaps
        differences = np.abs(score(both - ones) - score(ones))
        away += int((differences >= observed - _tolerance(observed)).sum())
    return (1 + away) / (1 + resamples)


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """p by McNemar's test (1947) in its exact form, two-sided: randomisation of what is right or
    wrong, with all exchanges counted and none drawn.

    Args:
        first: (N,) whether the first model is right.
        second: (N,) whether the second is.
    """
    from scipy.stats import binomtest

    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def welch(first: Sequence[float], second: Sequence[float]) -> float:
    """p by Welch's t test (1947), two-sided: two means of numbers that scatter each in its own way.

    Args:
        first: two numbers at least.
        second: two at least.
    """
    from scipy.stats import ttest_ind

    if len({*first, *second}) == 1:  # of which SciPy makes nan
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that do not scatter at all
        return float(ttest_ind(first, second, equal_var=False).pvalue)


def holm(values: list[float]) -> list[float]:
    """Several p of one question, corrected (Holm 1979): whichever is below a level is so for all
    of them together."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    corrected, worst = [1.0] * len(values), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = worst
    return corrected


def corpus_score(statistics: Statistics, score: Score) -> float:
    """The score of all items (N, K) together."""
    return float(score(statistics.sum(axis=0, keepdims=True))[0])


def _tolerance(observed: float) -> float:
    """Sums in another order differ in their last digits, and count as equal."""
    return 1e-9 * max(1.0, observed)


def _interval(scores: Scores, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(scores, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _chunks(resamples: int, items: int) -> Iterator[int]:
    size = max(1, CELLS // max(1, items))
    for start in range(0, resamples, size):
        yield min(size, resamples - start)
