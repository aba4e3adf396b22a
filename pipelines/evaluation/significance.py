"""Significance of the differences between models on the same test items.

One test serves all metrics and tasks; `hierarchical_test` describes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pipelines.config.params import Corpus
from pipelines.evaluation import hierarchical_test, paired_metrics, resampling
from pipelines.evaluation.hierarchical_test import Difference, Pair, ScoreEstimates
from pipelines.evaluation.metrics import Direction
from pipelines.evaluation.paired_metrics import PairedMetric
from pipelines.evaluation.resampling import Interval, ScoredItems
from pipelines.tasks import lookup

Verdict = Literal["better", "worse", "not significant"]
Subject = Literal["recipes", "models"]

LEVEL = 0.05  # significance level
RESAMPLES = 10_000  # of the items
SEED = 12345  # of all resamples
# Rows of a text are not independent: a language model carries its state from row to row, and topics
# last longer than a row. So blocks of consecutive rows are resampled (Carlstein 1986): long ones,
# which leave few. With Student's t a few blocks need no estimate of the correlation, whatever it is
# (Ibragimov and Mueller 2010, who take 8 or 16). benchmarks/significance.py shows the size.
BLOCK_ROWS = 200  # about; topics of Penn Treebank last for about 20 rows
TEXT_BLOCKS = (5, 16)  # at least and at most
MAX_BLOCKS = 2_000  # of independent items; this limits the time, and costs no precision


@dataclass(frozen=True)
class TestResult:
    """Comparison of two models by one metric.

    Attributes:
        key: key of the metric.
        direction: the better side of the metric.
        first: score of the first model, the mean over its seeds.
        second: score of the second model.
        first_seeds: score of each seed of the first model.
        second_seeds: the same for the second model.
        first_interval: interval of the first score.
        second_interval: interval of the second score.
        difference: interval of second - first. It excludes 0 if the difference is significant.
        p: two-sided p of the hypothesis that both models are the same.
        detectable: the smallest difference that the test finds with a probability of 0.8.
        verdict: the second model compared with the first.
        subject: what the verdict is about: the recipes, of which the seeds are samples, if both
            models have several seeds, and otherwise the trained models as they are.
        blocks: number of items, or of blocks of consecutive items, that were resampled.
        models: number of models that share the level; p and the interval of the difference allow
            for it.
    """

    __test__ = False  # pytest must not collect it

    key: str
    direction: Direction
    first: float
    second: float
    first_seeds: tuple[float, ...]
    second_seeds: tuple[float, ...]
    first_interval: Interval
    second_interval: Interval
    difference: Interval
    p: float
    detectable: float
    verdict: Verdict
    subject: Subject
    blocks: int
    models: int

    @property
    def measure(self) -> str:
        """The name of the metric."""
        return self.key.removeprefix("test_").replace("_", " ")

    @property
    def summary(self) -> str:
        """Both scores, the interval of the difference and p, as text."""
        low, high = self.difference.low, self.difference.high
        return (
            f"{self.measure} {self.second:.4g} beside {self.first:.4g}, difference "
            f"{self.second - self.first:+.3g} [{low:+.3g}, {high:+.3g}], p {format_p(self.p)}"
        )


@dataclass(frozen=True)
class BestComparison:
    """Models compared with the best of them.

    Attributes:
        best: position of the best model.
        results: the test of each other model, with the best as the first, by its position.
    """

    best: int
    results: dict[int, TestResult]


def format_p(p: float) -> str:
    """Return a p with four decimals."""
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def compare(
    models: Sequence[pd.DataFrame],
    corpus: Corpus,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> list[list[TestResult]]:
    """Compare the first model with each of the others by each metric of their task.

    For each metric, the chance of any wrong verdict is `level`, whatever the number of models.

    Args:
        models: predictions of two models or more, as `evaluate` wrote them.
        corpus: the corpus of all.
        level: significance level.
        resamples: number of resamples of the items.

    Returns:
        For each of the other models the results of the metrics, the deciding metric first.

    Raises:
        UserError: the models were not tested on the same items.
    """
    groups = paired_metrics.seed_groups(models, corpus)
    results: list[list[TestResult]] = [[] for _ in models[1:]]
    metrics = list(paired_metrics.pair(groups, corpus))
    for paired, estimates in zip(metrics, _estimate(metrics, corpus, resamples), strict=True):
        pairs = [(0, place) for place in range(1, len(paired.models))]
        tests = _test(paired, estimates, pairs, level, resamples)
        for model, result in zip(paired.models[1:], tests, strict=True):
            results[model - 1].append(result)
    return results


def compare_with_best(
    models: Sequence[pd.DataFrame],
    corpus: Corpus,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> BestComparison:
    """Compare the best model with each of the others by the deciding metric.

    The same items decide which model is best, and any of them could have been. So the level is that
    of all pairs of models.

    Args:
        models: predictions of two models or more of the same tokens, as `evaluate` wrote them.
        corpus: the corpus of all.
        level: significance level.
        resamples: number of resamples of the items.

    Raises:
        UserError: the models were not tested on the same items.
    """
    groups = paired_metrics.seed_groups(models, corpus)
    deciding = next(paired_metrics.pair(groups, corpus))
    (estimates,) = _estimate([deciding], corpus, resamples)
    pairs = pairs_with_best(estimates, _direction(deciding))
    tests = _test(deciding, estimates, pairs, level, resamples)[: len(models) - 1]
    others = [second for _, second in pairs]
    return BestComparison(pairs[0][0], dict(zip(others, tests, strict=False)))


def pairs_with_best(estimates: ScoreEstimates, direction: Direction) -> list[Pair]:
    """Return all pairs of models, first those of the best one with each of the others."""
    sign = 1 if direction == "higher" else -1
    best = int(np.argmax(sign * estimates.scores))
    others = [place for place in range(len(estimates.scores)) if place != best]
    pairs = [(best, place) for place in others]
    return pairs + [(first, second) for first in others for second in others if first < second]


def in_blocks(items: ScoredItems, consecutive_rows: bool) -> ScoredItems:
    """Return the units that are resampled: items, or blocks of items.

    Args:
        items: statistics of the test items.
        consecutive_rows: True if the items are consecutive parts of a text.
    """
    count = len(items.statistics[0])
    if consecutive_rows:
        return items.in_blocks(int(np.clip(count // BLOCK_ROWS, *TEXT_BLOCKS)))
    return items.in_blocks(MAX_BLOCKS, np.random.default_rng(SEED).permutation(count))


def _direction(paired: PairedMetric) -> Direction:
    direction = paired.metric.direction
    if direction is None:
        raise ValueError(f"'{paired.metric.key}' has no better side.")
    return direction


def _estimate(
    metrics: Sequence[PairedMetric], corpus: Corpus, resamples: int
) -> list[ScoreEstimates]:
    """Estimate the scores of all metrics on the same resamples."""
    consecutive_rows = lookup.get(corpus.task).consecutive_rows
    samples = [in_blocks(paired.items, consecutive_rows) for paired in metrics]
    return [
        hierarchical_test.estimate(paired.items, sample, resampled, paired.seed_counts)
        for paired, sample, resampled in zip(
            metrics, samples, resampling.bootstrap(samples, resamples, SEED), strict=True
        )
    ]


def _test(
    paired: PairedMetric,
    estimates: ScoreEstimates,
    pairs: Sequence[Pair],
    level: float,
    resamples: int,
) -> list[TestResult]:
    generator = np.random.default_rng(SEED)
    intervals = hierarchical_test.score_intervals(estimates, 0.95, generator)
    differences = hierarchical_test.compare_pairs(estimates, pairs, level, resamples, generator)
    return [
        TestResult(
            key=paired.metric.key,
            direction=_direction(paired),
            first=float(estimates.scores[first]),
            second=float(estimates.scores[second]),
            first_seeds=estimates.seeds[first],
            second_seeds=estimates.seeds[second],
            first_interval=intervals[first],
            second_interval=intervals[second],
            difference=difference.interval,
            p=difference.p,
            detectable=difference.detectable,
            verdict=_verdict(_direction(paired), difference, level),
            subject="recipes" if difference.over_seeds else "models",
            blocks=estimates.blocks,
            models=len(paired.models),
        )
        for (first, second), difference in zip(pairs, differences, strict=True)
    ]


def _verdict(direction: Direction, difference: Difference, level: float) -> Verdict:
    if difference.p >= level:
        return "not significant"
    return "better" if (difference.value > 0) == (direction == "higher") else "worse"
