"""Counting of the tokens of prepared frames, by row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.config import task_schemas
from pipelines.config.params import Corpus, Tokens
from pipelines.data import parquet
from pipelines.data.engine import Engine
from pipelines.text import token_counts
from pipelines.text.token_counts import CountedText

GROUPS = 2  # row groups that are counted together


@dataclass(frozen=True)
class RowGroups:
    """Consecutive row groups of a frame, and the file for the numbers of their tokens.

    Attributes:
        frame: Parquet file.
        groups: numbers of the row groups.
        counts: Parquet file with column_name, token and count.
    """

    frame: Path
    groups: tuple[int, ...]
    counts: Path


def count_frame(
    frame: Path, corpus: Corpus, kind: Tokens, folder: Path, engine: Engine
) -> CountedText:
    """Count the tokens of a frame.

    Args:
        frame: Parquet file.
        corpus: configuration of the corpus.
        kind: kind of the tokens; sub-words are counted as words.
        folder: for the counts.
        engine: that runs the work.

    Raises:
        UserError: the frame is missing or damaged.
    """
    schema = task_schemas.get(corpus.task)
    with parquet.open_parquet(frame) as file:
        count, rows = file.num_row_groups, file.metadata.num_rows
    parts = [
        RowGroups(
            frame.absolute(),
            tuple(range(first, min(first + GROUPS, count))),
            folder.absolute() / f"counts-{first:06d}.parquet",
        )
        for first in range(0, max(1, count), GROUPS)
    ]
    parts = engine.run(count_row_groups, parts, schema.text_columns, kind)
    database = token_counts.add_counts([part.counts for part in parts], folder)

    def texts(column: str) -> Iterator[str]:
        for table in parquet.read_batches(frame, [column]):
            yield from table[0].to_pylist()

    return CountedText(database, rows, texts, _labels(frame, corpus))


def count_row_groups(part: RowGroups, columns: Sequence[str], kind: Tokens) -> None:
    """Write the numbers of the tokens of some row groups."""
    with parquet.open_parquet(part.frame) as file:
        tables = []
        for column in columns:
            texts = file.read_row_groups(part.groups, columns=[column])[0].combine_chunks()
            table = token_counts.count_tokens(texts, kind)
            names = pa.array([column] * len(table), pa.string())
            tables.append(table.append_column("column_name", names))
        table = pa.concat_tables(tables, promote_options="permissive")
    parquet.write_table(table, part.counts)


def _labels(frame: Path, corpus: Corpus) -> tuple[str, ...]:
    """Return the sorted labels of a frame."""
    schema = task_schemas.get(corpus.task)
    labels: set[str] = set()
    if schema.label_column is None:
        return ()
    for table in parquet.read_batches(frame, [schema.label_column]):
        distinct = pc.unique(table[0]).to_pylist()
        split = (label for row in distinct for label in row.split())
        labels.update(split if schema.labels_per_token else distinct)
    return tuple(sorted(labels))
