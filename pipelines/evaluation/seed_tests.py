"""Groups: the same model trained from several seeds, beside another such group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipelines.config.params import Corpus
from pipelines.evaluation import measures, resampling
from pipelines.evaluation.measures import AdditiveMetric, Measure
from pipelines.evaluation.seed_statistics import by_seed

TEST = "Welch's t test"


@dataclass(frozen=True)
class SeedTest:
    """One measure over the seeds of two groups.

    Attributes:
        first: score of each seed of the first group.
        second: of the second.
        p: that groups of the same mean are so far apart, two-sided; of several groups that are
            compared with one, corrected.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    p: float


def median_seed(predictions: pd.DataFrame, corpus: Corpus) -> tuple[int | None, pd.DataFrame]:
    """The seed of median score, of an even number the lower one of the two in the middle, and its
    predictions; all of them, and no seed, of a model that is no group.

    The tests over the items take one model of each side: to take the best seed of each would be to
    choose by the test split, and to put all seeds together would count each item several times.
    """
    found = by_seed(predictions)
    if not found:
        return None, predictions
    scores = {seed: _score(measures.of_task(one, one, corpus)[0]) for seed, one in found.items()}
    seed = sorted(scores, key=lambda one: (scores[one], one))[(len(scores) - 1) // 2]
    return seed, found[seed].reset_index(drop=True)


def over_seeds(first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus) -> Mapping[str, SeedTest]:
    """Welch's t test (1947) over the seeds, for each measure; none where a side is no group."""
    one, other = (list(by_seed(frame).values()) for frame in (first, second))
    if not (one and other):
        return {}
    found: dict[str, list[list[float]]] = {}
    for side, frames in enumerate((one, other)):
        for frame in frames:
            for measure in measures.of_task(frame, (other, one)[side][0], corpus):
                found.setdefault(measure.key, [[], []])[side].append(_score(measure))
    return {
        key: SeedTest(tuple(scores[0]), tuple(scores[1]), resampling.welch(*scores))
        for key, scores in found.items()
    }


def _score(measure: Measure) -> float:
    """Of the first of its two models."""
    if isinstance(measure, AdditiveMetric):
        return resampling.corpus_score(measure.first, measure.score)
    found = measure.metric.corpus_score(list(measure.first), [list(measure.references)])
    return float(found.score)
