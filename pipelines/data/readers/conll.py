"""Tagged tokens in columns: one token per line, an empty line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import BadRow, Row, TextReader, check_columns
from pipelines.data.readers.text_files import LINE_COST, MAX_LINE, brief
from pipelines.errors import UserError
from pipelines.types import Task

Place = Annotated[int, Field(ge=-1000, le=1000)]
DOCUMENT_START = "-DOCSTART-"  # token between the documents of CoNLL-2003
# CoNLL-U: a token of several words (1-2), whose words follow, and an omitted word (8.1).
_NO_WORD = re.compile(r"\d+[-.]\d+")
_CONLL_U = 10  # columns


class ConllReader(TextReader):
    """Reader of tagged tokens, as in CoNLL-2003 and CoNLL-U.

    `columns` has the number of each column: from 1, or from -1 for the last one. Without
    `separator`, white space separates them. Lines that begin with `comment` are skipped, and so
    are `-DOCSTART-` and, with ten columns, the tokens of CoNLL-U that are no words.
    """

    format: Literal["conll"]
    columns: dict[str, Place]
    separator: Annotated[str, Field(pattern=r"^[^\r\n\x00]$")] | None = None
    comment: Annotated[str, Field(min_length=1)] | None = None
    tasks: ClassVar[tuple[Task, ...]] = ("tagging",)

    def check_task(self, task: Task, columns: Sequence[str]) -> None:
        """Check that `columns` numbers all columns of the task; see `CorpusReader.check_task`."""
        super().check_task(task, columns)
        check_columns(self.columns, columns)
        if 0 in self.columns.values():
            raise ValueError("'reader.columns' has the number 0: columns are numbered from 1")

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield one row per sentence: its tokens, and their tags, joined by spaces."""
        places = [place - (place > 0) for place in (self.columns[column] for column in columns)]
        needed = max(len(places), *(place + 1 if place >= 0 else -place for place in places))
        for numbers, lines in self._sentences(file):
            cells = [line.split(self.separator) for line in lines]
            short = next((row for row in cells if len(row) < needed), None)
            if short is not None:
                place = cells.index(short)
                reason = _too_few(numbers[place], len(short), needed)
                yield BadRow(file.name, numbers[0], reason, lines[place])
                continue
            words = [row for row in cells if len(row) != _CONLL_U or not _NO_WORD.fullmatch(row[0])]
            tokens = [[row[place] for row in words] for place in places]
            texts = [" ".join(column) for column in tokens]
            if any(text.split() != column for text, column in zip(texts, tokens, strict=True)):
                place, reason = _bad_cell(numbers, cells, places)
                yield BadRow(file.name, numbers[0], reason, lines[place])
            elif words and tokens[0][0] != DOCUMENT_START:
                yield file.name, numbers[0], *texts

    def _sentences(self, file: Path) -> Iterator[tuple[list[int], list[str]]]:
        """Yield the line numbers and the lines of each sentence."""
        numbers: list[int] = []
        lines: list[str] = []
        size = 0
        for number, line in enumerate(self.lines(file), start=1):
            if self.comment and line.startswith(self.comment):
                continue
            if line and not line.isspace():
                numbers.append(number)
                lines.append(line)
                size += len(line) + LINE_COST
                if size > MAX_LINE:
                    raise UserError(
                        f"{file.name}:{numbers[0]} begins a sentence of more than "
                        f"{len(lines) - 1:,} lines: an empty line must end each sentence."
                    )
            elif lines:
                yield numbers, lines
                numbers, lines, size = [], [], 0
        if lines:
            yield numbers, lines


def _too_few(number: int, count: int, needed: int) -> str:
    """Return the reason of a sentence with a line of too few columns."""
    columns = f"{count} column{'s' if count > 1 else ''}"
    return (
        f"is no sentence: line {number} has {columns}, and 'reader.columns' needs {needed}; "
        "correct the line, or 'reader.separator'"
    )


def _bad_cell(
    numbers: Sequence[int], rows: Sequence[Sequence[str]], places: Sequence[int]
) -> tuple[int, str]:
    """Return the index of the first line with a cell that is no token, and the reason."""
    index, cell = next(
        (index, row[place])
        for index, row in enumerate(rows)
        for place in places
        if row[place].split() != [row[place]]
    )
    problem = f"has white space in '{brief(cell)}'" if cell.strip() else "has an empty column"
    return index, f"is no sentence: line {numbers[index]} {problem}; a token and its tag have none"


READER = ConllReader
