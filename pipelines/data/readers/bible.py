"""Aligned verses of the Bibles in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import BadRow, CorpusReader, Row
from pipelines.data.readers.text_files import MAX_LINE, brief
from pipelines.errors import UserError
from pipelines.types import Name, Task

QUERY = """
SELECT bNumber, cNumber, vNumber, vText FROM bible WHERE bbName = ?
ORDER BY bNumber, cNumber, vNumber
"""
Place = tuple[int, ...]  # book, chapter and verse
Cursor = Iterator[tuple[Any, ...]]


class BibleReader(CorpusReader):
    """Reader of aligned verses of Bibles, which the file calls by letters.

    `source` is the letter of the source Bible; `targets` maps each target language to the letter of
    its Bible. With several languages every source begins with the word `2<language>`, so that one
    model serves them all (Johnson et al. 2017, section 3).
    """

    format: Literal["bible"]
    source: str
    targets: Annotated[dict[Name, str], Field(min_length=1)]
    tasks: ClassVar[tuple[Task, ...]] = ("translation",)

    @property
    def groups(self) -> Mapping[str, str]:
        """The target languages, if there are several, and the words that mark them."""
        several = len(self.targets) > 1
        return {language: f"2{language}" for language in self.targets} if several else {}

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield the verses that both Bibles have, in the order of the source's chapters.

        `line` is the number of the verse: its rows, one per target language, share it.
        """
        letters = {f"targets.{language}": letter for language, letter in self.targets.items()}
        address = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(address, uri=True)) as database:
                database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_LINE)
                # Damaged bytes become lone surrogates, which `read` reports with their verse.
                database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
                _check_letters(database, file, {"source": self.source} | letters)
                yield from self._verses(database, file.name)
        except (sqlite3.Error, UnicodeDecodeError, MemoryError) as error:
            # SQLite quotes damaged bytes, or asks for as much memory as they say.
            reason = brief(str(error)).rstrip(".") or "it is damaged"
            raise UserError(f"{file} is not a database of Bibles: {reason}.") from None

    def _verses(self, database: sqlite3.Connection, name: str) -> Iterator[Row | BadRow]:
        targets = {
            language: _Verses(database.execute(QUERY, (letter,)))
            for language, letter in self.targets.items()
        }
        number = 0
        for *cells, source in database.execute(QUERY, (self.source,)):
            number += 1
            place = _place(cells)
            if place is None or not _is_verse(source):
                reason = f"of Bible '{self.source}' is no verse: {_cells(cells, source)}"
                yield BadRow(name, number, reason, str(source))
                continue
            for language, verses in targets.items():
                target = verses.at(place)
                if not _is_verse(target):
                    reason = f"of Bible '{self.targets[language]}' is no verse: "
                    yield BadRow(name, number, reason + _cells(cells, target), str(target))
                elif (source or "").strip() and (target or "").strip():
                    mark = f"{self.groups[language]} " if self.groups else ""
                    yield name, number, mark + source, target


class _Verses:
    """Verses of a Bible in the order of their places, which must be asked for in that order."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._place: Place = ()
        self._text: Any = None

    def at(self, place: Place) -> Any:
        """Return the text of the verse at a place, or None."""
        while self._place < place:
            cells = next(self._cursor, None)
            if cells is None:
                return None
            # A place without numbers, which the source cannot have, is skipped.
            self._place, self._text = _place(cells[:3]) or (), cells[3]
        return self._text if self._place == place else None


def _place(cells: Sequence[Any]) -> Place | None:
    return tuple(cells) if all(type(cell) is int for cell in cells) else None


def _is_verse(cell: Any) -> bool:
    """Return True for text, or for NULL, which is a missing verse."""
    return cell is None or isinstance(cell, str)


def _cells(cells: Sequence[Any], text: Any) -> str:
    """Describe the cells of a damaged verse."""
    place = " ".join(map(str, cells))
    kind = {bytes: "a BLOB", int: "an integer", float: "a number"}.get(type(text), "a text")
    return f"book, chapter and verse are {place}, and its text is {kind}"


def _check_letters(database: sqlite3.Connection, file: Path, letters: Mapping[str, str]) -> None:
    """Check that the database has a Bible of each letter, by the key of `reader` that names it."""
    rows = database.execute("SELECT DISTINCT bbName FROM bible")
    available = [brief(str(row[0])) for row in rows]
    for key, letter in letters.items():
        if letter not in available:
            raise UserError(
                f"'reader.{key}' is '{letter}', but {file.name} has no such Bible; known: "
                f"{', '.join(sorted(available))}."
            )


READER = BibleReader
