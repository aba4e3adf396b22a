"""Tables with a header: CSV, TSV and the like."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import CorpusReader, Row, read_text
from pipelines.errors import UserError, suggest
from pipelines.types import TASKS, Task


class TableReader(CorpusReader):
    """Reader of separated values with a header; `columns` maps our column names to the file's."""

    format: Literal["table"]
    separator: Annotated[str, Field(min_length=1, max_length=1)]
    columns: dict[str, str]
    tasks: ClassVar[tuple[Task, ...]] = TASKS

    def check_task(self, task: Task, columns: Sequence[str]) -> None:
        """Check that `columns` names all columns of the task; see `CorpusReader.check_task`."""
        super().check_task(task, columns)
        if set(self.columns) != set(columns):
            raise ValueError(f"'reader.columns' must name {' and '.join(columns)}, and no others")

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row]:
        """Yield rows; quoted cells may hold separators and line ends, as in the module csv."""
        rows = csv.reader(
            io.StringIO(read_text(file), newline=""), delimiter=self.separator, strict=True
        )
        line = 1
        try:
            header = next(rows)
            places = [_place(self.columns[column], header, file.name) for column in columns]
            line = rows.line_num + 1
            for cells in rows:
                if cells and len(cells) != len(header):
                    raise UserError(
                        f"{file.name}:{line} has {len(cells)} cells, but the header has "
                        f"{len(header)}: quote cells that contain the separator."
                    )
                if cells:
                    yield file.name, line, *(cells[place] for place in places)
                line = rows.line_num + 1
        except csv.Error as error:
            raise UserError(f"{file.name}:{line} is not a valid table row: {error}.") from None


def _place(name: str, header: list[str], file: str) -> int:
    """Return the index of a column."""
    if name in header:
        return header.index(name)
    raise UserError(f"{file}:1 has no column '{name}'{suggest(name, header)}.")


READER = TableReader
