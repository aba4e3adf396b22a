"""How a model does at short test items and at long ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

BUCKETS = 8


class ByLength(NamedTuple):
    """A score in buckets of test items, the shortest first.

    Attributes:
        length: what is counted, `tokens` for instance.
        score: the name of what is measured, with its unit if it has one.
        longest: the length of the longest item in each of K buckets.
        counts: K numbers of items.
        values: K scores.
    """

    length: str
    score: str
    longest: list[int]
    counts: list[int]
    values: list[float]


def by_length(
    predictions: pd.DataFrame, column: str, score: str, measure: Callable[[pd.DataFrame], float]
) -> ByLength:
    """Score the predictions in at most eight buckets of about as many items each.

    Args:
        predictions: a row for each test item.
        column: the length of each.
        score: the name of what is measured.
        measure: the score of some rows.
    """
    parts = [part for _, part in predictions.groupby(buckets(predictions[column].to_numpy()))]
    return ByLength(
        length=column.replace("_", " "),
        score=score,
        longest=[int(part[column].max()) for part in parts],
        counts=[len(part) for part in parts],
        values=[float(measure(part)) for part in parts],
    )


def buckets(lengths: npt.NDArray[np.int64], count: int = BUCKETS) -> npt.NDArray[np.int64]:
    """The bucket of each length: at most so many, each with about as many items as any other.

    Items of one length are never parted, so that where most are of one length there are fewer
    buckets. With buckets of equal width the longest would hold a handful of items, whose score says
    nothing.
    """
    shares = np.arange(1, count) / count
    highest = np.unique(np.quantile(lengths, shares, method="inverted_cdf"))
    return np.searchsorted(highest, lengths)
