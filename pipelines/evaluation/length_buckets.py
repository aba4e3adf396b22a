"""Scores of short and long test items."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.evaluation.analysis import LengthScores

BUCKETS = 8


def scores_by_length(
    predictions: pd.DataFrame, column: str, title: str, score: Callable[[pd.DataFrame], float]
) -> LengthScores:
    """Score the predictions in at most eight buckets with about the same number of items each.

    Args:
        predictions: a row for each test item.
        column: the column with the length of each item.
        title: the name of the score.
        score: computes the score of some rows.
    """
    buckets = assign_buckets(predictions[column].to_numpy())
    parts = [part for _, part in predictions.groupby(buckets)]
    return LengthScores(
        length=column.replace("_", " "),
        score=title,
        longest=tuple(int(part[column].max()) for part in parts),
        counts=tuple(len(part) for part in parts),
        values=tuple(float(score(part)) for part in parts),
    )


def assign_buckets(lengths: npt.NDArray[np.int64], count: int = BUCKETS) -> npt.NDArray[np.int64]:
    """Return the bucket of each length: at most `count` buckets of about the same size.

    Items of one length always share a bucket, so there are fewer buckets where most items have one
    length. With equally wide buckets the longest would hold too few items for a meaningful score.
    """
    fractions = np.arange(1, count) / count
    highest = np.unique(np.quantile(lengths, fractions, method="inverted_cdf"))
    return np.searchsorted(highest, lengths)
