"""Numbers of tokens by token, for vocabularies of texts of any size.

Each process counts a part of the text. DuckDB, which only this module and `data/selection` import,
adds the counts up, on the disk where memory is short.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.config.params import Tokens

MEMORY = "200MB"  # of DuckDB; beyond, it uses the disk
BATCH = 1 << 16  # tokens that are read from DuckDB together


def count_tokens(texts: pa.Array, kind: Tokens) -> pa.Table:
    """Return the columns `token` and `count` of normalised texts; words stand for sub-words."""
    if kind == "characters":
        codes = np.frombuffer("".join(texts.to_pylist()).encode("utf-32-le"), np.uint32)
        numbers = np.bincount(codes)
        (present,) = np.nonzero(numbers)
        tokens = pa.array([chr(code) for code in present], pa.string())
        return pa.table({"token": tokens, "count": pa.array(numbers[present], pa.int64())})
    words = pc.list_flatten(pc.split_pattern(texts, " "))
    counted = pc.value_counts(words)
    table = pa.table({"token": counted.field("values"), "count": counted.field("counts")})
    return table.filter(pc.not_equal(table["token"], ""))  # of an empty text


@dataclass(frozen=True)
class TokenCounts:
    """Numbers of the tokens of some columns of a text.

    Attributes:
        database: with the table `counts` of column_name, token and count.
        columns: whose counts are added up.
        rows: number of texts in these columns.
    """

    database: duckdb.DuckDBPyConnection
    columns: Sequence[str]
    rows: int

    @property
    def total(self) -> int:
        """Number of tokens."""
        query = f"SELECT coalesce(sum(count), 0)::BIGINT FROM {self._table}"
        return int(self.database.sql(query).fetchall()[0][0])

    def most_frequent(self, size: int, min_count: int = 0) -> Iterator[tuple[str, int]]:
        """Yield at most `size` tokens and their numbers.

        They are in order of decreasing number, then of code points.
        """
        yield from self._pairs(
            f"SELECT token, count FROM {self._table} WHERE count >= {min_count} "
            f"ORDER BY count DESC, token LIMIT {size}"
        )

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield all tokens and their numbers, in no certain order."""
        yield from self._pairs(f"SELECT token, count FROM {self._table}")

    def of(self, tokens: Sequence[str]) -> list[int]:
        """Return the number of each token; 0 for one that does not occur."""
        places = pa.table({"place": range(len(tokens)), "token": pa.array(tokens, pa.string())})
        self.database.register("wanted", places)
        query = (
            f"SELECT coalesce(count, 0) FROM wanted LEFT JOIN {self._table} USING (token) "
            "ORDER BY place"
        )
        numbers: list[int] = self.database.sql(query).to_arrow_table()[0].to_pylist()
        self.database.unregister("wanted")
        return numbers

    @property
    def _table(self) -> str:
        columns = ", ".join(f"'{column}'" for column in self.columns)
        return (
            "(SELECT token, sum(count)::BIGINT AS count FROM counts "
            f"WHERE column_name IN ({columns}) GROUP BY token)"
        )

    def _pairs(self, query: str) -> Iterator[tuple[str, int]]:
        # A cursor of its own: others may ask while this one is read.
        for batch in self.database.cursor().sql(query).to_arrow_reader(BATCH):
            yield from zip(batch["token"].to_pylist(), batch["count"].to_pylist(), strict=True)


@dataclass(frozen=True)
class CountedText:
    """Text of any size, and the numbers of its tokens.

    Attributes:
        database: with the table `counts`; see `TokenCounts`.
        rows: number of texts in each column.
        texts: function that yields the texts of a column, from the first one on.
        labels: sorted labels.
    """

    database: duckdb.DuckDBPyConnection
    rows: int
    texts: Callable[[str], Iterator[str]]
    labels: tuple[str, ...] = ()

    def counts(self, columns: Sequence[str]) -> TokenCounts:
        """Return the numbers of the tokens of some columns together."""
        return TokenCounts(self.database, columns, self.rows * len(columns))


def count_in_memory(texts: Mapping[str, Sequence[str]], kind: Tokens) -> CountedText:
    """Return texts in memory, by column, with the numbers of their tokens."""
    database = duckdb.connect()
    database.execute("CREATE TABLE counts (column_name VARCHAR, token VARCHAR, count BIGINT)")
    for column, values in texts.items():
        database.register("counted", count_tokens(pa.array(values, pa.string()), kind))
        database.execute("INSERT INTO counts SELECT ?, token, count FROM counted", [column])
    rows = len(next(iter(texts.values())))
    return CountedText(database, rows, lambda column: iter(texts[column]))


def add_counts(files: Sequence[Path], folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a database with the table `counts`, the sums of the counts in files.

    Args:
        files: Parquet files with the columns `column_name`, `token` and `count`.
        folder: for the database, and for what does not fit into memory.
    """
    config = {"memory_limit": MEMORY, "temp_directory": str(folder / "spilled")}
    database = duckdb.connect(folder / "counts.duckdb", config=config)
    # Relative to the project's root, no path has a character that DuckDB takes for a pattern.
    listed = [os.path.relpath(file) for file in files]
    database.execute(
        "CREATE TABLE counts AS SELECT column_name, token, sum(count)::BIGINT AS count "
        "FROM read_parquet(?, hive_partitioning = false) GROUP BY column_name, token",
        [listed],
    )
    return database
