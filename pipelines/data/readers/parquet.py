"""Parquet files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Literal

from pipelines.data.readers import containers
from pipelines.data.readers.base import BadRow, CorpusReader, Row, check_columns
from pipelines.data.readers.text_files import brief
from pipelines.data.readers.typed_values import NoText, value_text
from pipelines.errors import UserError, suggest
from pipelines.types import TASKS, Task

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BATCH = 4096  # rows
MAGIC = b"PAR1"


class ParquetReader(CorpusReader):
    """Reader of Parquet; `columns` maps our column names to the file's.

    Numbers and truth values become their text, and lists of strings tokens joined by spaces.
    """

    format: Literal["parquet"]
    columns: dict[str, str]
    tasks: ClassVar[tuple[Task, ...]] = TASKS

    def check_task(self, task: Task, columns: Sequence[str]) -> None:
        """Check that `columns` names all columns of the task; see `CorpusReader.check_task`."""
        super().check_task(task, columns)
        check_columns(self.columns, columns)

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield the rows; `line` is the number of the row, from 1."""
        names = [self.columns[column] for column in columns]
        limit, size = containers.size_limit(file.stat().st_size), 0
        with _opened(file) as stream:
            for number, values in enumerate(_rows(file, stream, names), start=1):
                try:
                    texts = [_text(value, name) for value, name in zip(values, names, strict=True)]
                except NoText as error:
                    yield BadRow(file.name, number, f"has {error}, where text must be", str(values))
                    continue
                size += sum(map(len, texts)) + 1
                if size > limit:
                    raise containers.too_large(file, limit)
                yield file.name, number, *texts


def _text(value: Any, name: str) -> str:
    try:
        return value_text(value)
    except NoText as error:
        raise NoText(f"{error} in '{name}'") from None


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """Open the file, or its unpacked content on the disk: Parquet is read from its end."""
    with file.open("rb") as stream:
        if containers.packing(stream.read(containers.HEAD)) is None:
            yield stream
            return
    with tempfile.TemporaryFile() as unpacked:
        for chunk in containers.unpack(file, text=False):
            unpacked.write(chunk)
        yield unpacked


def _rows(file: Path, stream: BinaryIO, names: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Yield the values of the named columns, row by row.

    Raises:
        UserError: it is no Parquet file, or has no such column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(stream, buffer_size=containers.CHUNK, pre_buffer=False)
        schema, used = table.schema_arrow, list(dict.fromkeys(names))
        for name in used:
            _check_column(file, schema, name)
        unpacked = sum(_unpacked(table, names))
        limit = containers.size_limit(file.stat().st_size)
        if unpacked > limit:
            raise containers.too_large(file, limit)
        for batch in table.iter_batches(BATCH, columns=used, use_threads=False):
            columns = {name: _values_of(batch.column(name)) for name in used}
            yield from zip(*(columns[name] for name in names), strict=True)
    except (pa.ArrowException, *containers.DAMAGE) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise UserError(
            f"{file} is not a valid Parquet file: {reason}. Copy it again, or correct "
            "'reader.format'."
        ) from None


def _check_column(file: Path, schema: Any, name: str) -> None:
    count = schema.names.count(name)
    if not count:
        raise UserError(
            f"{file.name} has no column '{name}'{suggest(name, map(brief, schema.names[:50]))}."
        )
    if count > 1:
        raise UserError(f"{file.name} has {count} columns '{name}': rename all but one.")


def _unpacked(table: pq.ParquetFile, names: Sequence[str]) -> Iterator[int]:
    """Yield the sizes of the chunks of the columns, without their compression."""
    metadata = table.metadata
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            if column.path_in_schema.split(".")[0] in names:
                yield column.total_uncompressed_size


def _values_of(column: Any) -> list[Any]:
    """Return the values of a column; bytes are text, which Arrow does not check."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(pa.large_binary()).to_pylist()
    return [
        value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
        for value in values
    ]


READER = ParquetReader
