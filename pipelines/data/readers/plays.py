"""Plays in Markdown: one document per file, one row per speech."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pipelines.data.readers.base import CorpusReader, Row, read_text
from pipelines.types import Task

# A heading's number signs, unescaped * and _ (only ever emphasis in these plays), and \ escapes.
_HEADING = re.compile(r"^#{1,6}[ ]+")
_MARKDOWN = re.compile(r"\\([^\w\s])|[*_]+")


class PlaysReader(CorpusReader):
    """Reader of plays in Markdown: one document per file, one row per speech."""

    format: Literal["plays"]
    tasks: ClassVar[tuple[Task, ...]] = ("language_modelling",)

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the blocks between empty lines, without Markdown: headings, directions, speeches.

        Each ends with its line end, so that joined rows have an empty line between them.
        """
        block: list[str] = []
        start = 1
        for number, line in enumerate([*read_text(file).split("\n"), ""], start=1):
            plain = _MARKDOWN.sub(r"\1", _HEADING.sub("", line)).strip()
            if plain:
                start = start if block else number
                block.append(plain)
            elif block:
                yield file.name, start, "\n".join(block) + "\n"
                block = []


READER = PlaysReader
