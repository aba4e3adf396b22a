"""Cleaning of raw frames: normalised text, without empty, long and repeated rows."""

from __future__ import annotations

import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import Corpus, GivenSplit, Tokens
from pipelines.text import tokenizers
from pipelines.text.normalization import normalize_labels, normalize_many


def clean(frame: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """Return the normalised rows, without empty, long and (if configured) repeated ones.

    With `split.method: given` only training rows are dropped: a benchmark is scored on all of its
    test rows.

    Args:
        frame: raw rows, as `corpus.read` returns them.
        corpus: configuration of the corpus.

    Returns:
        A new frame with the same columns; `document` and `line` are those of the raw rows.
    """
    frame = frame.copy()
    for column in text_columns(corpus):
        frame[column] = normalize_many(list(frame[column]), corpus.cleaning, corpus.tokens)
    schema = task_schemas.get(corpus.task)
    if schema.labels_per_token:  # their text stays as it is: `lowercase` is for words
        labels = schema.label_column
        frame[labels] = [" ".join(text.split()) for text in frame[labels]]
    if isinstance(corpus.split, GivenSplit):
        training = frame["document"].isin(corpus.split.train)
        cleaned = pd.concat([_drop_rows(frame[training], corpus), frame[~training]])
    else:
        cleaned = _drop_rows(frame, corpus)
    return cleaned.reset_index(drop=True)


def with_normalized_labels(frame: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """Return raw rows with their labels in the Unicode form of the corpus."""
    column = task_schemas.get(corpus.task).label_column
    if column is None:
        return frame
    return frame.assign(**{column: normalize_labels(frame[column], corpus.cleaning.unicode)})


def _drop_rows(frame: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    columns = text_columns(corpus)
    valid = pd.Series(True, index=frame.index)
    for column in columns:
        valid &= frame[column].str.strip() != ""
        valid &= lengths(frame[column], corpus.tokens) <= corpus.cleaning.max_length
    frame = frame[valid]
    if corpus.cleaning.drop_repeated:
        frame = frame[_is_new(frame[columns])]
    return frame


def text_columns(corpus: Corpus) -> list[str]:
    """Return the columns that hold tokens: all of the task's but the label."""
    return list(task_schemas.get(corpus.task).text_columns)


def lengths(texts: pd.Series[str], tokens: Tokens) -> pd.Series[int]:
    """Return the number of tokens of each text; words stand for sub-words, which come later."""
    return texts.map(lambda text: len(tokenizers.split(text, tokens))).astype("int64")


def _is_new(texts: pd.DataFrame) -> list[bool]:
    """Return True for rows none of whose texts is in the same column of an earlier new row."""
    columns: list[set[str]] = [set() for _ in texts.columns]
    flags = []
    for row in texts.itertuples(index=False):
        is_new = all(text not in column for text, column in zip(row, columns, strict=True))
        flags.append(is_new)
        if is_new:
            for text, column in zip(row, columns, strict=True):
                column.add(text)
    return flags
