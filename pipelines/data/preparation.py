"""Preparation of a corpus of any size: raw rows -> checked splits, in bounded memory.

The rows go through Parquet files of a fixed size. Each file is cleaned, measured and hashed by
itself, in this process, in a pool of processes or on Dask (`engine`); what needs all rows is
decided on their keys (`selection`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.config import task_schemas
from pipelines.config.params import Corpus
from pipelines.data import partitions, splits
from pipelines.data.cleaning import overlap_columns
from pipelines.data.counting import count_frame
from pipelines.data.dropped import CutRows, DroppedRows, count_cuts, write_dropped
from pipelines.data.engine import Engine
from pipelines.data.expectations import Checker
from pipelines.data.expectations_rules import (
    MIN_REPEATED_LENGTH,
    TYPICAL_QUANTILE,
    FrameStatistics,
    columns_in_one_split,
)
from pipelines.data.parquet import FrameWriter, read_table
from pipelines.data.partitions import Partition
from pipelines.data.profile import Profile
from pipelines.data.readers.base import BadRow, Row
from pipelines.data.selection import Selection, find
from pipelines.errors import UserError
from pipelines.text import vocabulary
from pipelines.text.vocabulary import Vocabulary

KEY_COLUMNS = ("text key", "label key")  # of the measures, which no rule is about
DROPPED = "dropped.csv"


@dataclass
class Preparation:
    """Preparation of one corpus.

    Attributes:
        corpus: configuration of the corpus.
        folder: for all files, which the workers share: `train.parquet`, `valid.parquet`,
            `test.parquet` and `dropped.csv` remain.
        checker: of the frames.
        engine: that runs the work on partitions.
        rows: number of raw rows, bad ones included.
        dropped: rows that are in no split.
        cuts: rows of running text that were cut.
        counts: number of rows of train, valid and test.
        profile: of train, as a tree for JSON.
    """

    corpus: Corpus
    folder: Path
    checker: Checker
    engine: Engine
    rows: int = 0
    dropped: DroppedRows = field(default_factory=DroppedRows)
    cuts: CutRows = field(default_factory=CutRows)
    counts: tuple[int, ...] = ()
    profile: dict[str, Any] = field(default_factory=dict)
    _bad_rows: int = 0
    _first_bad_row: str = ""
    _vocabularies: dict[str, Vocabulary] = field(default_factory=dict)

    def run(self, rows: Iterable[Row | BadRow], seed: int) -> None:
        """Prepare the rows of a corpus.

        Args:
            rows: as `corpus.read` yields them.
            seed: of the splits.

        Raises:
            UserError: rows cannot be read, or the data breaks rules.
        """
        columns = task_schemas.get(self.corpus.task).columns
        raw = partitions.write_partitions(self._count(rows), columns, self.folder)
        parts = self.engine.run(partitions.prepare_partition, raw, self.corpus)
        self._check_bad_rows()
        with Selection(parts, self.corpus, self.folder) as selection:
            self._check_raw(parts, selection)
            selection.drop_repeated()
            self.dropped = write_dropped(parts, selection, self.corpus, self.folder / DROPPED)
            self.cuts = count_cuts(parts, self.corpus)
            try:
                selection.split(seed)
            except UserError as error:
                detail = f" {self.dropped_sentence}" if self.dropped.counts else ""
                raise UserError(f"{error}{detail}") from None
            self.counts = tuple(selection.counts)
            for part in range(len(splits.PARTS)):
                self._write_split(part, selection)
        cleaned = self.dropped.counts.total() - self._bad_rows
        statistics = FrameStatistics(dropped=cleaned, dropped_detail=self.dropped.detail)
        self.checker.finish("splits", statistics)

    @property
    def dropped_sentence(self) -> str:
        """Sentence about the rows that are in no split."""
        total = self.dropped.counts.total()
        verb = "is" if total == 1 else "are"
        return f"{total:,} of {self.rows:,} rows {verb} in no split: {self.dropped.detail}."

    # Raw rows ------------------------------------------------------------------------------------

    def _count(self, rows: Iterable[Row | BadRow]) -> Iterator[Row | BadRow]:
        """Yield the rows while counting them; without a share of bad rows, the first one stops."""
        rule = self.corpus.checks.bad_rows
        stops = rule is not None and rule.level == "error" and not rule.max
        for row in rows:
            self.rows += 1
            if isinstance(row, BadRow):
                if stops:
                    raise UserError(row.sentence)
                self._bad_rows += 1
                self._first_bad_row = self._first_bad_row or row.sentence
            yield row

    def _check_bad_rows(self) -> None:
        rule = self.corpus.checks.bad_rows
        if rule is None or rule.level != "error" or self._bad_rows <= rule.max * self.rows:
            return
        raise UserError(
            f"{self._first_bad_row} It is the first of {self._bad_rows:,} bad rows of "
            f"{self.rows:,}, more than 'checks.bad_rows.max: {rule.max:g}' allows. Correct the "
            "file or the corpus's 'reader', or raise it."
        )

    def _check_raw(self, parts: Sequence[Partition], selection: Selection) -> None:
        """Check the raw rows with their measures, partition by partition."""
        schema = task_schemas.get(self.corpus.task)
        labelled = schema.label_column is not None
        conflicting = selection.conflicting_keys() if labelled else None
        self.checker.set_typical_lengths(
            {column: selection.quantile(column, TYPICAL_QUANTILE) for column in schema.text_columns}
        )
        for part in parts:
            raw, measures = read_table(part.raw), read_table(part.measured)
            frame = raw.to_pandas()
            for column in measures.column_names:
                if column not in KEY_COLUMNS:
                    frame[column] = measures[column].to_pandas()
            if conflicting is not None:
                keys = measures["text key"].to_numpy()
                frame["conflict"] = (find(keys, conflicting) >= 0).astype(np.int64)
            self.checker.add("raw", frame)
        self.checker.finish("raw", FrameStatistics(bad_rows=self._bad_rows))

    # Splits --------------------------------------------------------------------------------------

    def _write_split(self, part: int, selection: Selection) -> None:
        """Write a split in its order, and check it, batch by batch."""
        name, schema = splits.PARTS[part], task_schemas.get(self.corpus.task)
        columns = ["document", "line", *schema.columns]
        comparisons = _Comparisons(self.corpus, selection, part)
        measures = [f"tokens {column}" for column in schema.text_columns]
        measures += ["surplus labels", "invalid labels"] if schema.labels_per_token else []
        labels: Counter[str] = Counter()
        profile = Profile(self.corpus)
        path = self.folder / f"{name}.parquet"
        with ExitStack() as stack:
            writer = None
            for table in selection.batches(part, [*columns, *measures, *comparisons.columns]):
                rows = table.select(columns).cast(_schema(columns))
                if writer is None:
                    writer = stack.enter_context(FrameWriter(path, rows.schema))
                writer.write(rows)
                frame = table.select([*columns, *measures]).to_pandas()
                if len(schema.text_columns) == 2:
                    first, second = (frame[f"tokens {column}"] for column in schema.text_columns)
                    frame["ratio"] = first / second
                if part == splits.TRAIN:
                    profile.add(frame)
                self.checker.add(name, frame.assign(**comparisons.flags(table)))
                labels.update(_label_counts(rows, self.corpus))
        pa.default_memory_pool().release_unused()
        rates = self._unknown_rates(path, name)
        if part == splits.TRAIN:
            self.profile = profile.to_json(rates)
        self.checker.finish(
            name,
            FrameStatistics(
                unknown_rates=rates, labels=labels, overlap_details=comparisons.details
            ),
        )

    def _unknown_rates(self, path: Path, name: str) -> dict[str, float]:
        """Return the share of tokens outside the vocabulary of training, by column.

        With sub-words it is the share of characters that the training split does not have: no
        other token is unknown.
        """
        folder = self.folder / f"counts-{name}"
        folder.mkdir()
        kind = vocabulary.estimate_kind(self.corpus)
        counted = count_frame(path, self.corpus, kind, folder, self.engine)
        if name == "train":
            estimate = vocabulary.estimate_vocabularies(counted, self.corpus)
            self._vocabularies = estimate.columns
        rates = {
            column: vocabulary.unknown_share(estimate, counted.counts([column]))
            for column, estimate in self._vocabularies.items()
        }
        counted.database.close()
        return rates


class _Comparisons:
    """Rows of a split whose texts an earlier split has, too.

    Attributes:
        columns: keys that `flags` needs.
    """

    def __init__(self, corpus: Corpus, selection: Selection, part: int) -> None:
        self._part, self._running_text = part, task_schemas.get(corpus.task).running_text
        self._text = task_schemas.get(corpus.task).columns[0]
        self._repeated = {}
        self._overlap = {}
        self._counts: dict[str, Counter[str]] = {}
        if part == splits.TRAIN:
            self.columns: list[str] = []
            return
        by = getattr(corpus.split, "by", None)
        for column in columns_in_one_split(corpus):
            key = "group" if column == by else f"key {column}"
            self._repeated[column] = key, *selection.shared_keys(key)
        for columns in overlap_columns(corpus):
            name = "+".join(columns)
            for kind in ("folded", "exact"):
                key = f"{kind} {name}"
                self._overlap[kind, name] = key, *selection.shared_keys(key)
            self._counts[name] = Counter()
        keys = [key for key, _, _ in (*self._repeated.values(), *self._overlap.values())]
        self.columns = list(dict.fromkeys([*keys, f"length {self._text}"]))

    def flags(self, table: pa.Table) -> dict[str, npt.NDArray[np.int64]]:
        """Return the measures of a batch, 0 or 1."""
        flags = {}
        for column, (key, keys, first) in self._repeated.items():
            places = find(table[key].to_numpy(), keys)
            earlier = np.append(first, self._part)[places] < self._part
            flags[f"repeated {column}"] = earlier.astype(np.int64)
        for name, counts in self._counts.items():
            folded, exact = (self._in_train(table, kind, name) for kind in ("folded", "exact"))
            counts["of any length"] += int(folded.sum())
            if self._running_text:
                lengths = table[f"length {self._text}"].to_numpy()
                folded = folded & (lengths >= MIN_REPEATED_LENGTH)
            counts["long"] += int(folded.sum())
            counts["exactly"] += int((folded & exact).sum())
            flags[f"overlap {name}"] = folded.astype(np.int64)
        return flags

    def _in_train(self, table: pa.Table, kind: str, name: str) -> npt.NDArray[np.bool_]:
        key, keys, first = self._overlap[kind, name]
        places = find(table[key].to_numpy(), keys)
        in_train: npt.NDArray[np.bool_] = np.append(first, self._part)[places] == splits.TRAIN
        return in_train

    @property
    def details(self) -> dict[str, str]:
        """Further numbers of the rows that training has, in words."""
        details = {}
        for name, counts in self._counts.items():
            words = []
            if self._running_text and counts["of any length"]:
                words.append(f"{counts['of any length']:,} of any length")
            if counts["long"]:
                words.append(f"{counts['exactly']:,} exactly")
            details[name] = ", ".join(words)
        return details


def _schema(columns: Sequence[str]) -> pa.Schema:
    kinds = {"line": pa.int64()}
    return pa.schema([(column, kinds.get(column, pa.string())) for column in columns])


def _label_counts(table: pa.Table, corpus: Corpus) -> Counter[str]:
    """Count the labels of rows or, where each token has one, of tokens."""
    schema = task_schemas.get(corpus.task)
    if schema.label_column is None:
        return Counter()
    rows = table[schema.label_column].to_pylist()
    return (
        Counter(label for row in rows for label in row.split())
        if schema.labels_per_token
        else Counter(rows)
    )
