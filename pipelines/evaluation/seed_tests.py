"""Comparison of two groups of seeds: the same model trained from several seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipelines.config.params import Corpus
from pipelines.evaluation import paired_metrics, resampling
from pipelines.evaluation.seed_statistics import by_seed

TEST = "Welch's t test"


@dataclass(frozen=True)
class SeedTest:
    """Test of one metric over the seeds of two groups.

    Attributes:
        first: score of each seed of the first group.
        second: score of each seed of the second group.
        p: two-sided p of the hypothesis that both groups have the same mean; corrected where
            several groups are compared with the same first group.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    p: float


def median_seed(predictions: pd.DataFrame, corpus: Corpus) -> tuple[int | None, pd.DataFrame]:
    """Return the seed with the median score and its predictions.

    The tests over items take one model of each group: the best seed would be chosen by the test
    split, and all seeds together would count each item several times. Of an even number of seeds it
    is the lower of the two in the middle.

    Returns:
        The seed and its predictions; None and all predictions for a model of one seed.
    """
    frames = by_seed(predictions)
    if not frames:
        return None, predictions
    scores = {
        seed: paired_metrics.pair(frame, frame, corpus)[0].first_score()
        for seed, frame in frames.items()
    }
    ordered = sorted(scores, key=lambda seed: (scores[seed], seed))
    seed = ordered[(len(scores) - 1) // 2]
    return seed, frames[seed].reset_index(drop=True)


def compare_seeds(
    first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus
) -> Mapping[str, SeedTest]:
    """Compare two groups by Welch's t test (1947) over their seeds, for each metric.

    Returns:
        The tests by the metrics' keys; empty unless both are groups.
    """
    groups = [list(by_seed(frame).values()) for frame in (first, second)]
    if not all(groups):
        return {}
    scores: dict[str, tuple[list[float], list[float]]] = {}
    for side, frames in enumerate(groups):
        opponent = groups[1 - side][0]
        for frame in frames:
            for paired in paired_metrics.pair(frame, opponent, corpus):
                scores.setdefault(paired.metric.key, ([], []))[side].append(paired.first_score())
    return {
        key: SeedTest(tuple(left), tuple(right), resampling.welch(left, right))
        for key, (left, right) in scores.items()
    }
