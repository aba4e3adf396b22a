"""Encoding of prepared frames as the ids that models read."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config import params, task_schemas
from pipelines.errors import UserError
from pipelines.text.vocabulary import END, START, Vocabularies, Vocabulary

Ids = npt.NDArray[np.int32]

NO_LABEL = -1  # index of a label that the training split does not have


def require_columns(frame: pd.DataFrame, vocabularies: Vocabularies, task: params.Task) -> None:
    """Check that a frame and its vocabularies are those of a corpus for this task.

    Raises:
        UserError: a column is missing.
    """
    schema = task_schemas.get(task)
    missing = set(schema.columns) - set(frame.columns)
    missing |= set(schema.text_columns) - set(vocabularies.columns)
    if missing:
        raise UserError(
            f"A model for {task} needs the columns {' and '.join(schema.columns)}, but the "
            f"frame or the vocabulary has no {' and no '.join(sorted(missing))}. Use the files of "
            "its corpus."
        )


def encode_rows(texts: Iterable[str], vocabulary: Vocabulary, ends: bool = False) -> list[Ids]:
    """Return the ids (T,) of each text; with `ends` between `<s>` and `</s>`."""
    encoded = [vocabulary.encode(text) for text in texts]
    return [add_boundaries(ids) for ids in encoded] if ends else encoded


def add_boundaries(ids: Ids) -> Ids:
    """Return ids (T,) between `<s>` and `</s>`, (T + 2,)."""
    return np.concatenate([[START], ids, [END]]).astype(np.int32)


def encode_stream(frame: pd.DataFrame, vocabularies: Vocabularies) -> Ids:
    """Return the rows of a language model's frame as one stream (N,), `</s>` after every row.

    The stream starts with `</s>` too, so that the first token has a context.
    """
    parts = [np.array([END], np.int32)]
    for ids in encode_rows(frame["text"], vocabularies.columns["text"]):
        parts += [ids, parts[0]]
    return np.concatenate(parts)


def encode_labels(column: Iterable[str], vocabularies: Vocabularies) -> Ids:
    """Return the indices of labels in the sorted list of labels, (N,)."""
    index_of = {label: index for index, label in enumerate(vocabularies.labels)}
    return np.array([index_of[label] for label in column], dtype=np.int32)


def encode_token_labels(column: Iterable[str], vocabularies: Vocabularies) -> list[Ids]:
    """Return the indices (T,) of the labels of each row, which has a label for each token.

    A label that the training split does not have is `NO_LABEL`.
    """
    index_of = {label: index for index, label in enumerate(vocabularies.labels)}
    rows = [text.split() for text in column]
    return [np.array([index_of.get(label, NO_LABEL) for label in row], np.int32) for row in rows]
