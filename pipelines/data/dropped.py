"""Rows that are in no split: how many, why, where the first one is, and the list of all."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipelines.config import task_schemas
from pipelines.config.params import Corpus
from pipelines.data.cleaning import CONTRADICTED, EMPTY, REPEATED, TOO_LONG
from pipelines.data.parquet import read_table
from pipelines.data.partitions import Partition
from pipelines.data.selection import Selection

COLUMNS = ("document", "line", "reason", "text")


@dataclass
class DroppedRows:
    """Counts of the rows that are in no split.

    Attributes:
        counts: number of rows, by reason.
        first: place of the first row, by reason.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, document: str, line: int, reason: str) -> None:
        """Count a row."""
        self.counts[reason] += 1
        self.first.setdefault(reason, f"{document}:{line}")

    @property
    def detail(self) -> str:
        """Numbers of rows by reason, with the place of the first, in a few words."""
        return ", ".join(
            f"{count:,} {'is' if count == 1 else 'are'} {reason} (the first: {self.first[reason]})"
            for reason, count in self.counts.most_common()
        )


@dataclass
class CutRows:
    """Long rows of running text that were cut.

    Attributes:
        rows: their number.
        pieces: number of their pieces.
        first: place of the first one.
    """

    rows: int = 0
    pieces: int = 0
    first: str = ""


def count_cuts(partitions: Sequence[Partition], corpus: Corpus) -> CutRows:
    """Return the rows of running text that were cut."""
    cuts = CutRows()
    if not task_schemas.get(corpus.task).running_text:
        return cuts
    for partition in partitions:
        pieces = np.bincount(read_table(partition.prepared, ["origin"])[0].to_numpy())
        (cut,) = np.nonzero(pieces > 1)
        if len(cut) and not cuts.rows:
            place = read_table(partition.raw, ["document", "line"]).slice(cut[0], 1).to_pylist()[0]
            cuts.first = f"{place['document']}:{place['line']}"
        cuts.rows += len(cut)
        cuts.pieces += int(pieces[cut].sum())
    return cuts


def write_dropped(
    partitions: Sequence[Partition], selection: Selection, corpus: Corpus, path: Path
) -> DroppedRows:
    """Write the table of all rows that are in no split, in the order of the raw rows.

    Args:
        partitions: of the corpus.
        selection: of the rows.
        corpus: configuration of the corpus.
        path: CSV file to write, with document, line, reason and the raw texts, joined by tabs.
    """
    dropped = DroppedRows()
    reasons = {
        EMPTY: "empty",
        TOO_LONG: f"longer than {corpus.cleaning.max_length:,} tokens",
        REPEATED: "repeated",
        CONTRADICTED: "repeated with another label",
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for partition in partitions:
            origin, codes = selection.dropped_rows(partition)
            rows = _raw_rows(partition, origin, [reasons[code] for code in codes])
            for _, _, document, line, reason, text in sorted([*_bad_rows(partition), *rows]):
                dropped.add(document, line, reason)
                writer.writerow([document, line, reason, text])
    return dropped


DroppedRow = tuple[int, int, str, int, str, str]  # index of the raw row, order, and the columns


def _bad_rows(partition: Partition) -> Iterator[DroppedRow]:
    if partition.bad.exists():
        for order, row in enumerate(read_table(partition.bad).to_pylist()):
            yield row["index"], order, row["document"], row["line"], "unreadable", row["text"]


def _raw_rows(
    partition: Partition, origin: Iterable[int], reasons: Sequence[str]
) -> Iterator[DroppedRow]:
    indices = np.asarray(origin)
    if not len(indices):
        return
    table = read_table(partition.raw).take(indices)
    documents, lines, *texts = (column.to_pylist() for column in table.columns)
    order = 1 << 62  # after the bad rows before it
    places = zip(indices.tolist(), documents, lines, reasons, zip(*texts, strict=True), strict=True)
    for index, document, line, reason, row in places:
        yield index, order, document, line, reason, "\t".join(row)
