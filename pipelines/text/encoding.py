"""Encoding of prepared frames as the ids that models read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipelines.config import params, task_schemas
from pipelines.errors import UserError
from pipelines.text.vocabulary import END, START, Vocabularies, Vocabulary

Ids = npt.NDArray[np.int32]

NO_LABEL = -1  # index of a label that the training split does not have


class Rows(Protocol):
    """Rows of a split by column: a frame, or a `parquet.Split`, which is read in parts."""

    @property
    def columns(self) -> Iterable[str]:
        """Names of the columns."""

    def __getitem__(self, column: str, /) -> Iterable[str]:
        """Return the values of a column."""


def require_columns(frame: Rows, vocabularies: Vocabularies, task: params.Task) -> None:
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
    return list(iterate_rows(texts, vocabulary, ends))


def iterate_rows(texts: Iterable[str], vocabulary: Vocabulary, ends: bool = False) -> Iterator[Ids]:
    """Yield the ids (T,) of each text; with `ends` between `<s>` and `</s>`."""
    for text in texts:
        ids = vocabulary.encode(text)
        yield add_boundaries(ids) if ends else ids


def add_boundaries(ids: Ids) -> Ids:
    """Return ids (T,) between `<s>` and `</s>`, (T + 2,)."""
    return np.concatenate([[START], ids, [END]]).astype(np.int32)


def encode_stream(frame: Rows, vocabularies: Vocabularies) -> Ids:
    """Return the rows of a language model's frame as one stream (N,), `</s>` after every row.

    The stream starts with `</s>` too, so that the first token has a context.
    """
    return np.concatenate(list(iterate_stream(frame, vocabularies)))


def iterate_stream(frame: Rows, vocabularies: Vocabularies) -> Iterator[Ids]:
    """Yield consecutive parts of the stream of `encode_stream`."""
    end = np.array([END], np.int32)
    yield end
    for ids in iterate_rows(frame["text"], vocabularies.columns["text"]):
        yield np.concatenate([ids, end])


def encode_labels(column: Iterable[str], vocabularies: Vocabularies) -> Ids:
    """Return the indices of labels in the sorted list of labels, (N,)."""
    index_of = {label: index for index, label in enumerate(vocabularies.labels)}
    return np.fromiter((index_of[label] for label in column), np.int32)


def iterate_token_labels(column: Iterable[str], vocabularies: Vocabularies) -> Iterator[Ids]:
    """Yield the indices (T,) of the labels of each row, which has a label for each token.

    A label that the training split does not have is `NO_LABEL`.
    """
    index_of = {label: index for index, label in enumerate(vocabularies.labels)}
    for text in column:
        yield np.array([index_of.get(label, NO_LABEL) for label in text.split()], np.int32)
