"""The test items where two models differ most, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import Corpus


def most_different_items(
    first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus, count: int
) -> Iterator[dict[str, Any]]:
    """So many items, those that tell the two most apart at the front; items that do not are left
    out.

    Args:
        first: predictions of the first model.
        second: of the second, of the same items.
        corpus: of both.
        count: how many items.

    Yields:
        What was given, what each of the two said of it, and how each did, by words for people.
    """
    column, sign = _score(first, corpus)
    one, other = (sign * frame[column].to_numpy(float) for frame in (first, second))
    if column == "nats":  # per token, or the longest items would always come first
        lengths = _lengths(first)
        one, other = one / lengths, other / _lengths(second)
    gaps = np.abs(other - one)
    for place in np.argsort(-gaps, kind="stable")[:count]:
        if gaps[place] == 0:
            return
        given = {name: first[name].iloc[place] for name in task_schemas.get(corpus.task).columns}
        said = {
            f"{which}, {title}": _plain(frame[name].iloc[place])
            for which, frame in (("first", first), ("second", second))
            for name, title in _shown(frame, column).items()
        }
        yield {"item": int(place) + 1, **given, **said}


def _score(frame: pd.DataFrame, corpus: Corpus) -> tuple[str, float]:
    """The column that says how an item did, and 1 if more of it is better, else -1."""
    if "bleu" in frame and corpus.task == "translation":
        return "bleu", 1.0
    return "nats", -1.0


def _lengths(frame: pd.DataFrame) -> Any:
    return frame["tokens"].to_numpy(float) if "tokens" in frame else np.ones(len(frame))


def _shown(frame: pd.DataFrame, score: str) -> dict[str, str]:
    """What a model said, and how it did."""
    found = {"predicted": "label", "hypothesis": "text", score: score}
    return {name: title for name, title in found.items() if name in frame}


def _plain(value: Any) -> Any:
    return round(float(value), 3) if isinstance(value, float | np.floating) else str(value)
