"""The formats that raw files are written in: of each file its rows, and where every row stands."""

from __future__ import annotations

import csv
import difflib
import gzip
import html
import io
import re
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipelines.config.params import COLUMNS, BibleReader, TableReader, Task
from pipelines.errors import UserError

Row = tuple[str | int, ...]  # document, line, and one text for each column of the task

# A heading's number signs, unescaped * and _ (only ever emphasis in these plays), and \ escapes.
_HEADING = re.compile(r"^#{1,6}[ ]+")
_MARKDOWN = re.compile(r"\\([^\w\s])|[*_]+")


def plays(file: Path) -> Iterator[Row]:
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


def ratings(file: Path, threshold: float) -> Iterator[Row]:
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
        raise UserError(f"{file} is no sound archive of rated sentences.") from None
    if not found:
        raise UserError(f"{file} holds no file called *_GroundTruth.txt.")


def _rated(name: str, text: str, threshold: float) -> Iterator[Row]:
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        try:
            _, rating, sentence = line.split("\t")
            mean = float(rating)
        except ValueError:
            raise UserError(f"{name}:{number} is not: id, tab, mean rating, tab, text.") from None
        label = "positive" if mean >= threshold else "negative" if mean <= -threshold else "neutral"
        # Some sentences were escaped twice: "&amp;#38;".
        yield name, number, html.unescape(html.unescape(sentence)), label


def verses(file: Path, reader: BibleReader) -> Iterator[Row]:
    """Verses that both Bibles have, in the order of book, chapter and verse of the source.

    `line` is the number of the verse: its rows, one for each target language, share it.
    """
    letters = {f"targets.{language}": letter for language, letter in reader.targets.items()}
    bibles = _bibles(file, {"source": reader.source} | letters)
    several = len(reader.targets) > 1
    for number, (place, source) in enumerate(bibles[reader.source].items(), start=1):
        for language, letter in reader.targets.items():
            target = bibles[letter].get(place, "")
            if source.strip() and target.strip():
                yield file.name, number, f"2{language} {source}" if several else source, target


def _bibles(file: Path, letters: Mapping[str, str]) -> dict[str, dict[tuple[int, ...], str]]:
    """By the letter of each Bible its verses, by book, chapter and verse."""
    address = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        database = sqlite3.connect(address, uri=True)
        try:
            known = [row[0] for row in database.execute("SELECT DISTINCT bbName FROM bible")]
            for key, letter in letters.items():
                if letter not in known:
                    listed = ", ".join(sorted(known))
                    raise UserError(
                        f"'{key}: {letter}' is no Bible of {file.name}; it has {listed}."
                    )
            return {
                letter: {
                    tuple(place): text or "" for *place, text in database.execute(_BIBLE, (letter,))
                }
                for letter in letters.values()
            }
        finally:
            database.close()
    except sqlite3.Error as error:
        raise UserError(f"{file} is no database of Bibles: {error}.") from None


_BIBLE = """
SELECT bNumber, cNumber, vNumber, vText FROM bible WHERE bbName = ?
ORDER BY bNumber, cNumber, vNumber
"""


def lines(file: Path) -> Iterator[Row]:
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


def table(file: Path, reader: TableReader, task: Task) -> Iterator[Row]:
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
                raise UserError(
                    f"{file.name}:{line} has {len(cells)} cells, and the header {len(header)}: "
                    "quote cells that hold the separator."
                )
            if cells:
                yield file.name, line, *(cells[place] for place in places)
            line = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"{file.name}:{line} is no sound table row: {error}.") from None


def _place(name: str, header: list[str], file: str) -> int:
    """Where a column stands."""
    if name in header:
        return header.index(name)
    near = difflib.get_close_matches(name, header, n=1, cutoff=0.3)
    hint = f"; the nearest is '{near[0]}'" if near else ""
    raise UserError(f"{file}:1 names no column '{name}'{hint}; it has {', '.join(header)}.")


def parallel(
    files: Sequence[Path], task: Task, labels: Mapping[str, str] | None = None
) -> Iterator[Row]:
    """Aligned lines, one file a column; `document` and `line` are those of the first.

    Rows that are empty in all files are left out.
    """
    columns = COLUMNS[task]
    if len(files) != len(columns):
        raise UserError(
            f"The reader 'parallel' takes two files, {' and '.join(columns)}, and here are "
            f"{len(files)}: {', '.join(file.name for file in files)}."
        )
    cells = [_decoded(file).removesuffix("\n").split("\n") for file in files]
    if len(cells[0]) != len(cells[1]):
        raise UserError(
            f"{files[0].name} has {len(cells[0]):,} lines and {files[1].name} {len(cells[1]):,}: "
            "aligned files have as many lines as each other."
        )
    for number, (first, second) in enumerate(zip(*cells, strict=True), start=1):
        if first.strip() or second.strip():
            if task == "classification":
                second = _called(second.strip(), labels, f"{files[1].name}:{number}")
            yield files[0].name, number, first, second


def _called(label: str, labels: Mapping[str, str] | None, where: str) -> str:
    """What a label is called."""
    if labels is None:
        return label
    if label not in labels:
        known = ", ".join(labels)
        raise UserError(f"{where} is '{label}', and 'reader.labels' names only {known}.")
    return labels[label]


# Bytes -> text ----------------------------------------------------------------------------------


def _decoded(file: Path) -> str:
    data = file.read_bytes()
    if file.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise UserError(f"{file} is no sound gzip file: {error}.") from None
    return _text(data, file.name)


def _text(data: bytes, name: str) -> str:
    """Decoded text with line ends \\n, without a byte order mark."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name}:{line} is no UTF-8 text (byte 0x{data[error.start]:02x}): save it as UTF-8."
        ) from None
    if not text.strip():
        raise UserError(f"{name} is empty.")
    return text.replace("\r\n", "\n").replace("\r", "\n")
