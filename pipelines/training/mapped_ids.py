"""Ids in memory-mapped files, so that the memory of a training does not depend on its corpus.

The rows of a split are written to an Arrow file while they are encoded, and read as views of that
file: the operating system keeps as much of it in memory as is free. The file has no name, so that
its space is free again when the training ends, whatever ends it.

Shapes: N rows, K columns, T ids of a row.
"""

from __future__ import annotations

import mmap
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ids = npt.NDArray[np.int32]
Row = Sequence[Ids]  # K sequences, (T,) each

CHUNK_ROWS, CHUNK_IDS = 1 << 16, 1 << 20  # rows and ids in memory while a file is written


class MappedStream:
    """The ids of all rows of a column, one after the other; a slice is an array.

    Args:
        chunks: consecutive parts of the stream.
    """

    def __init__(self, chunks: Sequence[Ids]) -> None:
        self._chunks, self._starts = chunks, _starts(chunks)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, places: slice) -> Ids:
        start, end, _ = places.indices(len(self))
        parts = [np.empty(0, np.int32)]
        while start < end:
            number = bisect_right(self._starts, start) - 1
            first = self._starts[number]
            parts.append(self._chunks[number][start - first : end - first])
            start += len(parts[-1])
        return np.concatenate(parts)


class MappedRows:
    """Rows of K sequences of ids in a file.

    Args:
        chunks: ids and offsets of each column of each chunk of rows; the ids of row n of a chunk
            are those from its n-th offset to the next one.
    """

    def __init__(self, chunks: Sequence[Sequence[tuple[Ids, Ids]]]) -> None:
        self._chunks = chunks
        self._starts = _starts([chunk[0][1][1:] for chunk in chunks])
        self._id_starts = [
            _starts([ids for ids, _ in column]) for column in zip(*chunks, strict=True)
        ]

    def __len__(self) -> int:
        return self._starts[-1]

    def read(self, index: int, column: int) -> Ids:
        """Return a sequence of a row, (T,)."""
        number, row = self._find(index)
        ids, offsets = self._chunks[number][column]
        return ids[offsets[row] : offsets[row + 1]]

    def place(self, index: int, column: int) -> int:
        """Return the place of the first id of a row in the stream of a column."""
        number, row = self._find(index)
        return self._id_starts[column][number] + int(self._chunks[number][column][1][row])

    def stream(self, column: int) -> MappedStream:
        """Return a column as one stream."""
        return MappedStream([chunk[column][0] for chunk in self._chunks])

    def lengths(self, columns: int) -> Ids:
        """Return the lengths of the first columns of all rows, (N, columns)."""
        lengths = np.empty((len(self), columns), np.int32)
        for start, chunk in zip(self._starts, self._chunks, strict=False):
            for column, (_, offsets) in enumerate(chunk[:columns]):
                lengths[start : start + len(offsets) - 1, column] = np.diff(offsets)
        return lengths

    def _find(self, index: int) -> tuple[int, int]:
        """Return the number of a row's chunk, and the row's place in it."""
        number = bisect_right(self._starts, index) - 1
        return number, index - self._starts[number]


def write_rows(rows: Iterable[Row], columns: int, folder: Path | None = None) -> MappedRows:
    """Write rows to a file without a name, and return them as views of it.

    Args:
        rows: K sequences each.
        columns: K.
        folder: where the file takes its space; the system's folder of temporary files by default.

    Raises:
        OSError: the disk is full, for instance.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            _write(rows, columns, file)
        except OSError as error:  # the file has no name to be shown
            place = str(folder or tempfile.gettempdir())
            raise OSError(error.errno, error.strerror, place) from None
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    reader = pa.ipc.open_file(pa.py_buffer(mapping))
    batches = map(reader.get_batch, range(reader.num_record_batches))
    return MappedRows([[_views(column) for column in batch.columns] for batch in batches])


def _write(rows: Iterable[Row], columns: int, file: IO[bytes]) -> None:
    schema = pa.schema([(str(column), pa.list_(pa.int32())) for column in range(columns)])
    with pa.ipc.new_file(file, schema) as writer:
        for chunk in _chunks(rows):
            lists = [_to_arrow(sequences) for sequences in zip(*chunk, strict=True)]
            writer.write_batch(pa.record_batch(lists, schema))
    file.flush()


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    ids = 0
    for row in rows:
        chunk.append(row)
        ids += sum(map(len, row))
        if len(chunk) == CHUNK_ROWS or ids >= CHUNK_IDS:
            yield chunk
            chunk, ids = [], 0
    if chunk:
        yield chunk


def _to_arrow(sequences: Sequence[Ids]) -> pa.ListArray:
    offsets = np.array(_starts(sequences), np.int32)
    return pa.ListArray.from_arrays(offsets, np.concatenate(sequences).astype(np.int32, copy=False))


def _views(column: pa.ListArray) -> tuple[Ids, Ids]:
    return column.values.to_numpy(), column.offsets.to_numpy()


def _starts(parts: Iterable[Ids]) -> list[int]:
    """Return where each part begins among all of them, and where the last one ends."""
    return list(accumulate(map(len, parts), initial=0))
