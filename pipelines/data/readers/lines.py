"""Plain text: one document per file, one row per line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pipelines.data.readers.base import BadRow, Row, TextReader
from pipelines.data.readers.text_files import MAX_LINE
from pipelines.types import Task


class LinesReader(TextReader):
    """Reader of plain text: one document per file, one row per line."""

    format: Literal["lines"]
    tasks: ClassVar[tuple[Task, ...]] = ("language_modelling",)

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield the lines; an empty one adds a line end to the row before, so no character is lost.

        Empty lines at the beginning are skipped.
        """
        name, row, start, ends = file.name, "", 0, 0
        for number, line in enumerate(self.lines(file), start=1):
            if not line or line.isspace():
                ends += 1
                continue
            if start:
                yield name, start, row + "\n" * min(ends, MAX_LINE)
            row, start, ends = line, number, 0
        yield name, start, row + "\n" * min(ends, MAX_LINE)


READER = LinesReader
