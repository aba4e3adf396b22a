"""Prepared frames -> ids, as models read them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines import params
from pipelines.errors import Refusal
from pipelines.text import tokenizers
from pipelines.text.vocabulary import END, START, Vocabularies, Vocabulary

Ids = npt.NDArray[np.int32]


def require(frame: pd.DataFrame, vocabularies: Vocabularies, task: params.Task) -> None:
    """See that a frame and its vocabularies are those of a corpus for this task.

    Raises:
        Refusal: they belong to another.
    """
    columns = params.COLUMNS[task]
    words = [column for column in columns if column != "label"]
    if not set(columns) <= set(frame.columns) or not set(words) <= set(vocabularies.columns):
        raise Refusal(
            f"A model for {task} reads the columns {' and '.join(columns)}, and this frame or this "
            "vocabulary has others: give the files of its own corpus."
        )


def rows(
    texts: Iterable[str], vocabulary: Vocabulary, tokens: params.Tokens, ends: bool = False
) -> list[Ids]:
    """Each text as ids (T,); with `ends` between `<s>` and `</s>`."""
    encoded = [vocabulary.ids(tokenizers.split(text, tokens)) for text in texts]
    if not ends:
        return encoded
    return [np.concatenate([[START], ids, [END]]).astype(np.int32) for ids in encoded]


def stream(frame: pd.DataFrame, vocabularies: Vocabularies, tokens: params.Tokens) -> Ids:
    """The rows of a language model's frame as one stream (N,), `</s>` after every row.

    The stream starts with one `</s>` too, so that the first token has something before it.
    """
    parts = [np.array([END], np.int32)]
    for ids in rows(frame["text"], vocabularies.columns["text"], tokens):
        parts += [ids, parts[0]]
    return np.concatenate(parts)


def labels(column: Iterable[str], vocabularies: Vocabularies) -> Ids:
    """Labels as their positions in the sorted list of labels, (N,)."""
    position = {label: at for at, label in enumerate(vocabularies.labels)}
    return np.array([position[label] for label in column], dtype=np.int32)
