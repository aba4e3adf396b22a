"""Plays in Markdown: one document per file, one row per speech."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import ClassVar, Literal

from pipelines.data.readers.base import BadRow, Row, TextReader
from pipelines.data.readers.text_files import LINE_COST, MAX_LINE
from pipelines.errors import UserError
from pipelines.types import Task

# A heading's number signs, unescaped * and _ (only ever emphasis in these plays), and \ escapes.
_HEADING = re.compile(r"^#{1,6}[ ]+")
_MARKDOWN = re.compile(r"\\([^\w\s])|[*_]+")


class PlaysReader(TextReader):
    """Reader of plays in Markdown: one document per file, one row per speech."""

    format: Literal["plays"]
    tasks: ClassVar[tuple[Task, ...]] = ("language_modelling",)

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield the blocks between empty lines, without Markdown: headings, directions, speeches.

        Each ends with its line end, so that joined rows have an empty line between them.
        """
        block: list[str] = []
        start = size = 0
        for number, line in enumerate(chain(self.lines(file), [""]), start=1):
            plain = _MARKDOWN.sub(r"\1", _HEADING.sub("", line)).strip()
            if plain:
                start = start if block else number
                block.append(plain)
                size += len(plain) + LINE_COST
                if size > MAX_LINE:
                    raise UserError(
                        f"{file.name}:{start} begins more than {len(block) - 1:,} lines without an "
                        "empty line: correct 'reader.format'."
                    )
            elif block:
                yield file.name, start, "\n".join(block) + "\n"
                block, size = [], 0


READER = PlaysReader
