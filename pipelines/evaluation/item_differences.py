"""The test items on which two models differ most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config.params import Corpus
from pipelines.evaluation.seed_statistics import by_seed
from pipelines.tasks import lookup
from pipelines.tasks.base import ItemScore


def most_different_items(
    first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus, count: int
) -> Iterator[dict[str, Any]]:
    """Return the items with the largest difference in score, the largest first.

    The score of an item is the mean over the seeds of a model.

    Args:
        first: predictions of the first model.
        second: predictions of the second model for the same items.
        corpus: the corpus of both.
        count: number of items; fewer if both models score equally on the others.

    Yields:
        The item's number and columns, and the answers and scores of both models, by their titles;
        those of each seed where there are several.
    """
    task = lookup.get(corpus.task)
    groups = [_by_title(frame) for frame in (first, second)]
    score = task.item_score(next(iter(groups[0].values())))
    titles = {**task.answer_columns, score.column: score.column}
    first_scores, second_scores = (
        np.mean([_values(frame, score) for frame in group.values()], axis=0) for group in groups
    )
    gaps = np.abs(second_scores - first_scores)
    items = next(iter(groups[0].values()))
    for place in np.argsort(-gaps, kind="stable")[:count]:
        if gaps[place] == 0:
            return
        item = {column: items[column].iloc[place] for column in task.columns}
        answers = {
            f"{which}{seed}, {title}": _plain(frame[column].iloc[place])
            for which, group in zip(("first", "second"), groups, strict=True)
            for column, title in titles.items()
            for seed, frame in group.items()
            if column in frame
        }
        yield {"item": int(place) + 1, **item, **answers}


def _by_title(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each seed by what follows the model's title; of a single seed nothing."""
    return {f", seed {seed}": part for seed, part in by_seed(frame).items()} or {"": frame}


def _values(frame: pd.DataFrame, score: ItemScore) -> Any:
    values = frame[score.column].to_numpy(float)
    if not score.higher_is_better:
        values = -values
    if score.per_token and "tokens" in frame:
        values = values / frame["tokens"].to_numpy(float)
    return values


def _plain(value: Any) -> Any:
    return round(float(value), 3) if isinstance(value, float | np.floating) else str(value)
