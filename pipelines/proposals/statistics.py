"""Statistics of the rows of a corpus: one pass, in constant memory."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.config import task_schemas
from pipelines.data.readers.base import BadRow
from pipelines.errors import UserError
from pipelines.proposals import formats
from pipelines.proposals.layouts import Layout

SAMPLE = 10_000  # rows whose tokens are counted
HEAD = 5
SEED = 1
MAX_LABELS = 1000
MAX_BAD = 0.01  # share of rows that may be unreadable


@dataclass
class Statistics:
    """Statistics of the rows of a corpus.

    Attributes:
        rows: number of rows.
        characters: number of characters of the first column.
        empty: number of rows without text.
        repeated: share of the sample whose text occurs before in it.
        labels: number of rows of each label.
        unlabelled: number of rows without label.
        documents: number of files with rows.
        sample: random rows, each a text for each column of the task.
        sample_groups: number of the group of files of each row of the sample.
        head: the first rows.
        bad_rows: number of rows that the reader cannot read, and the first of them.
    """

    rows: int = 0
    characters: int = 0
    empty: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    documents: int = 0
    sample: list[tuple[str, ...]] = field(default_factory=list)
    sample_groups: list[int] = field(default_factory=list)
    head: list[tuple[Any, ...]] = field(default_factory=list)
    bad_rows: int = 0
    first_bad: BadRow | None = None

    @property
    def repeated(self) -> float:
        """Share of the sample whose text occurs before in it."""
        texts = [row[0].lower() for row in self.sample]
        return 1 - len(set(texts)) / max(1, len(texts))


def measure(
    layout: Layout, reader: Mapping[str, Any], task: str, folder: Path | None
) -> Statistics:
    """Return the statistics of all rows.

    Args:
        layout: of the files.
        reader: values of `reader`, with the columns.
        task: of the corpus.
        folder: of all files, for readers of subfolders.

    Raises:
        UserError: there is no row, too many rows cannot be read, or too many labels are different.
    """
    schema = task_schemas.get(task)
    statistics = Statistics()
    generator = random.Random(SEED)
    made = formats.make_reader(reader)
    label = None
    if schema.label_column is not None and not schema.labels_per_token:
        label = schema.columns.index(schema.label_column)
    documents: set[object] = set()
    for number, group in enumerate(layout.groups):
        for row in made.read(group, schema.columns, folder):
            if isinstance(row, BadRow):
                statistics.bad_rows += 1
                statistics.first_bad = statistics.first_bad or row
                continue
            texts = tuple(map(str, row[2:]))
            if len(documents) < MAX_LABELS:
                documents.add(row[0])
            if label is not None:
                if texts[label].strip():
                    statistics.labels[texts[label].strip()] += 1
                else:
                    statistics.unlabelled += 1
                if len(statistics.labels) > MAX_LABELS:
                    raise UserError(
                        f"More than {MAX_LABELS:,} labels are different, for instance "
                        f"'{texts[label][:40]}': set --label to another column, or --task."
                    )
            _add(statistics, row, texts, number, generator)
    statistics.documents = len(documents)
    _check(statistics)
    return statistics


def _add(
    statistics: Statistics,
    row: Sequence[Any],
    texts: tuple[str, ...],
    group: int,
    generator: random.Random,
) -> None:
    statistics.characters += len(texts[0])
    statistics.empty += not all(text.strip() for text in texts)
    if len(statistics.head) < HEAD:
        statistics.head.append(tuple(row))
    if len(statistics.sample) < SAMPLE:
        statistics.sample.append(texts)
        statistics.sample_groups.append(group)
    elif (place := generator.randrange(statistics.rows + 1)) < SAMPLE:
        statistics.sample[place], statistics.sample_groups[place] = texts, group
    statistics.rows += 1


def _check(statistics: Statistics) -> None:
    bad = statistics.first_bad
    if bad is not None and statistics.bad_rows > MAX_BAD * (statistics.rows + statistics.bad_rows):
        count = statistics.bad_rows
        more = f" {count - 1:,} more rows cannot be read." if count > 1 else ""
        raise UserError(bad.sentence + more)
    if statistics.rows < 10:
        raise UserError(
            f"The files have {statistics.rows:,} row{'s' if statistics.rows != 1 else ''}, too few "
            "to train, validate and test a model: add more; each line of a text is a row."
        )
