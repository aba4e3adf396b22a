"""Whole frames in memory: rows as frames, their preparation, and their measures for the checks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import Corpus
from pipelines.data import corpus as readers
from pipelines.data import partitions, split_statistics, splits
from pipelines.data.cleaning import lengths, overlap_columns, text_columns
from pipelines.data.expectations import Checker
from pipelines.data.expectations_rules import (
    MIN_REPEATED_LENGTH,
    TYPICAL_QUANTILE,
    FrameStatistics,
    columns_in_one_split,
)
from pipelines.data.readers.base import BadRow, Row
from pipelines.data.selection import Selection
from pipelines.errors import UserError
from pipelines.text import token_counts, vocabulary

Frames = dict[str, pd.DataFrame]


def read_frame(*args: object) -> pd.DataFrame:
    """Return the rows of `corpus.read` as a frame; a row that cannot be read is an error."""
    rows: list[Row] = []
    for row in readers.read(*args):  # type: ignore[arg-type]
        if isinstance(row, BadRow):
            raise UserError(row.sentence)
        rows.append(row)
    task = str(args[2])
    return pd.DataFrame(rows, columns=["document", "line", *task_schemas.get(task).columns])


def prepare(rows: pd.DataFrame | Iterable[Row], corpus: Corpus, folder: Path) -> Frames:
    """Return the splits of raw rows, without checks."""
    if isinstance(rows, pd.DataFrame):
        rows = rows.itertuples(index=False, name=None)
    columns = task_schemas.get(corpus.task).columns
    parts = list(partitions.write_partitions(rows, columns, folder))
    for part in parts:
        partitions.prepare_partition(part, corpus)
    with Selection(parts, corpus, folder) as selection:
        selection.drop_repeated()
        selection.split(seed=1)
        frames = {}
        for number, name in enumerate(splits.PARTS):
            tables = selection.batches(number, ["document", "line", *columns])
            frames[name] = pd.concat([table.to_pandas() for table in tables], ignore_index=True)
    return frames


def build_vocabularies(frame: pd.DataFrame, corpus: Corpus) -> vocabulary.Vocabularies:
    """Return the vocabularies of a training frame."""
    return vocabulary.build_vocabularies(count_frame(frame, corpus, corpus.tokens), corpus)


def count_frame(frame: pd.DataFrame, corpus: Corpus, kind: str) -> token_counts.CountedText:
    """Return the numbers of the tokens of a frame."""
    texts = {column: list(frame[column]) for column in text_columns(corpus)}
    schema = task_schemas.get(corpus.task)
    labels = set(frame[schema.label_column]) if schema.label_column else set()
    if schema.labels_per_token:
        labels = {label for row in labels for label in row.split()}
    counted = token_counts.count_in_memory(texts, kind)  # type: ignore[arg-type]
    return replace(counted, labels=tuple(sorted(labels)))


def check_raw(checker: Checker, frame: pd.DataFrame, corpus: Corpus) -> None:
    """Check a raw frame.

    Raises:
        UserError: the data breaks rules.
    """
    columns = [column for column in text_columns(corpus) if column in frame]
    sizes = {column: frame[column].fillna("").str.strip().str.len() for column in columns}
    typical = {column: float(size.quantile(TYPICAL_QUANTILE)) for column, size in sizes.items()}
    checker.set_typical_lengths(dict.fromkeys(text_columns(corpus), 0.0) | typical)
    measured = _with_token_labels(_with_measures(frame, sizes, "characters"), corpus)
    label_column = task_schemas.get(corpus.task).label_column
    if label_column is not None and label_column in frame:
        measured["conflict"] = _conflicts(frame, corpus).astype(int)
    checker.add("raw", measured)
    checker.finish("raw")


def check_splits(
    checker: Checker,
    splits: Mapping[str, pd.DataFrame],
    unknown_rates: Mapping[str, Mapping[str, float]],
    corpus: Corpus,
    dropped: int = 0,
) -> None:
    """Check the prepared frames, individually and combined.

    Args:
        checker: of the corpus.
        splits: train, valid and test.
        unknown_rates: fraction of tokens outside the vocabulary, by split and column.
        corpus: configuration of the corpus.
        dropped: number of raw rows that are in no split.

    Raises:
        UserError: the data breaks rules.
    """
    earlier: dict[str, set[str]] = {column: set() for column in columns_in_one_split(corpus)}
    for name, frame in splits.items():
        sizes = {
            column: lengths(list(frame[column].fillna("")), corpus.tokens)
            for column in text_columns(corpus)
        }
        measured = _with_token_labels(_with_measures(frame, sizes, "tokens"), corpus)
        if len(sizes) == 2:
            first, second = sizes.values()
            measured["ratio"] = first / second
        for column, values in earlier.items():
            measured[f"repeated {column}"] = frame[column].isin(values).astype(int)
            values.update(frame[column])
        details = {}
        for columns in overlap_columns(corpus) if name != "train" else ():
            overlap, detail = _overlap(splits["train"], frame, columns, corpus)
            measured[f"overlap {'+'.join(columns)}"] = overlap.astype(int)
            details["+".join(columns)] = detail
        checker.add(name, measured)
        counts = _label_counts(frame, corpus)
        checker.finish(
            name,
            FrameStatistics(
                unknown_rates=unknown_rates[name], labels=counts, overlap_details=details
            ),
        )
    checker.finish("splits", FrameStatistics(dropped=dropped))


def _with_measures(frame: pd.DataFrame, measures: Mapping[str, Any], prefix: str) -> pd.DataFrame:
    """Return a copy of the frame with columns of measures."""
    return frame.assign(**{f"{prefix} {column}": values for column, values in measures.items()})


def _with_token_labels(frame: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """Return the frame with surplus and invalid labels of tokens."""
    schema = task_schemas.get(corpus.task)
    if not schema.labels_per_token:
        return frame
    tokens, labels = (
        [text.split() for text in frame[column].fillna("")]
        for column in (schema.text_columns[0], schema.label_column)
    )
    pattern = re.compile(schema.label_pattern or ".*")
    return frame.assign(
        **{
            "surplus labels": [len(b) - len(a) for a, b in zip(tokens, labels, strict=True)],
            "invalid labels": [sum(not pattern.fullmatch(x) for x in row) for row in labels],
        }
    )


def _overlap(
    train: pd.DataFrame, frame: pd.DataFrame, columns: Sequence[str], corpus: Corpus
) -> tuple[split_statistics.Flags, str]:
    """Return True for rows that training has, too, (rows,), and the counts behind them in words."""
    texts, train_texts = ([part[column] for column in columns] for part in (frame, train))
    folded, exact = (
        np.isin(keys([*map(list, texts)]), keys([*map(list, train_texts)]))
        for keys in (split_statistics.folded_keys, split_statistics.exact_keys)
    )
    details = []
    if task_schemas.get(corpus.task).running_text:
        details += [f"{folded.sum():,} of any length"] if folded.any() else []
        folded &= (frame[columns[0]].str.len() >= MIN_REPEATED_LENGTH).to_numpy()
    if folded.any():
        details.append(f"{(folded & exact).sum():,} exactly")
    return folded, ", ".join(details)


def _conflicts(frame: pd.DataFrame, corpus: Corpus) -> split_statistics.Flags:
    """Return True for rows whose text has another label elsewhere, (rows,)."""
    schema = task_schemas.get(corpus.task)
    labels = frame[schema.label_column].fillna("")
    columns = [frame[schema.text_columns[0]].fillna("")]
    if schema.labels_per_token:
        # Of texts that differ in punctuation the numbers of labels differ, which is no conflict.
        columns.append(labels.map(lambda row: str(len(row.split()))))
    keys = split_statistics.folded_keys([list(column) for column in columns])
    by_key = pd.DataFrame({"key": keys, "label": labels}).groupby("key")["label"]
    several: split_statistics.Flags = (by_key.transform("nunique") > 1).to_numpy()
    return several


def _label_counts(frame: pd.DataFrame, corpus: Corpus) -> Counter[str]:
    """Count the labels of rows or, where each token has one, of tokens."""
    schema = task_schemas.get(corpus.task)
    if schema.label_column is None:
        return Counter()
    rows = frame[schema.label_column]
    return (
        Counter(label for row in rows for label in row.split())
        if schema.labels_per_token
        else Counter(rows)
    )
