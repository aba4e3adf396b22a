"""Prepared frames -> ids, as models read them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.text.vocabulary import END, START, Vocabularies, Vocabulary

Ids = npt.NDArray[np.int32]


def require_columns(frame: pd.DataFrame, vocabularies: Vocabularies, task: params.Task) -> None:
    """See that a frame and its vocabularies are those of a corpus for this task.

    Raises:
        Refusal: they belong to another.
    """
    columns = params.COLUMNS[task]
    words = [column for column in columns if column != "label"]
    if not set(columns) <= set(frame.columns) or not set(words) <= set(vocabularies.columns):
        raise UserError(
            f"A model for {task} reads the columns {' and '.join(columns)}, and this frame or this "
            "vocabulary has others: give the files of its own corpus."
        )


def encode_rows(texts: Iterable[str], vocabulary: Vocabulary, ends: bool = False) -> list[Ids]:
    """Each prepared text as ids (T,); with `ends` between `<s>` and `</s>`."""
    encoded = [vocabulary.encode(text) for text in texts]
    return [add_boundaries(ids) for ids in encoded] if ends else encoded


def add_boundaries(ids: Ids) -> Ids:
    """Ids (T,) between `<s>` and `</s>`, (T + 2,)."""
    return np.concatenate([[START], ids, [END]]).astype(np.int32)


def encode_stream(frame: pd.DataFrame, vocabularies: Vocabularies) -> Ids:
    """The rows of a language model's frame as one stream (N,), `</s>` after every row.

    The stream starts with one `</s>` too, so that the first token has something before it.
    """
    parts = [np.array([END], np.int32)]
    for ids in encode_rows(frame["text"], vocabularies.columns["text"]):
        parts += [ids, parts[0]]
    return np.concatenate(parts)


def encode_labels(column: Iterable[str], vocabularies: Vocabularies) -> Ids:
    """Labels as their positions in the sorted list of labels, (N,)."""
    position = {label: at for at, label in enumerate(vocabularies.labels)}
    return np.array([position[label] for label in column], dtype=np.int32)
