"""Separator, quoting and header of a table, by DuckDB's sniffer.

DuckDB and not CleverCSV: the data stages need DuckDB anyway, and it sees whether the first row is a
header, too. Both recognised separators and quotes that are text alike; CleverCSV took six times
longer.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import duckdb

SUFFIXES = (".csv", ".tsv", ".tab", ".psv")
EMPTY = "(empty)"


class Dialect(NamedTuple):
    """Dialect of a table.

    Attributes:
        separator: between the cells.
        quoting: False if quotes are characters of the text.
        header: False if the first row is data, by the types of its cells.
        columns: number of columns.
    """

    separator: str
    quoting: bool
    header: bool
    columns: int


def sniff(sample: str, separator: str | None = None) -> Dialect | None:
    """Return the dialect of a table, or None if the lines have no common one.

    Args:
        sample: first lines of the table.
        separator: between the cells, if it is known.
    """
    options = f", delim = {_literal(separator)}" if separator else ""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        file = Path(folder) / "sample.csv"
        file.write_text(sample, encoding="utf-8", errors="replace", newline="")
        # Without the rows that do not fit, only if no dialect fits all rows.
        for more in ("", ", ignore_errors = true"):
            try:
                row = database.execute(
                    "SELECT Delimiter, Quote, HasHeader, len(Columns) "
                    f"FROM sniff_csv({_literal(str(file))}, sample_size = -1{options}{more})"
                ).fetchone()
            except duckdb.Error:
                continue
            if row is not None and row[3] > 1:
                quoting = row[1] != EMPTY or '"' not in sample
                return Dialect(row[0], quoting, row[2], row[3])
    return None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
