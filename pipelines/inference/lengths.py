"""How a model does at short test items and at long ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
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

    Items of one length are never parted, so that where most are of one length there are fewer
    buckets. With buckets of equal width the longest would hold a handful of items, whose score says
    nothing.

    Args:
        predictions: a row for each test item.
        column: the length of each.
        score: the name of what is measured.
        measure: the score of some rows.
    """
    lengths = predictions[column].to_numpy()
    edges = np.unique(np.quantile(lengths, np.arange(1, BUCKETS) / BUCKETS, method="lower"))
    parts = [part for _, part in predictions.groupby(np.searchsorted(edges, lengths))]
    return ByLength(
        length=column.replace("_", " "),
        score=score,
        longest=[int(part[column].max()) for part in parts],
        counts=[len(part) for part in parts],
        values=[float(measure(part)) for part in parts],
    )
