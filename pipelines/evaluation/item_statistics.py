"""Statistics of each test item, from which significance tests compute a metric.

Such a metric is a function of sums over the items: accuracy of the numbers of right answers and of
items, perplexity of nats and tokens. N items, K statistics, R resamples, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipelines.evaluation.resampling import Score, Scores, Statistics

if TYPE_CHECKING:
    import pandas as pd

Pair = tuple[Statistics, Statistics]
PairedStatistics = Callable[["pd.DataFrame", "pd.DataFrame"], Pair]


@dataclass(frozen=True)
class ItemStatistics:
    """Computation of a metric from statistics of each item.

    Attributes:
        per_item: predictions of two models of the same items -> their statistics (N, K) each.
        score: sums (R, K) -> scores (R,).
        binary: the first statistic is 1 for a right item and 0 for a wrong one, so that McNemar's
            exact test applies.
        tokens: compare models only if they cut the items into the `same` or `different` tokens.
    """

    per_item: PairedStatistics
    score: Score
    binary: bool = False
    tokens: Literal["any", "same", "different"] = "any"

    def applies(self, first: pd.DataFrame, second: pd.DataFrame) -> bool:
        """Return whether the metric can compare these predictions."""
        if self.tokens == "any":
            return True
        same = list(first["tokens"]) == list(second["tokens"])
        return same == (self.tokens == "same")


def right_labels(first: pd.DataFrame, second: pd.DataFrame) -> Pair:
    """Return 1 for each right label and the number of items, 1."""
    return _counted(first["predicted"] == first["label"], second["predicted"] == second["label"])


def exact_matches(first: pd.DataFrame, second: pd.DataFrame) -> Pair:
    """Return 1 for each translation that equals its reference and the number of items, 1."""
    return _counted(
        first["hypothesis"] == first["target"], second["hypothesis"] == second["target"]
    )


def label_counts(first: pd.DataFrame, second: pd.DataFrame) -> Pair:
    """Return the counts (N, 3 L) of right, predicted and actual labels."""
    labels = sorted({*first["label"], *first["predicted"], *second["predicted"]})

    def counts(frame: pd.DataFrame) -> Statistics:
        predicted, actual = (
            np.array([[value == label for label in labels] for value in frame[column]], float)
            for column in ("predicted", "label")
        )
        return np.concatenate([predicted * actual, predicted, actual], axis=1)

    return counts(first), counts(second)


def nats_and_tokens(first: pd.DataFrame, second: pd.DataFrame) -> Pair:
    """Return the nats and the number of tokens of each item."""
    return _columns(first["nats"], first["tokens"]), _columns(second["nats"], first["tokens"])


def nats_and_characters(first: pd.DataFrame, second: pd.DataFrame) -> Pair:
    """Return the nats and the number of characters of each item, the end of its line included."""
    characters = first["text"].str.len() + 1
    return _columns(first["nats"], characters), _columns(second["nats"], characters)


def of_each(statistics: Callable[[pd.DataFrame], Statistics]) -> PairedStatistics:
    """Return a function that computes the same statistics (N, K) for both models.

    Args:
        statistics: predictions -> statistics (N, K).
    """
    return lambda first, second: (statistics(first), statistics(second))


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


def _counted(first: pd.Series[bool], second: pd.Series[bool]) -> Pair:
    ones = np.ones(len(first))
    return _columns(first, ones), _columns(second, ones)


def _columns(first: Any, second: Any) -> Statistics:
    return np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)], axis=1)
