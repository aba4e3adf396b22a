"""Formats of files: the values of `reader`, recognised by what a file holds."""

from __future__ import annotations

import codecs
import json
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.data.readers import containers, text_files
from pipelines.data.readers.base import CorpusReader, Row
from pipelines.data.readers.lookup import find_readers
from pipelines.errors import UserError
from pipelines.proposals import tables
from pipelines.proposals.options import Options

SAMPLE = 1 << 22  # bytes that show the format
ROWS = 2000  # rows that show the columns
MAX_NAME = 60  # characters of the name of a column; a longer cell is a text
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
SENTENCE_ENDS = (".", "!", "\u3002", "\uff01")  # questions are names in surveys
PACKED = (".gz", ".xz", ".bz2", ".zst", ".zip")
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
TAG = re.compile(r"O|[BIES]-\S+")
PLAIN_NAMES = re.compile(r"\b(text|label|class|sentiment|source|target|category)\b", re.IGNORECASE)


class FileFormat(NamedTuple):
    """Format of a file.

    Attributes:
        reader: values of `reader` without its columns.
        columns: names of the columns, or their numbers; empty for running text.
        reason: how the format shows.
    """

    reader: Mapping[str, Any]
    columns: tuple[str | int, ...]
    reason: str

    @property
    def name(self) -> str:
        """Name of the format."""
        return str(self.reader["format"])


def recognise(file: Path, options: Options) -> FileFormat:
    """Return the format of a file.

    Args:
        file: plain or packed.
        options: values that need no recognition.

    Raises:
        UserError: the file is empty, damaged, or in a format without text.
    """
    with file.open("rb") as stream:
        if stream.read(4) == b"PAR1":
            return _parquet(file)
    encoding = options.encoding or encoding_of(file)
    lines = list(_first_lines(file, encoding))
    options = options._replace(encoding=encoding)
    form = _json_lines(lines)
    if form is None and suffix_of(file) in JSON_SUFFIXES:
        raise UserError(
            f"{file.name} has no JSON object in each line: write it so (with jq: `jq -c .`, or "
            "`jq -c '.[]'` for a list)."
        )
    if options.separator is None:
        form = form or _tagged_columns(file, lines)
    form = form or _table(file, lines, options)
    form = form or FileFormat({"format": "lines"}, (), "plain text, a row in each line")
    return form._replace(reader={**form.reader, **({"encoding": encoding} if encoding else {})})


def make_reader(tree: Mapping[str, Any]) -> CorpusReader:
    """Return the reader of some values of `reader`."""
    return find_readers()[tree["format"]].model_validate(tree)


def first_rows(
    reader: CorpusReader, files: Sequence[Path], columns: Sequence[str], count: int
) -> list[Row]:
    """Return the first rows that a reader can read."""
    rows = (row for row in reader.read(files, columns) if isinstance(row, tuple))
    return list(islice(rows, count))


def suffix_of(file: Path) -> str:
    """Return the suffix of the unpacked file."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    return next((suffix for suffix in reversed(suffixes) if suffix not in PACKED), "")


def encoding_of(file: Path) -> str | None:
    """Return the encoding of a file, or None for UTF-8.

    Raises:
        UserError: it cannot be recognised, or the file is damaged.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    head = True
    for chunk in containers.unpack(file):
        if head:
            mark = next((name for mark, name in MARKS.items() if chunk.startswith(mark)), None)
            if mark:
                return mark
        head = False
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            guess = text_files.guess_encoding(file)
            if guess is None:
                raise UserError(
                    f"{file.name} is not UTF-8, and its encoding cannot be recognised: set "
                    "--encoding."
                ) from None
            return guess
    return None


def _first_lines(file: Path, encoding: str | None) -> Iterator[str]:
    size = 0
    for line in text_files.read_lines(file, encoding):
        yield line
        size += len(line)
        if size > SAMPLE:
            return


def _parquet(file: Path) -> FileFormat:
    import pyarrow.parquet as pq

    try:
        names = tuple(pq.read_schema(file).names)
    except (OSError, ValueError) as error:
        raise UserError(f"{file.name} is not a valid Parquet file: {error}.") from None
    return FileFormat({"format": "parquet"}, names, "the file begins as Parquet does")


def _json_lines(lines: Sequence[str]) -> FileFormat | None:
    objects = []
    for line in lines[:100]:
        if not line.strip():
            continue
        if not line.lstrip().startswith("{"):
            return None
        try:
            objects.append(json.loads(line))
        except (ValueError, RecursionError):
            return None
    names = tuple(objects[0]) if objects else ()  # the reader wants all names in the first one
    return FileFormat({"format": "json_lines"}, names, "each line is a JSON object")


