"""Tables: CSV, TSV and the like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import BadRow, Row, TextReader, check_columns
from pipelines.data.readers.separated import HINT, QUOTE, Quoting, Separated
from pipelines.data.readers.text_files import brief
from pipelines.errors import UserError, suggest
from pipelines.types import TASKS, Task


class TableReader(TextReader):
    """Reader of separated values; `columns` maps our column names to the file's.

    With `header: false` the file has no names, and `columns` has numbers from 1 instead.
    """

    format: Literal["table"]
    separator: Annotated[str, Field(pattern=r'^[^"\r\n\x00]$')]
    quoting: Quoting | None = None
    header: Literal[False] | None = None
    columns: dict[str, str | Annotated[int, Field(ge=1)]]
    tasks: ClassVar[tuple[Task, ...]] = TASKS

    def check_task(self, task: Task, columns: Sequence[str]) -> None:
        """Check that `columns` names all columns of the task; see `CorpusReader.check_task`."""
        super().check_task(task, columns)
        check_columns(self.columns, columns)
        for column, place in self.columns.items():
            if isinstance(place, int) != (self.header is False):
                kind = "number, from 1" if self.header is False else "name in the header"
                raise ValueError(
                    f"'reader.columns.{column}' is {place!r}, but must be the column's {kind}; "
                    "'header: false' is for files without names"
                )

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield rows; quoted cells may hold separators and line ends."""
        places: list[int] = []
        width = 0
        for number, line, cells in Separated(self.lines(file), self.separator, self.quoting):
            if isinstance(cells, str):
                if not places:
                    raise UserError(f"{file.name}:{number} {cells}.")
                yield BadRow(file.name, number, cells, line)
            elif not places:
                width = len(cells)
                places = [self._place(column, cells, f"{file.name}:{number}") for column in columns]
                if self.header is False:
                    yield file.name, number, *(cells[place] for place in places)
            elif len(cells) != width:
                yield BadRow(file.name, number, self._miscounted(cells, width, line), line)
            else:
                yield file.name, number, *(cells[place] for place in places)

    def _place(self, column: str, first: list[str], place: str) -> int:
        """Return the index of a column, by the first row of the file."""
        name = self.columns[column]
        if isinstance(name, int):
            if name > len(first):
                raise UserError(
                    f"{place} has {_cells(len(first))}, but 'reader.columns.{column}' is {name}."
                )
            return name - 1
        count = first.count(name)
        if count > 1:
            raise UserError(
                f"{place} has {count} columns '{name}': rename all but one, or use 'header: false' "
                "and the column's number."
            )
        if not count:
            hint = suggest(name, map(brief, first[:50]))
            if len(first) == 1:
                hint += "; correct 'reader.separator' if these are several"
            raise UserError(f"{place} has no column '{name}'{hint}.")
        return first.index(name)

    def _miscounted(self, cells: list[str], width: int, line: str) -> str:
        """Return the reason of a row with too many or too few cells."""
        other = "the header" if self.header is None else "the first row"
        reason = f"has {_cells(len(cells))}, but {other} has {width}: "
        if self.quoting == "none":
            return reason + "correct the row, or 'reader.separator'"
        reason += "quote cells that contain the separator"
        return f"{reason}, or {HINT}" if QUOTE in line else reason


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count > 1 else ''}"


READER = TableReader
