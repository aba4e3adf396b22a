"""Raw files -> a frame with named columns: document, line, and those of the task.

`document` is the name of a raw file and `line` the 1-based line in it, so that every complaint
about a row, however late, can say where it stands.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import html
import io
import re
import sqlite3
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from pipelines.errors import Refusal
from pipelines.params import (
    COLUMNS,
    BibleReader,
    LinesReader,
    ParallelReader,
    PlaysReader,
    RatingsReader,
    Reader,
    TableReader,
    Task,
)

Row = tuple[str | int, ...]  # document, line, and one text for each column of the task

# A heading's number signs, unescaped * and _ (only ever emphasis in these plays), and \ escapes.
_HEADING = re.compile(r"^#{1,6}[ ]+")
_MARKDOWN = re.compile(r"\\([^\w\s])|[*_]+")


def read(folder: Path, reader: Reader, task: Task, order: Sequence[str] = ()) -> pd.DataFrame:
    """The raw frame of a corpus.

    Args:
        folder: what `fetch` wrote.
        reader: how its files are written.
        task: says which columns come after `document` and `line`.
        order: names of the files in the order of `params.yaml`, where it gives one.

    Raises:
        Refusal: a file that is not what `reader` says; the sentence gives file and line.
    """
    files = _files(folder, order)
    match reader:
        case PlaysReader():
            rows = [row for file in files for row in _plays(file)]
        case RatingsReader():
            rows = [row for file in files for row in _ratings(file, reader.threshold)]
        case BibleReader():
            rows = [row for file in files for row in _verses(file, reader)]
        case LinesReader():
            rows = [row for file in files for row in _lines(file)]
        case TableReader():
            rows = [row for file in files for row in _table(file, reader, task)]
        case ParallelReader():
            rows = list(_parallel(files))
    if not rows:
        raise Refusal(f"{folder} holds no row that the reader '{reader.format}' could find.")
    frame = pd.DataFrame(rows, columns=["document", "line", *COLUMNS[task]])
    return frame.astype({"line": "int64"} | dict.fromkeys(("document", *COLUMNS[task]), "str"))


def _files(folder: Path, order: Sequence[str]) -> list[Path]:
    files = sorted(file for file in folder.glob("*") if file.is_file())
    if not files:
        raise Refusal(f"{folder} holds no file: run fetch first.")
    return sorted(files, key=lambda file: order.index(file.name) if file.name in order else -1)


# One reader after the other ---------------------------------------------------------------------


def _plays(file: Path) -> Iterator[Row]:
    """Blocks between empty lines, without their Markdown: a heading, a direction, a speech.

    Each ends with its line end, so that rows joined by line ends have an empty line between them.
    """
    block: list[str] = []
    first = 1
    for number, line in enumerate([*_decoded(file).split("\n"), ""], start=1):
        plain = _MARKDOWN.sub(r"\1", _HEADING.sub("", line)).strip()
        if plain:
            first = first if block else number
            block.append(plain)
        elif block:
            yield file.name, first, "\n".join(block) + "\n"
            block = []


def _ratings(file: Path, threshold: float) -> Iterator[Row]:
    """The four files of ground truth: id, mean rating from -4 to 4, text."""
    try:
        with tarfile.open(file) as archive:
            found = 0
            for member in sorted(archive, key=lambda member: member.name):
                name = PurePosixPath(member.name).name
                if not member.isfile() or not name.endswith("_GroundTruth.txt"):
                    continue
                stream = archive.extractfile(member)
                assert stream is not None  # only links and folders have none
                yield from _rated(name, _text(stream.read(), name), threshold)
                found += 1
    except (tarfile.TarError, OSError, EOFError):
        raise Refusal(f"{file} is no sound archive of rated sentences.") from None
    if not found:
        raise Refusal(f"{file} holds no file called *_GroundTruth.txt.")


def _rated(name: str, text: str, threshold: float) -> Iterator[Row]:
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        try:
            _, rating, sentence = line.split("\t")
            mean = float(rating)
        except ValueError:
            raise Refusal(f"{name}:{number} is not: id, tab, mean rating, tab, text.") from None
        label = "positive" if mean >= threshold else "negative" if mean <= -threshold else "neutral"
        # Some sentences were escaped twice: "&amp;#38;".
        yield name, number, html.unescape(html.unescape(sentence)), label


def _verses(file: Path, reader: BibleReader) -> Iterator[Row]:
    """Verses that both Bibles have, in the order of book, chapter and verse of the source."""
    address = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        database = sqlite3.connect(address, uri=True)
        try:
            letters = [row[0] for row in database.execute("SELECT DISTINCT bbName FROM bible")]
            for key, letter in (("source", reader.source), ("target", reader.target)):
                if letter not in letters:
                    known = ", ".join(sorted(letters))
                    raise Refusal(f"'{key}: {letter}' is no Bible of {file.name}; it has {known}.")
            rows = database.execute(_ALIGNED, (reader.target, reader.source)).fetchall()
        finally:
            database.close()
    except sqlite3.Error as error:
        raise Refusal(f"{file} is no database of Bibles: {error}.") from None
    for number, (source, target) in enumerate(rows, start=1):
        if source.strip() and target and target.strip():
            yield file.name, number, source, target


_ALIGNED = """
SELECT source.vText, target.vText
FROM bible AS source
LEFT JOIN bible AS target
  ON target.bbName = ? AND target.bNumber = source.bNumber
  AND target.cNumber = source.cNumber AND target.vNumber = source.vNumber