def _tagged_columns(file: Path, lines: Sequence[str]) -> FileFormat | None:
    """Recognise tokens with tags: a token in each line, blank lines between the sentences.

    Raises:
        UserError: there are tokens, but no IOB tags.
    """
    rows = [line.split() for line in lines[:5000] if not line.startswith(("#", "-DOCSTART-"))]
    rows = rows[:-1] if len(lines) > 5000 else rows
    tokens = [cells for cells in rows if cells]
    if len(tokens) < 2 or len(tokens) == len(rows):
        return None
    width = len(tokens[0])
    alike = [cells for cells in tokens if len(cells) == width]
    if width < 2 or len(alike) < 0.99 * len(tokens):
        return None
    for place in range(width, 1, -1):
        tags = [cells[place - 1] for cells in alike]
        if sum(bool(TAG.fullmatch(tag)) for tag in tags) >= 0.99 * len(tokens) and {*tags} != {"O"}:
            break
    else:
        blank = sum(not line.strip() for line in lines[:5000])
        if blank > 2 and all(
            line.count("\t") >= width - 1 for line in lines[:100] if _is_row(line)
        ):
            raise UserError(
                f"{file.name} has a token in each line, but no column with IOB tags (O, B-name and "
                "I-name), which taggers need: add them, or set --separator to read it as a table."
            )
        return None
    if other := next((tag for tag in tags if tag[:2] in ("E-", "S-")), None):
        raise UserError(
            f"{file.name} has the tag {other}, and taggers need IOB tags: write S- as B-, and E- "
            "as I-."
        )
    reader: dict[str, Any] = {"format": "conll", "columns": {"text": 1, "tags": place}}
    remarks = [line.split() for line in lines[:5000] if line.startswith("#")]
    if remarks and not any(len(row) == width and TAG.fullmatch(row[-1]) for row in remarks):
        reader["comment"] = "#"
    which = "the last" if place == width else f"number {place}"
    reason = f"{width} columns, {which} with IOB tags, and blank lines between sentences"
    return FileFormat(reader, (), reason)


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("#", "-DOCSTART-"))


def _table(file: Path, lines: Sequence[str], options: Options) -> FileFormat | None:
    suffix, separator = suffix_of(file), options.separator
    if separator is None and (
        suffix in (".tsv", ".tab") or all("\t" in line for line in lines[:50])
    ):
        separator = "\t"
    named = suffix in tables.SUFFIXES or PLAIN_NAMES.search(lines[0]) or separator
    if suffix == ".txt" and not named:
        return None
    dialect = tables.sniff("\n".join([*lines, ""]), separator)
    if dialect is None and suffix in tables.SUFFIXES:
        dialect = tables.Dialect("," if suffix == ".csv" else "\t", True, True, 1)
    if dialect is None or not (named or dialect.separator == "\t"):
        return None  # or commas of a text
    quoting = dialect.quoting if options.quoting is None else options.quoting != "none"
    reader: dict[str, Any] = {"format": "table", "separator": dialect.separator}
    if not quoting:
        reader["quoting"] = "none"
    places = tuple(range(1, dialect.columns + 1))
    names = [str(place) for place in places]
    columns = dict(zip(names, places, strict=True))
    values = {**reader, "header": False, "columns": columns, "encoding": options.encoding}
    headless = make_reader(values)
    rows = [row[2:] for row in first_rows(headless, [file], names, ROWS)]
    if not rows:
        raise UserError(
            f"{file.name} has no row that can be read as a table: correct it, or set --separator, "
            "--quoting or --encoding."
        )
    has_header = options.header
    if has_header is None:
        has_header = (dialect.header or _has_index(rows)) and _is_header(rows)
    titles = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
    reason = f"cells between {titles.get(dialect.separator, repr(dialect.separator))}"
    reason += "" if quoting else ", quotes are text"
    if has_header:
        cells = tuple(str(cell) for cell in rows[0] if str(cell).strip())  # pandas names no index
        return FileFormat(reader, cells, f"{reason}, a header")
    return FileFormat({**reader, "header": False}, places, f"{reason}, no header")


def _has_index(rows: Sequence[Sequence[Any]]) -> bool:
    """Return True if the first cell alone is blank, above an index that pandas wrote."""
    first = [bool(str(cell).strip()) for cell in rows[0]]
    numbers = [str(row[0]) for row in rows[1:]]
    return not first[0] and all(first[1:]) and bool(numbers) and all(map(str.isdecimal, numbers))


def _is_header(rows: Sequence[Sequence[Any]]) -> bool:
    """Return True if the first row has names: short, no sentences, no values of the columns."""
    names = [str(cell) for cell in rows[0]] if rows else []
    named = {place: name for place, name in enumerate(names) if name.strip()}
    short = all(len(name) <= MAX_NAME for name in named.values())
    repeated = any(row[place] == name for row in rows[1:] for place, name in named.items())
    ends = [name.strip().endswith(SENTENCE_ENDS) for name in named.values()]
    several = [len(name.split()) > 1 for name in named.values()]
    sentences = any(ends) and all(map(operator.or_, ends, several))
    return bool(named) and short and not repeated and not sentences
