"""Cells of separated values, whose quotes may be part of the text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Literal

from pipelines.data.readers.text_files import MAX_LINE

Quoting = Literal["standard", "none"]
QUOTE = '"'
MAX_LINES = 100_000  # of a quoted cell
HINT = "set 'reader.quoting: none' if quotes are part of the text"


class BadCells(Exception):
    """Line that starts no valid row.

    Args:
        reason: predicate of a sentence.
    """


class Separated:
    """Rows of separated values: their cells, or the reason why a line starts no row.

    Quotes work as in RFC 4180: a quoted cell may hold separators, line ends and doubled quotes. A
    quote that is part of the text may open a cell that ends in a much later row. So a row over
    several lines is refused if these lines look like rows of their own, and the lines after its
    first one are read again.

    Args:
        lines: of the file, without their ends.
        separator: between cells.
        quoting: `none` if quotes are part of the text, `standard` to trust them even where they
            look wrong, or None.
    """

    def __init__(self, lines: Iterator[str], separator: str, quoting: Quoting | None) -> None:
        self._lines = lines
        self._separator = separator
        self._quoting = quoting
        self._waiting: list[str] = []  # lines to read again, the next one last
        self._trusted = quoting == "standard"
        self._line: list[str] = []  # the line that the parser of single lines reads
        self._parser = csv.reader(iter(self._line.pop, None), delimiter=separator, strict=True)
        # A setting of the module csv: the default of 131,072 refuses long documents.
        csv.field_size_limit(MAX_LINE)

    def __iter__(self) -> Iterator[tuple[int, str, list[str] | str]]:
        """Yield the number of a row's first line, this line, and the cells, or a reason instead.

        Lines without text and separators are skipped.
        """
        separator, number, width = self._separator, 0, 0
        quotes = self._quoting != "none"
        while (line := self._next_line()) is not None:
            number += 1
            if not quotes or QUOTE not in line:
                cells = line.split(separator)
                if len(cells) > 1 or line.strip():
                    width = width or len(cells)
                    yield number, line, cells
                continue
            try:
                cells, count = self._quoted(line, width)
            except BadCells as error:
                yield number, line, str(error)
                continue
            width = width or len(cells)
            yield number, line, cells
            number += count - 1

    def _next_line(self) -> str | None:
        return self._waiting.pop() if self._waiting else next(self._lines, None)

    def _quoted(self, line: str, width: int) -> tuple[list[str], int]:
        """Return the cells of a row with quotes, and the number of its lines.

        Raises:
            BadCells: the quotes are wrong.
        """
        self._line.append(line)
        try:
            cells = next(self._parser)
        except csv.Error as error:
            raise BadCells(self._wrong(f"{error}")) from None
        except IndexError:  # the line ends in a quoted cell
            return self._over_lines(line, width)
        if len(cells) == width and line.count(self._separator) >= width:
            self._trusted = True  # a quoted separator: this file does quote
        return cells, 1

    def _over_lines(self, line: str, width: int) -> tuple[list[str], int]:
        """Return the cells of a row over several lines; see `_quoted`."""
        taken: list[str] = []

        def feed() -> Iterator[str]:
            following: str | None = line
            while following is not None:
                if len(taken) == MAX_LINES:
                    raise csv.Error
                taken.append(following)
                yield f"{following}\n"
                following = self._next_line()

        try:
            cells = next(csv.reader(feed(), delimiter=self._separator, strict=True))
            if self._looks_wrong(taken, cells, width):
                raise BadCells(
                    self._wrong(
                        f"its quoted cell runs over {len(taken):,} lines that look like rows"
                    )
                    + ", or 'standard' if the cell is right"
                )
        except (csv.Error, BadCells) as error:
            self._waiting += reversed(taken[1:])
            if isinstance(error, BadCells):
                raise
            raise BadCells(self._wrong("a quoted cell has no valid end")) from None
        return cells, len(taken)

    def _looks_wrong(self, lines: list[str], cells: list[str], width: int) -> bool:
        """Return True if a cell over several lines seems to have swallowed rows."""
        if self._trusted or sum(line.count(QUOTE) for line in lines) > 2:
            return False  # doubled quotes, or several quoted cells: this file does quote
        if not any("\n" in cell and self._separator in cell for cell in cells):
            return False
        rows = sum(line.count(self._separator) == width - 1 for line in lines)
        return self._separator == "\t" or rows >= 0.9 * len(lines)

    def _wrong(self, problem: str) -> str:
        return f"is not a valid table row: {problem}; {HINT}"
