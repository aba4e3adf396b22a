"""Tagged tokens in columns: one token per line, an empty line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import BadRow, Row, TextReader, check_columns
from pipelines.data.readers.text_files import MAX_LINE
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
        tokens: list[list[str]] = []  # of a sentence, the cells of each column of the task
        reason, text, start, size = "", "", 0, 0
        for number, line in enumerate(self.lines(file), start=1):
            if self.comment and line.startswith(self.comment):
                continue
            if line and not line.isspace():
                start = start or number
                cells = line.split(self.separator)
                if len(cells) < needed:
                    reason = reason or _too_few(number, len(cells), needed)
                    text = text or line
                elif not _is_no_word(cells):
                    token = [cells[place] for place in places]
                    if not reason and any(len(cell.split()) != 1 for cell in token):
                        reason, text = _bad_cell(number, token), line
                    tokens.append(token)
                size += len(line) + 1
                if size > MAX_LINE:
                    raise UserError(
                        f"{file.name}:{start} begins a sentence of more than {MAX_LINE:,} "
                        "characters: an empty line must end each sentence."
                    )
            elif start:
                yield from _sentence(file.name, start, tokens, reason, text)
                tokens, reason, text, start, size = [], "", "", 0, 0
        if start:
            yield from _sentence(file.name, start, tokens, reason, text)


def _too_few(number: int, count: int, needed: int) -> str:
    """Return the reason of a sentence with a line of too few columns."""
    columns = f"{count} column{'s' if count > 1 else ''}"
    return (
        f"is no sentence: line {number} has {columns}, and 'reader.columns' needs {needed}; "
        "correct the line, or 'reader.separator'"
    )


def _bad_cell(number: int, token: Sequence[str]) -> str:
    """Return the reason of a sentence with a token or tag that is empty or has white space."""
    cell = next(cell for cell in token if len(cell.split()) != 1)
    problem = f"has white space in '{cell[:50]}'" if cell.strip() else "has an empty column"
    return f"is no sentence: line {number} {problem}; a token and its tag have none"


def _sentence(
    document: str, start: int, tokens: list[list[str]], reason: str, text: str
) -> Iterator[Row | BadRow]:
    """Yield the row of a sentence, or nothing for the mark between two documents."""
    if reason:
        yield BadRow(document, start, reason, text)
    elif tokens and tokens[0][0] != DOCUMENT_START:
        yield document, start, *(" ".join(column) for column in zip(*tokens, strict=True))


def _is_no_word(cells: Sequence[str]) -> bool:
    """Return True for a line of CoNLL-U that is not a word of the sentence."""
    return len(cells) == _CONLL_U and _NO_WORD.fullmatch(cells[0]) is not None


READER = ConllReader
