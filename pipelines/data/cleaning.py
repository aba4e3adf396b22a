"""Cleaning of a batch of rows: normalised text, rows cut or dropped by their length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.config import task_schemas
from pipelines.config.params import Corpus, GivenSplit, Tokens
from pipelines.text import tokenizers
from pipelines.text.normalization import normalize_labels, normalize_many

# Why a row is dropped; the numbers are those of the column `reason`.
USED, EMPTY, TOO_LONG, REPEATED, CONTRADICTED = range(5)

Codes = npt.NDArray[np.int64]
Texts = dict[str, list[str]]  # by column


@dataclass(frozen=True)
class CleanBatch:
    """Cleaned rows of a batch, dropped ones included.

    Attributes:
        texts: normalised texts of every column.
        tokens: lengths in tokens of the text columns, (rows,) each.
        origin: index of the raw row that each row is of, (rows,).
        reason: why a row is dropped, or `USED`, (rows,).
    """

    texts: Texts
    tokens: dict[str, Codes]
    origin: Codes
    reason: npt.NDArray[np.int8]


def clean(texts: Texts, documents: Sequence[str], corpus: Corpus) -> CleanBatch:
    """Normalise rows, cut long rows of running text, and mark empty and long rows.

    With `split.method: given` only training rows are cut and dropped: a benchmark is scored on all
    of its test rows.

    Args:
        texts: raw texts of the task's columns, with normalised labels.
        documents: file of each row.
        corpus: configuration of the corpus.
    """
    schema = task_schemas.get(corpus.task)
    texts = texts | {
        column: normalize_many(texts[column], corpus.cleaning, corpus.tokens)
        for column in schema.text_columns
    }
    if schema.labels_per_token:  # their text stays as it is: `lowercase` is for words
        labels = schema.label_column
        assert labels is not None
        texts[labels] = [" ".join(text.split()) for text in texts[labels]]
    is_cleaned = np.ones(len(documents), np.bool_)
    if isinstance(corpus.split, GivenSplit):
        part_of = corpus.split.parts_of(documents)
        is_cleaned = np.array([not part_of[document] for document in documents], np.bool_)
    origin = np.arange(len(documents))
    tokens = {column: lengths(texts[column], corpus.tokens) for column in schema.text_columns}
    too_long = np.zeros(len(documents), np.bool_)
    for sizes in tokens.values():
        too_long |= sizes > corpus.cleaning.max_length
    too_long &= is_cleaned
    if schema.running_text and too_long.any():
        (column,) = schema.columns
        pieces = [
            list(cut(text, corpus.tokens, corpus.cleaning.max_length)) if is_long else [text]
            for text, is_long in zip(texts[column], too_long, strict=True)
        ]
        origin = np.repeat(origin, [len(row) for row in pieces])
        texts = {column: [piece for row in pieces for piece in row]}
        tokens = {column: lengths(texts[column], corpus.tokens)}
        too_long = np.zeros(len(origin), np.bool_)
    empty = np.zeros(len(origin), np.bool_)
    for column in schema.columns:  # a row without label is empty, too
        if column == schema.label_column and schema.labels_per_token:
            continue
        stripped = pc.utf8_trim_whitespace(pa.array(texts[column], pa.large_string()))
        empty |= pc.binary_length(stripped).to_numpy() == 0
    reason = np.where(too_long, TOO_LONG, USED).astype(np.int8)
    reason[empty & is_cleaned[origin]] = EMPTY
    return CleanBatch(texts, tokens, origin, reason)


def with_normalized_labels(texts: Texts, corpus: Corpus) -> Texts:
    """Return raw texts with their labels in the Unicode form of the corpus."""
    column = task_schemas.get(corpus.task).label_column
    if column is None:
        return texts
    return texts | {column: normalize_labels(texts[column], corpus.cleaning.unicode)}


def lengths(texts: Sequence[str], tokens: Tokens) -> Codes:
    """Return the number of tokens of each text; words stand for sub-words, which come later."""
    array = pa.array(texts, pa.large_string())
    if tokens == "characters":
        sizes: Codes = pc.utf8_length(array).to_numpy().astype(np.int64)
        return sizes
    blanks = pc.count_substring(array, " ").to_numpy()
    return np.where(pc.binary_length(array).to_numpy() > 0, blanks + 1, 0).astype(np.int64)


def cut(text: str, tokens: Tokens, limit: int) -> Iterator[str]:
    """Yield the pieces of normalised running text, of at most `limit` tokens each.

    Characters are cut after a blank or line end, if there is one, and not before a combining mark.
    White space at the end of the text is lost, where it would be a piece of its own.
    """
    if tokens != "characters":
        words = tokenizers.split(text, tokens)
        for first in range(0, len(words), limit):
            yield " ".join(words[first : first + limit])
        return
    start = 0
    while len(text) - start > limit:
        end = start + limit
        after_blank = 1 + max(text.rfind(sign, start, end) for sign in " \n")
        if after_blank > start:
            end = after_blank
        place = end
        while place > start and tokenizers.is_mark(text[place]):
            place -= 1
        end = place if place > start else end
        yield text[start:end]
        start = end
    if text[start:].strip() or not start:
        yield text[start:]


def text_columns(corpus: Corpus) -> list[str]:
    """Return the columns that hold tokens: all of the task's but the label."""
    return list(task_schemas.get(corpus.task).text_columns)


def overlap_columns(corpus: Corpus) -> list[list[str]]:
    """Return the columns whose combined values should not be in training, too.

    The text; of a pair the source, which the test must not have seen, and the whole pair.
    """
    first, *others = text_columns(corpus)
    return [[first], [first, *others]] if others else [[first]]