WHERE source.bbName = ?
ORDER BY source.bNumber, source.cNumber, source.vNumber
"""


def _lines(file: Path) -> Iterator[Row]:
    """Lines; empty ones are kept as line ends of the line before, so that no character is lost."""
    held: list[str] = []
    first = 1
    for number, line in enumerate(_decoded(file).removesuffix("\n").split("\n"), start=1):
        if line.strip():
            if held:
                yield file.name, first, "\n".join(held)
            held, first = [line], number
        elif held:
            held.append("")
    if held:
        yield file.name, first, "\n".join(held)


def _table(file: Path, reader: TableReader, task: Task) -> Iterator[Row]:
    """Rows as the module csv reads them: a quoted cell may hold separators and line ends."""
    rows = csv.reader(
        io.StringIO(_decoded(file), newline=""), delimiter=reader.separator, strict=True
    )
    theirs = {str(ours): name for ours, name in reader.columns.items()}
    names = [theirs[column] for column in COLUMNS[task]]
    line = 1
    try:
        header = next(rows)
        places = [_place(name, header, file.name) for name in names]
        line = rows.line_num + 1
        for cells in rows:
            if cells and len(cells) != len(header):
                raise Refusal(
                    f"{file.name}:{line} has {len(cells)} cells, and the header {len(header)}: "
                    "quote cells that hold the separator."
                )
            if cells:
                yield file.name, line, *(cells[place] for place in places)
            line = rows.line_num + 1
    except csv.Error as error:
        raise Refusal(f"{file.name}:{line} is no sound table row: {error}.") from None


def _place(name: str, header: list[str], file: str) -> int:
    """Where a column stands."""
    if name in header:
        return header.index(name)
    near = difflib.get_close_matches(name, header, n=1, cutoff=0.3)
    hint = f"; the nearest is '{near[0]}'" if near else ""
    raise Refusal(f"{file}:1 names no column '{name}'{hint}; it has {', '.join(header)}.")


def _parallel(files: Sequence[Path]) -> Iterator[Row]:
    """Aligned lines; `document` and `line` are the source's. Pairs of empty lines are left out."""
    if len(files) != 2:
        raise Refusal(f"The reader 'parallel' takes two files, and the corpus has {len(files)}.")
    sources, targets = (_decoded(file).removesuffix("\n").split("\n") for file in files)
    if len(sources) != len(targets):
        raise Refusal(
            f"{files[0].name} has {len(sources):,} lines and {files[1].name} {len(targets):,}: "
            "aligned files have as many lines as each other."
        )
    for number, (source, target) in enumerate(zip(sources, targets, strict=True), start=1):
        if source.strip() or target.strip():
            yield files[0].name, number, source, target


# Bytes -> text ----------------------------------------------------------------------------------


def _decoded(file: Path) -> str:
    data = file.read_bytes()
    if file.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise Refusal(f"{file} is no sound gzip file: {error}.") from None
    return _text(data, file.name)


def _text(data: bytes, name: str) -> str:
    """Decoded text with line ends \\n, without a byte order mark."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refusal(
            f"{name}:{line} is no UTF-8 text (byte 0x{data[error.start]:02x}): save it as UTF-8."
        ) from None
    if not text.strip():
        raise Refusal(f"{name} is empty.")
    return text.replace("\r\n", "\n").replace("\r", "\n")
