"""Partitions of a corpus: Parquet files of raw rows, and what one process makes of each.

Every partition is a pure function of the raw rows, so that one process, a pool of processes and
Dask write the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.config import task_schemas
from pipelines.config.params import Corpus, FractionSplit, GivenSplit
from pipelines.data import near_duplicates, split_statistics
from pipelines.data.cleaning import clean, overlap_columns, with_normalized_labels
from pipelines.data.parquet import read_table, write_table
from pipelines.data.readers.base import BadRow, Row

MAX_CHARACTERS = 1 << 22  # of the raw text of a partition
MAX_ROWS = 1 << 18
ID_BITS = 32  # an id is the number of the partition and, in these bits, that of the row in it
_SURROGATES = re.compile("[\ud800-\udfff]")  # no characters: they are halves of one


@dataclass(frozen=True)
class Partition:
    """Files of a partition in a folder that all workers share.

    Attributes:
        folder: of the corpus.
        number: of the partition, in the order of the rows.
    """

    folder: Path
    number: int

    @property
    def raw(self) -> Path:
        """Raw rows: document, line and the columns of the task."""
        return self._file("raw")

    @property
    def bad(self) -> Path:
        """Rows that the reader cannot read: index of the next raw row, place, reason and text."""
        return self._file("bad")

    @property
    def measured(self) -> Path:
        """Measures and normalised labels of the raw rows, in the same order."""
        return self._file("measured")

    @property
    def prepared(self) -> Path:
        """Cleaned rows, dropped ones included, with ids, measures and keys."""
        return self._file("prepared")

    @property
    def bands(self) -> Path:
        """Keys of near-duplicates of the cleaned rows."""
        return self._file("bands")

    def _file(self, kind: str) -> Path:
        return self.folder / f"{kind}-{self.number:06d}.parquet"


def write_partitions(
    rows: Iterable[Row | BadRow], columns: Sequence[str], folder: Path
) -> Iterator[Partition]:
    """Write rows as partitions, and yield each as soon as it is complete.

    Args:
        rows: of the readers, in order.
        columns: of the task.
        folder: for the files.
    """
    names = ["document", "line", *columns]
    batch: list[Row] = []
    bad: list[tuple[int, BadRow]] = []
    size = number = 0
    for row in rows:
        if isinstance(row, BadRow):
            bad.append((len(batch), row))
            size += len(row.text)
        else:
            batch.append(row)
            for text in row[2:]:
                size += len(text)  # type: ignore[arg-type]  # columns after the line are texts
        if size > MAX_CHARACTERS or len(batch) >= MAX_ROWS:
            yield _write_partition(Partition(folder, number), batch, bad, names)
            batch, bad, size, number = [], [], 0, number + 1
    if batch or bad:
        yield _write_partition(Partition(folder, number), batch, bad, names)


def _write_partition(
    partition: Partition,
    rows: Sequence[Row],
    bad: Sequence[tuple[int, BadRow]],
    names: Sequence[str],
) -> Partition:
    values: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(names)
    types = [pa.large_string(), pa.int64(), *[pa.large_string()] * (len(names) - 2)]
    arrays = [_array(column, kind) for column, kind in zip(values, types, strict=True)]
    write_table(pa.table(arrays, names=list(names)), partition.raw)
    if bad:
        table = {
            "index": [index for index, _ in bad],
            "document": [row.document for _, row in bad],
            "line": [row.line for _, row in bad],
            "reason": [row.reason for _, row in bad],
            "text": _array([row.text for _, row in bad], pa.large_string()),
        }
        write_table(pa.table(table), partition.bad)
    return partition


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_SURROGATES.sub("\ufffd", value) for value in values], kind)


# Work on one partition ---------------------------------------------------------------------------


def prepare_partition(partition: Partition, corpus: Corpus) -> None:
    """Measure the raw rows of a partition, clean them, and write measures, rows and keys."""
    raw = read_table(partition.raw)
    columns = task_schemas.get(corpus.task).columns
    texts = {column: raw[column].to_pylist() for column in columns}
    texts = with_normalized_labels(texts, corpus)
    documents = raw["document"].to_pylist()
    write_table(pa.table(_raw_measures(texts, corpus)), partition.measured)
    batch = clean(texts, documents, corpus)
    rows = len(batch.origin)
    table: dict[str, Any] = {
        "id": (partition.number << ID_BITS) + np.arange(rows),
        "origin": batch.origin,
        "reason": batch.reason,
        "part": _parts(documents, corpus)[batch.origin],
        "document": raw["document"].take(batch.origin),
        "line": raw["line"].take(batch.origin),
        **{column: pa.array(batch.texts[column], pa.large_string()) for column in columns},
        **{f"tokens {column}": sizes for column, sizes in batch.tokens.items()},
        **{f"length {column}": _characters(batch.texts[column]) for column in batch.tokens},
        **label_measures(batch.texts, corpus),
        **_keys(batch.texts, corpus),
    }
    if isinstance(corpus.split, FractionSplit) and (by := corpus.split.by) is not None:
        if by == "line":
            table["group"] = table["line"].to_numpy().astype(np.uint64)
        else:
            texts_of = batch.texts | {"document": table["document"].to_pylist()}
            table["group"] = split_statistics.exact_keys([texts_of[by]])
    write_table(pa.table(table), partition.prepared)
    if (threshold := near_duplicate_threshold(corpus)) is not None:
        texts_of_row = zip(*(batch.texts[column] for column in batch.tokens), strict=True)
        keys = near_duplicates.band_keys(list(map("\n".join, texts_of_row)), threshold)
        bands = {str(band): keys[:, band] for band in range(keys.shape[1])}
        write_table(pa.table(bands), partition.bands)


def near_duplicate_threshold(corpus: Corpus) -> float | None:
    """Return the similarity from which on rows stay in one part of the split, or None."""
    split = corpus.split
    return split.near_duplicates if isinstance(split, FractionSplit) else None


def _parts(documents: Sequence[str], corpus: Corpus) -> npt.NDArray[np.int8]:
    """Return the part of each row of a given split, otherwise 0, (rows,)."""
    if not isinstance(corpus.split, GivenSplit):
        return np.zeros(len(documents), np.int8)
    part_of = corpus.split.parts_of(documents)
    return np.array([part_of[document] for document in documents], np.int8)


def _raw_measures(texts: dict[str, list[str]], corpus: Corpus) -> dict[str, Any]:
    schema = task_schemas.get(corpus.task)
    measures: dict[str, Any] = {
        f"characters {column}": np.array([len(text.strip()) for text in texts[column]], np.int64)
        for column in schema.text_columns
    }
    if schema.label_column is not None:
        labels = texts[schema.label_column]
        keyed = [texts[schema.text_columns[0]]]
        if schema.labels_per_token:
            # Of texts that differ in punctuation the numbers of labels differ: no conflict.
            keyed.append([str(len(row.split())) for row in labels])
        measures[schema.label_column] = pa.array(labels, pa.large_string())
        measures["text key"] = split_statistics.folded_keys(keyed)
        measures["label key"] = split_statistics.exact_keys([labels])
    return measures | label_measures(texts, corpus)


def label_measures(texts: dict[str, list[str]], corpus: Corpus) -> dict[str, Any]:
    """Return the numbers of surplus and invalid labels of rows with a label for each token."""
    schema = task_schemas.get(corpus.task)
    if not schema.labels_per_token:
        return {}
    assert schema.label_column is not None
    tokens, labels = (
        [text.split() for text in texts[column]]
        for column in (schema.text_columns[0], schema.label_column)
    )
    pattern = re.compile(schema.label_pattern or ".*")
    surplus = [len(row) - len(words) for words, row in zip(tokens, labels, strict=True)]
    invalid = [sum(not pattern.fullmatch(label) for label in row) for row in labels]
    return {
        "surplus labels": np.array(surplus, np.int64),
        "invalid labels": np.array(invalid, np.int64),
    }


def _characters(texts: Sequence[str]) -> pa.Array:
    return pc.utf8_length(pa.array(texts, pa.large_string()))


def _keys(texts: dict[str, list[str]], corpus: Corpus) -> dict[str, Any]:
    """Return the keys of the texts as they are, and folded for comparisons with training."""
    columns = task_schemas.get(corpus.task).text_columns
    exact = {column: split_statistics.exact_keys([texts[column]]) for column in columns}
    folded = {column: split_statistics.folded_keys([texts[column]]) for column in columns}
    keys: dict[str, Any] = {f"key {column}": exact[column] for column in columns}
    for combined in overlap_columns(corpus):
        name = "+".join(combined)
        keys[f"exact {name}"] = split_statistics.combine_keys([exact[c] for c in combined])
        keys[f"folded {name}"] = split_statistics.combine_keys([folded[c] for c in combined])
    return keys
