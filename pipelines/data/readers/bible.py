"""Aligned verses of the Bibles in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import CorpusReader, Row
from pipelines.errors import UserError
from pipelines.types import Name, Task

QUERY = """
SELECT bNumber, cNumber, vNumber, vText FROM bible WHERE bbName = ?
ORDER BY bNumber, cNumber, vNumber
"""
Verses = dict[tuple[int, ...], str]  # by book, chapter and verse


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

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the verses that both Bibles have, in the order of the source's chapters.

        `line` is the number of the verse: its rows, one per target language, share it.
        """
        letters = {f"targets.{language}": letter for language, letter in self.targets.items()}
        bibles = _bibles(file, {"source": self.source} | letters)
        for number, (place, source) in enumerate(bibles[self.source].items(), start=1):
            for language, letter in self.targets.items():
                target = bibles[letter].get(place, "")
                if source.strip() and target.strip():
                    mark = f"{self.groups[language]} " if self.groups else ""
                    yield file.name, number, mark + source, target


def _bibles(file: Path, letters: Mapping[str, str]) -> dict[str, Verses]:
    """Return the verses of each Bible, by its letter.

    Args:
        file: an SQLite database.
        letters: by the key of `reader` that names them.
    """
    address = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        database = sqlite3.connect(address, uri=True)
        try:
            available = [row[0] for row in database.execute("SELECT DISTINCT bbName FROM bible")]
            for key, letter in letters.items():
                if letter not in available:
                    raise UserError(
                        f"'reader.{key}' is '{letter}', but {file.name} has no such Bible; known: "
                        f"{', '.join(sorted(available))}."
                    )
            return {
                letter: {
                    tuple(place): text or "" for *place, text in database.execute(QUERY, (letter,))
                }
                for letter in letters.values()
            }
        finally:
            database.close()
    except sqlite3.Error as error:
        raise UserError(f"{file} is not a database of Bibles: {error}.") from None


READER = BibleReader
