"""Decisions that need all rows of a corpus: repeated texts, splits, texts that training has, too.

DuckDB decides on keys of eight bytes, and on the disk where memory is short; texts pass through it
only when the splits are written in their order.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.config import task_schemas
from pipelines.config.params import Corpus, FractionSplit, GivenSplit
from pipelines.data import near_duplicates, splits
from pipelines.data.cleaning import CONTRADICTED, REPEATED, USED
from pipelines.data.parquet import read_table, write_table
from pipelines.data.partitions import ID_BITS, Partition, near_duplicate_threshold
from pipelines.data.split_statistics import Flags, Keys
from pipelines.errors import UserError

MEMORY = "400MB"  # of DuckDB; beyond, it uses the disk
THREADS = 2  # of DuckDB: each needs memory of its own
GROUP_CHARACTERS = 1 << 22  # of the text of a row group, on average
GROUP_ROWS = 1 << 17


class Selection:
    """Rows of the partitions of a corpus, their splits and their order.

    Args:
        partitions: prepared partitions.
        corpus: configuration of the corpus.
        folder: for what does not fit into memory.
    """

    def __init__(self, partitions: Sequence[Partition], corpus: Corpus, folder: Path) -> None:
        self._partitions, self._corpus, self._folder = partitions, corpus, folder
        self._schema = task_schemas.get(corpus.task)
        self._database = duckdb.connect(
            folder / "selection.duckdb",
            config={
                "memory_limit": MEMORY,
                "threads": THREADS,
                "preserve_insertion_order": False,  # queries whose order matters name it
                "temp_directory": str(folder / "spilled"),
            },
        )
        for name in ("measured", "prepared"):
            files = [str(getattr(partition, name)) for partition in partitions]
            self._create_view(name, files)
        self._database.execute("CREATE TABLE repeated (id BIGINT, reason TINYINT)")
        self.counts = [0, 0, 0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    # Raw rows ------------------------------------------------------------------------------------

    def quantile(self, column: str, share: float) -> float:
        """Return a quantile of the lengths of the raw texts of a column; 0 without rows."""
        query = f'SELECT "characters {column}", count(*) FROM measured GROUP BY 1 ORDER BY 1'
        table = self._database.sql(query).to_arrow_table()
        if not len(table):
            return 0.0
        lengths, counts = (table[place].to_numpy() for place in range(2))
        ends = np.cumsum(counts)
        position = share * (ends[-1] - 1)
        below, above = (
            float(lengths[np.searchsorted(ends, rank, side="right")])
            for rank in (np.floor(position), np.ceil(position))
        )
        return float(below + (position % 1) * (above - below))

    def conflicting_keys(self) -> Keys:
        """Return the sorted keys of raw texts that have more than one label."""
        return self._keys(
            'SELECT "text key" FROM measured GROUP BY 1 '
            'HAVING min("label key") <> max("label key") ORDER BY 1'
        )

    # Repeated rows, and splits -------------------------------------------------------------------

    def drop_repeated(self) -> None:
        """Mark rows one of whose texts an earlier row has in the same column, if configured.

        With `split.method: given` only training rows are dropped.
        """
        if not self._corpus.cleaning.drop_repeated:
            return
        rows = f"(SELECT * FROM prepared WHERE reason = {USED} AND part = {splits.TRAIN})"
        columns = self._schema.text_columns
        if len(columns) > 1:
            self._drop_repeated_tuples(rows, columns)
            return
        label, key = self._schema.label_column, f'"key {columns[0]}"'
        differs = f'"{label}" <> first_value("{label}") OVER same' if label else "false"
        self._database.execute(
            f"INSERT INTO repeated SELECT id, CASE WHEN {differs} THEN {CONTRADICTED} "
            f"ELSE {REPEATED} END FROM {rows} WINDOW same AS (PARTITION BY {key} ORDER BY id) "
            "QUALIFY row_number() OVER same > 1"
        )

    def _drop_repeated_tuples(self, rows: str, columns: Sequence[str]) -> None:
        """Mark rows of several texts: those of a dropped row do not count as earlier texts.

        Only rows with a text that occurs twice have to be looked at one after the other.
        """
        keys = [f'"key {column}"' for column in columns]
        several = " OR ".join(f"count(*) OVER (PARTITION BY {key}) > 1" for key in keys)
        query = f"SELECT id, {', '.join(keys)} FROM {rows} QUALIFY {several} ORDER BY id"
        earlier: list[set[int]] = [set() for _ in columns]
        dropped: list[int] = []
        for batch in self._database.sql(query).to_arrow_reader():
            for row, *texts in zip(*(part.to_pylist() for part in batch.columns), strict=True):
                if any(text in column for text, column in zip(texts, earlier, strict=True)):
                    dropped.append(row)
                else:
                    for text, column in zip(texts, earlier, strict=True):
                        column.add(text)
        table = pa.table({"id": pa.array(dropped, pa.int64()), "reason": [REPEATED] * len(dropped)})
        self._insert("repeated", table)

    def split(self, seed: int) -> None:
        """Decide order and part of all rows that are used.

        Raises:
            UserError: there are too few rows, or a part has none.
        """
        columns, given = self._split_columns()
        split = self._corpus.split
        if isinstance(split, FractionSplit):
            order, part_at = splits.assign(columns, split, seed)
            position = np.empty(len(order), np.uint32)
            position[order] = np.arange(len(order), dtype=np.uint32)
            parts = np.empty(len(order), np.int8)
            parts[order] = part_at
        else:
            position, parts = np.arange(columns.rows, dtype=np.uint32), given
            self._check_parts(parts, split)
        first, files = 0, []
        for partition in self._partitions:
            used = self._used_ids(partition)
            rows = slice(first, first + len(used))
            file = self._folder / f"placed-{partition.number:06d}.parquet"
            place = {"id": used, "position": position[rows], "split": parts[rows]}
            write_table(pa.table(place), file)
            files.append(str(file))
            first += len(used)
        self._create_view("placed", files)
        self.counts = np.bincount(parts, minlength=len(splits.PARTS)).tolist()

    def _split_columns(self) -> tuple[splits.SplitColumns, npt.NDArray[np.int8]]:
        """Return what the split needs to know of all rows that are used, and their given parts."""
        split, texts = self._corpus.split, self._schema.columns[0]
        fractions = isinstance(split, FractionSplit)
        threshold = near_duplicate_threshold(self._corpus)
        by = split.by if isinstance(split, FractionSplit) else None
        stratified = fractions and split.method == "stratified"
        measured = self._schema.running_text and split.method == "contiguous"
        label_column = self._schema.label_column
        names: dict[str, int] = {}
        parts, groups, labels, lengths, bands = [], [], [], [], []
        for partition in self._partitions:
            used = self._used_rows(partition)
            parts.append(self._read(partition, "part")[used])
            if by is not None:
                groups.append(self._read(partition, "group")[used])
            if stratified:
                assert label_column is not None
                column = read_table(partition.prepared, [label_column])[0].to_pylist()
                numbers = [names.setdefault(label, len(names)) for label in column]
                labels.append(np.array(numbers, np.int32)[used])
            if measured:
                lengths.append(self._read(partition, f"length {texts}")[used].astype(np.int32))
            if threshold is not None:
                table = read_table(partition.bands)
                bands.append(np.stack([band.to_numpy() for band in table.columns], axis=1)[used])
        unit = f"different values of '{by}'" if by else "rows"
        codes: splits.Codes | None = np.concatenate(groups) if groups else None
        if bands:
            codes, unit = near_duplicates.groups(np.concatenate(bands)), "groups of near-duplicates"
        columns = splits.SplitColumns(
            rows=sum(map(len, parts)),
            groups=codes,
            unit=unit,
            labels=np.concatenate(labels) if labels else None,
            label_names=list(names),
            lengths=np.concatenate(lengths) if lengths else None,
        )
        return columns, np.concatenate(parts)

    def _check_parts(self, parts: npt.NDArray[np.int8], split: GivenSplit) -> None:
        for number, name in enumerate(splits.PARTS):
            if not (parts == number).any():
                files = ", ".join(getattr(split, name))
                raise UserError(
                    f"After cleaning, '{name}' has no rows of {files}. Raise "
                    "'cleaning.max_length', or correct the files."
                )

    # Splits --------------------------------------------------------------------------------------

    def shared_keys(self, column: str) -> tuple[Keys, npt.NDArray[np.int8]]:
        """Return the sorted keys that rows of several splits have, and the first of these splits.

        Args:
            column: of keys, of the prepared rows.
        """
        query = (
            f'WITH rows AS (SELECT "{column}" AS key, split FROM prepared JOIN placed USING (id)) '
            f"SELECT key, min(split) AS first FROM rows WHERE key IN (SELECT key FROM rows WHERE "
            f"split > {splits.TRAIN}) GROUP BY key HAVING min(split) <> max(split) ORDER BY key"
        )
        table = self._database.sql(query).to_arrow_table()
        return table["key"].to_numpy(), table["first"].to_numpy()

    def batches(self, part: int, columns: Iterable[str]) -> Iterator[pa.Table]:
        """Yield the rows of a part in their order, as many in each batch as in a row group."""
        names, rows = ", ".join(f'"{column}"' for column in columns), self._group_rows()
        query = (
            f"SELECT {names} FROM prepared JOIN placed USING (id) WHERE split = {part} "
            "ORDER BY position"
        )
        # A cursor of its own: others may ask while this one is read.
        yield from _in_groups(self._database.cursor().sql(query).to_arrow_reader(), rows)

    def _group_rows(self) -> int:
        """Return the number of rows of a row group, by the average length of the texts."""
        lengths = " + ".join(f'sum("length {column}")' for column in self._schema.text_columns)
        query = f"SELECT count(*), {lengths} FROM prepared JOIN placed USING (id)"
        ((rows, characters),) = self._database.sql(query).fetchall()
        return int(max(1, min(GROUP_ROWS, GROUP_CHARACTERS * rows // max(1, characters))))

    # Dropped rows --------------------------------------------------------------------------------

    def dropped_rows(self, partition: Partition) -> tuple[Keys, npt.NDArray[np.int8]]:
        """Return the indices of the raw rows that are dropped, and the reasons, in order."""
        reasons, origin = self._read(partition, "reason"), self._read(partition, "origin")
        ids, codes = self._repeated(partition)
        reasons = reasons.copy()
        reasons[ids] = codes
        (rows,) = np.nonzero(reasons != USED)
        return origin[rows], reasons[rows]

    # Shared functions ----------------------------------------------------------------------------

    def _used_rows(self, partition: Partition) -> Flags:
        used: Flags = self._read(partition, "reason") == USED
        used[self._repeated(partition)[0]] = False
        return used

    def _used_ids(self, partition: Partition) -> Keys:
        return self._read(partition, "id")[self._used_rows(partition)]

    def _repeated(self, partition: Partition) -> tuple[Keys, npt.NDArray[np.int8]]:
        """Return the indices of the repeated rows of a partition, and their reasons."""
        first = partition.number << ID_BITS
        query = (
            f"SELECT id - {first} AS row, reason FROM repeated WHERE id >= {first} "
            f"AND id < {first + (1 << ID_BITS)}"
        )
        table = self._database.sql(query).to_arrow_table()
        return table["row"].to_numpy(), table["reason"].to_numpy()

    def _read(self, partition: Partition, column: str) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = read_table(partition.prepared, [column])[0].to_numpy()
        return values

    def _keys(self, query: str) -> Keys:
        keys: Keys = self._database.sql(query).to_arrow_table()[0].to_numpy()
        return keys

    def _create_view(self, name: str, files: Sequence[str]) -> None:
        # Relative to the project's root, no path has a character that DuckDB takes for a pattern.
        relative = (os.path.relpath(file).replace("'", "''") for file in files)
        listed = ", ".join(f"'{file}'" for file in relative)
        self._database.execute(
            f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], "
            "hive_partitioning = false)"
        )

    def _insert(self, name: str, table: pa.Table) -> None:
        self._database.register("inserted", table)
        self._database.execute(f"INSERT INTO {name} SELECT * FROM inserted")
        self._database.unregister("inserted")


def find(keys: npt.NDArray[Any], sorted_keys: Keys) -> npt.NDArray[np.intp]:
    """Return the index of each key in sorted keys, or -1, (rows,)."""
    if not len(sorted_keys):
        return np.full(len(keys), -1)
    places = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.where(sorted_keys[places] == keys, places, -1)


def _in_groups(reader: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Yield tables of exactly `rows` rows, but the last."""
    waiting: list[pa.RecordBatch] = []
    for batch in reader:
        waiting.append(batch)
        while sum(map(len, waiting)) >= rows:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, rows)
            waiting = table.slice(rows).to_batches()
    if waiting:
        yield pa.Table.from_batches(waiting)
