"""Frames as Parquet files, whose bytes depend on the content only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import files
from pipelines.errors import UserError

BATCH_ROWS = 1024  # rows of a split in memory


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist. Run `seqproof run` for the stage that writes it."
        ) from None
    except (OSError, pa.ArrowException):
        raise UserError(
            f"{path} is not a valid Parquet file. Delete it and run `seqproof run` for its stage."
        ) from None


def read_parquet(path: Path) -> pd.DataFrame:
    """Return the frame in a Parquet file.

    Raises:
        UserError: the file is missing or damaged.
    """
    with open_parquet(path) as file:
        frame: pd.DataFrame = file.read().to_pandas()
    return frame


class Split:
    """A prepared split that stays on the disk: of its columns only some rows are in memory.

    Args:
        path: a Parquet file.

    Attributes:
        columns: the names of its columns.

    Raises:
        UserError: the file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        with open_parquet(path) as file:
            self._path, self._rows = path, int(file.metadata.num_rows)
            self.columns = tuple(file.schema_arrow.names)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, column: str) -> SplitColumn:
        return SplitColumn(self._path, column)


class SplitColumn:
    """The texts of a column of a split, which are read again whenever they are iterated."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    def __iter__(self) -> Iterator[str]:
        with open_parquet(self._path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=[self._name]):
                yield from batch.column(0).to_pylist()


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return columns of a Parquet file, or all; see `read_parquet`."""
    with open_parquet(path) as file:
        return file.read(columns)


def read_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield columns of a Parquet file, row group by row group; see `read_parquet`."""
    with open_parquet(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=list(columns))


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame atomically, without its index."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with files.atomic_write(path) as temporary, FrameWriter(temporary, table.schema) as writer:
        writer.write(table)


class FrameWriter(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
    """Writer of a frame, a row group at a time.

    Without the stored schema the file does not depend on the versions of pandas and Arrow.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        super().__init__(path, schema, compression="zstd", store_schema=False)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a temporary table whole or not at all, even if two workers write it at once."""
    handle, temporary = tempfile.mkstemp(".tmp", dir=path.parent)
    os.close(handle)
    pq.write_table(table, temporary, compression="lz4")
    Path(temporary).replace(path)
