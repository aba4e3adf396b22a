"""Statistics of each test item, from which significance tests compute a metric.

Such a metric is a function of sums over the items: accuracy of the numbers of right answers and of
items, perplexity of nats and tokens. N items, K statistics, R resamples, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipelines.evaluation.resampling import Score, Scores, Statistics

if TYPE_CHECKING:
    import pandas as pd

# predictions of several models of the same N items -> statistics (N, K) of each
StatisticsFn = Callable[[Sequence["pd.DataFrame"]], list[Statistics]]


@dataclass(frozen=True)
class ItemStatistics:
    """Computation of a metric from statistics of each item.

    Attributes:
        per_item: predictions of several models of the same items -> statistics (N, K) of each.
        score: sums (R, K) -> scores (R,).
        tokens: compare models only if they cut the items into the `same` or `different` tokens.
    """

    per_item: StatisticsFn
    score: Score
    tokens: Literal["any", "same", "different"] = "any"

    def applies(self, first: pd.DataFrame, second: pd.DataFrame) -> bool:
        """Return whether the metric can compare these predictions."""
        if self.tokens == "any":
            return True
        same = list(first["tokens"]) == list(second["tokens"])
        return same == (self.tokens == "same")


def of_each(statistics: Callable[[pd.DataFrame], Statistics]) -> StatisticsFn:
    """Return a function that computes the statistics of each model by itself.

    Args:
        statistics: predictions -> statistics (N, K).
    """

    @wraps(statistics)
    def compute(frames: Sequence[pd.DataFrame]) -> list[Statistics]:
        return [statistics(frame) for frame in frames]

    return compute


@of_each
def right_labels(frame: pd.DataFrame) -> Statistics:
    """Return 1 for each right label and the number of items, 1."""
    return _columns(frame["predicted"] == frame["label"], np.ones(len(frame)))


@of_each
def exact_matches(frame: pd.DataFrame) -> Statistics:
    """Return 1 for each translation that equals its reference and the number of items, 1."""
    return _columns(frame["hypothesis"] == frame["target"], np.ones(len(frame)))


@of_each
def nats_and_tokens(frame: pd.DataFrame) -> Statistics:
    """Return the nats and the number of tokens of each item."""
    return _columns(frame["nats"], frame["tokens"])


@of_each
def nats_and_characters(frame: pd.DataFrame) -> Statistics:
    """Return the nats and the number of characters of each item, the end of its line included."""
    return _columns(frame["nats"], frame["text"].str.len() + 1)


def label_counts(frames: Sequence[pd.DataFrame]) -> list[Statistics]:
    """Return the counts (N, 3 L) of right, predicted and actual labels.

    The labels are those that any of the models predicts, and those of the items.
    """
    labels = np.unique(
        np.concatenate([frame[column] for frame in frames for column in ("label", "predicted")])
    )

    def counts(frame: pd.DataFrame) -> Statistics:
        predicted, actual = (
            (np.asarray(frame[column])[:, None] == labels).astype(np.float64)
            for column in ("predicted", "label")
        )
        return np.concatenate([predicted * actual, predicted, actual], axis=1)

    return [counts(frame) for frame in frames]


def mean(sums: Statistics) -> Scores:
    """Compute the mean of the first statistic over the second."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def perplexity(sums: Statistics) -> Scores:
    """Compute the perplexity from nats and tokens."""
    return np.asarray(np.exp(mean(sums)))


def bits(sums: Statistics) -> Scores:
    """Compute bits per token from nats and tokens."""
    return np.asarray(mean(sums) / np.log(2))


def macro_f1(sums: Statistics) -> Scores:
    """Compute macro F1 from the counts of `label_counts`."""
    right, predicted, actual = np.split(sums, 3, axis=1)
    total = predicted + actual
    f1 = np.divide(2 * right, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(f1.mean(axis=1))


def micro_f1(sums: Statistics) -> Scores:
    """Compute micro F1 from the counts of correct, predicted and actual parts; 0 without any."""
    correct, predicted, actual = sums.T
    total = predicted + actual
    return np.divide(2 * correct, total, out=np.zeros_like(total), where=total > 0)


def _columns(first: Any, second: Any) -> Statistics:
    return np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)], axis=1)
