"""Plain text: one document per file, one row per line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pipelines.data.readers.base import CorpusReader, Row, read_text
from pipelines.types import Task


class LinesReader(CorpusReader):
    """Reader of plain text: one document per file, one row per line."""

    format: Literal["lines"]
    tasks: ClassVar[tuple[Task, ...]] = ("language_modelling",)

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the lines; an empty one adds a line end to the row before, so no character is lost.

        Empty lines at the beginning are skipped.
        """
        row: list[str] = []
        start = 1
        for number, line in enumerate(read_text(file).removesuffix("\n").split("\n"), start=1):
            if line.strip():
                if row:
                    yield file.name, start, "\n".join(row)
                row, start = [line], number
            elif row:
                row.append("")
        if row:
            yield file.name, start, "\n".join(row)


READER = LinesReader
