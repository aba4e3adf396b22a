"""The test items on which two models differ most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config.params import Corpus
from pipelines.tasks import lookup
from pipelines.tasks.base import ItemScore


def most_different_items(
    first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus, count: int
) -> Iterator[dict[str, Any]]:
    """Return the items with the largest difference in score, the largest first.

    Args:
        first: predictions of the first model.
        second: predictions of the second model for the same items.
        corpus: the corpus of both.
        count: number of items; fewer if both models score equally on the others.

    Yields:
        The item's number and columns, and the answers and scores of both models, by their titles.
    """
    task = lookup.get(corpus.task)
    score = task.item_score(first)
    answer_columns = {
        column: title
        for column, title in {**task.answer_columns, score.column: score.column}.items()
        if column in first
    }
    gaps = np.abs(_values(second, score) - _values(first, score))
    for place in np.argsort(-gaps, kind="stable")[:count]:
        if gaps[place] == 0:
            return
        item = {column: first[column].iloc[place] for column in task.columns}
        answers = {
            f"{which}, {title}": _plain(frame[column].iloc[place])
            for which, frame in (("first", first), ("second", second))
            for column, title in answer_columns.items()
        }
        yield {"item": int(place) + 1, **item, **answers}


def _values(frame: pd.DataFrame, score: ItemScore) -> Any:
    values = frame[score.column].to_numpy(float)
    if not score.higher_is_better:
        values = -values
    if score.per_token and "tokens" in frame:
        values = values / frame["tokens"].to_numpy(float)
    return values


def _plain(value: Any) -> Any:
    return round(float(value), 3) if isinstance(value, float | np.floating) else str(value)
