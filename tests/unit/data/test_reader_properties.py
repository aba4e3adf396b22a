"""Every reader gives back the rows that were written, and garbage is a UserError or rows."""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import re
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.data.readers.base import BadRow, CorpusReader
from pipelines.data.readers.lookup import find_readers
from pipelines.errors import UserError

READERS = find_readers()
COLUMNS = ("text", "label")
check = settings(max_examples=50)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)
LINE = TEXT.map(lambda text: text.replace("\n", " "))
FULL_LINE = LINE.map(lambda line: f"{line}x")
TOKEN = TEXT.map(lambda text: "".join(text.split()) + "x")
PLAIN = st.text("abc é", max_size=12)
ENCODINGS = st.sampled_from([None, "utf-8", "utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/a", data)
        archive.writestr("__MACOSX/._a", b"x")
    return file.getvalue()


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": zstd,
    "zip": zipped,
}
PACKING = st.sampled_from(list(PACKINGS.values()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("raw")


def make(format_: str, **options: Any) -> CorpusReader:
    return READERS[format_].model_validate({"format": format_, **options})


def rows_of(
    reader: CorpusReader, folder: Path, *contents: bytes, columns: tuple[str, ...] = COLUMNS
) -> list[Any]:
    """Return document, line and texts of what a reader reads from files with these contents."""
    files = [folder / name for name in "abc"[: len(contents)]]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return list(reader.read(files, columns))


def texts_of(*arguments: Any, **options: Any) -> list[tuple[str, ...]]:
    rows = rows_of(*arguments, **options)
    assert not any(isinstance(row, BadRow) for row in rows), rows
    return [row[2:] for row in rows]


def encode(lines: list[str], end: str, encoding: str | None) -> bytes:
    return "".join(line + end for line in lines).encode(encoding or "utf-8")


@check
@given(lines=st.lists(FULL_LINE, min_size=1), end=ENDS, encoding=ENCODINGS, pack=PACKING)
def test_lines(lines, end, encoding, pack, folder: Path) -> None:
    reader = make("lines", encoding=encoding)
    data = pack(encode(lines, end, encoding))
    rows = rows_of(reader, folder, data, columns=("text",))
    texts = [
        line.removeprefix("\ufeff") if not number else line for number, line in enumerate(lines)
    ]
    assert rows == [("a", number, text) for number, text in enumerate(texts, start=1)]


@check
@given(pairs=st.lists(st.tuples(FULL_LINE, LINE), min_size=1), end=ENDS, pack=PACKING)
def test_parallel(pairs, end, pack, folder: Path) -> None:
    pairs = [("x", "y"), *pairs]
    files = [pack(encode([pair[side] for pair in pairs], end, None)) for side in (0, 1)]
    assert texts_of(make("parallel"), folder, *files, columns=("source", "target")) == pairs


@check
@given(
    pairs=st.lists(st.tuples(TEXT, TEXT)),
    separator=st.sampled_from(",\t;| "),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    header=st.booleans(),
    end=ENDS,
    pack=PACKING,
)
def test_tables(pairs, separator, quoting, header, end, pack, folder: Path) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator="\n")
    rows = [("t", "l", "z"), *((text, label, "z") for text, label in pairs)]
    writer.writerows(rows)
    options: dict[str, Any] = {"columns": {"text": "t", "label": "l"}}
    if not header:
        options = {"header": False, "columns": {"text": 1, "label": 2}}
    reader = make("table", separator=separator, quoting="standard", **options)
    data = pack(file.getvalue().replace("\n", end).encode())
    assert texts_of(reader, folder, data) == [row[:2] for row in rows[header:]]


@check
@given(pairs=st.lists(st.tuples(LINE, LINE), min_size=1), end=ENDS)
def test_tables_without_quoting(pairs, end, folder: Path) -> None:
    pairs = [tuple(text.replace("\t", '"') for text in pair) for pair in pairs]
    data = encode(["t\tl", *("\t".join(pair) for pair in pairs)], end, None)
    columns = {"text": "t", "label": "l"}
    reader = make("table", separator="\t", quoting="none", columns=columns)
    assert texts_of(reader, folder, data) == pairs


@check
@given(
    pairs=st.lists(st.tuples(TEXT, st.one_of(TEXT, st.integers(), st.booleans())), min_size=1),
    ascii_=st.booleans(),
    end=ENDS,
    pack=PACKING,
)
def test_json_lines(pairs, ascii_, end, pack, folder: Path) -> None:
    lines = [json.dumps({"t": text, "l": label}, ensure_ascii=ascii_) for text, label in pairs]
    reader = make("json_lines", columns={"text": "t", "label": "l"})
    expected = [(text, as_text(label)) for text, label in pairs]
    assert texts_of(reader, folder, pack(encode(lines, end, None))) == expected


def as_text(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


INT64 = st.integers(-(2**63), 2**63 - 1)


@check
@given(
    pairs=st.one_of(
        st.lists(st.tuples(TEXT, INT64), min_size=1),
        st.lists(st.tuples(TEXT, st.booleans()), min_size=1),
        st.lists(st.tuples(TEXT, TEXT), min_size=1),
        st.lists(st.tuples(st.lists(TOKEN, min_size=1), st.lists(TOKEN, min_size=1)), min_size=1),
    ),
    dictionary=st.booleans(),
    pack=PACKING,
)
def test_parquet(pairs, dictionary, pack, folder: Path) -> None:
    table = pa.table({"t": [text for text, _ in pairs], "l": [label for _, label in pairs]})
    file = io.BytesIO()
    pq.write_table(table, file, use_dictionary=dictionary, row_group_size=2)
    reader = make("parquet", columns={"text": "t", "label": "l"})
    expected = [
        tuple(" ".join(cell) if isinstance(cell, list) else as_text(cell) for cell in pair)
        for pair in pairs
    ]
    assert texts_of(reader, folder, pack(file.getvalue())) == expected


SENTENCES = st.lists(st.lists(st.tuples(TOKEN, TOKEN), min_size=1), min_size=1)


@check
@given(sentences=SENTENCES, separator=st.sampled_from([None, "\t", " "]), end=ENDS, pack=PACKING)
def test_conll(sentences, separator, end, pack, folder: Path) -> None:
    lines = ["-DOCSTART- -X- O".replace(" ", separator or " "), ""]
    for sentence in sentences:
        lines += [(separator or " ").join((token, "X", tag)) for token, tag in sentence]
        lines += ["", ""]
    reader = make("conll", separator=separator, columns={"text": 1, "tags": -1})
    rows = texts_of(reader, folder, pack(encode(lines, end, None)), columns=("text", "tags"))
    expected = [tuple(map(" ".join, zip(*sentence, strict=True))) for sentence in sentences]
    assert rows == expected


@check
@given(
    pairs=st.lists(st.tuples(TEXT, st.sampled_from(["good", "bad é"])), max_size=5), pack=PACKING
)
def test_folders(pairs, pack, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("classes")
    files = []
    for number, (text, label) in enumerate(pairs):
        files.append(folder / label / f"{number}.txt")
        files[-1].parent.mkdir(exist_ok=True)
        files[-1].write_bytes(pack(text.encode()))
    rows = list(make("folders").read(files, COLUMNS, folder))
    plain = [
        text.removeprefix("\ufeff").removesuffix("\n") if text.strip() else "" for text, _ in pairs
    ]
    assert [(row[2].strip(), row[3]) for row in rows] == [
        (text.strip(), label) for text, (_, label) in zip(plain, pairs, strict=True)
    ]
    assert [row[0] for row in rows] == [f"{file.parent.name}/{file.name}" for file in files]


@check
@given(rows=st.lists(st.tuples(PLAIN, st.floats(-4, 4)), min_size=1), end=ENDS)
def test_ratings(rows, end, folder: Path) -> None:
    lines = [f"{number}\t{mean}\t{text}" for number, (text, mean) in enumerate(rows)]
    labels = [
        "neutral" if abs(mean) < 0.5 else "positive" if mean > 0 else "negative" for _, mean in rows
    ]
    data = rated(encode(lines, end, None))
    texts = [text for text, _ in rows]
    expected = list(zip(texts, labels, strict=True))
    assert texts_of(make("ratings", threshold=0.5), folder, data) == expected


def rated(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo("top/a_GroundTruth.txt")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


CELLS = st.one_of(FULL_LINE, st.none(), st.integers(-9, 9), st.binary(max_size=3), st.floats())


@check
@given(pairs=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=9))
def test_bible(pairs, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("bible")
    database = bible(folder / "a", pairs)
    reader = make("bible", source="k", targets={"fr": "l"})
    rows = rows_of(reader, folder, database, columns=("source", "target"))
    expected = []
    for number, pair in enumerate(pairs, start=1):
        if all(isinstance(cell, str) for cell in pair):
            expected.append(("a", number, *pair))
        elif not all(cell is None or isinstance(cell, str) for cell in pair):
            expected.append(("bad", number))
    assert [("bad", row.line) if isinstance(row, BadRow) else row for row in rows] == expected


def bible(path: Path, pairs: list[tuple[Any, Any]]) -> bytes:
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE bible (bbName TEXT, bNumber INT, cNumber INT, vNumber INT, vText)"
    )
    for number, pair in enumerate(pairs):
        for letter, cell in zip("kl", pair, strict=True):
            cell = "nan" if isinstance(cell, float) and cell != cell else cell
            database.execute("INSERT INTO bible VALUES (?, 1, 1, ?, ?)", (letter, number, cell))
    database.commit()
    database.close()
    return path.read_bytes()


# Garbage

OPTIONS: dict[str, dict[str, Any]] = {
    "bible": {"source": "k", "targets": {"fr": "l"}},
    "conll": {"columns": {"text": 1, "label": -1}},
    "folders": {},
    "json_lines": {"columns": {"text": "t", "label": "l"}},
    "lines": {},
    "parallel": {},
    "parquet": {"columns": {"text": "t", "label": "l"}},
    "plays": {},
    "ratings": {"threshold": 0.5},
    "table": {"separator": ",", "columns": {"text": "t", "label": "l"}},
}


def valid_files() -> dict[str, bytes]:
    file = io.BytesIO()
    pq.write_table(pa.table({"t": ["a", "b é"], "l": [0, 1]}), file)
    return {
        "conll": b"EU NNP B-ORG\nsays VB O\n\nYes UH O\n" * 3,
        "json_lines": b'{"t": "a", "l": 1}\n{"t": ["b", "c"], "l": true}\n' * 3,
        "parquet": file.getvalue(),
        "ratings": rated(b"1\t0.5\tgood\n2\t-3\tbad\n"),
        "table": b't,l\n"a, ""b""",c\nd,e\n' * 3,
    }


VALID = valid_files()


@pytest.mark.parametrize("format_", sorted(OPTIONS))
@check
@given(data=st.data())
def test_garbage_is_a_user_error_or_rows(format_: str, data: st.DataObject, folder: Path) -> None:
    reader = make(format_, **OPTIONS[format_])
    content = bytearray(VALID.get(format_, b"one\ntwo\n\nthree\n"))
    if data.draw(st.booleans(), "pack"):
        content = bytearray(data.draw(PACKING)(bytes(content)))
    if data.draw(st.booleans(), "replace all"):
        head = data.draw(
            st.sampled_from([b"", b"\x1f\x8b", b"PK\x03\x04", b"\xff\xfe", b"PAR1", b"{"])
        )
        content = bytearray(head + data.draw(st.binary(max_size=80)))
    else:
        for _ in range(data.draw(st.integers(0, 4))):
            place = data.draw(st.integers(0, max(0, len(content) - 1)))
            content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        contents = [bytes(content)] * (2 if format_ == "parallel" else 1)
        rows = rows_of(reader, folder, *contents, columns=COLUMNS)
        message = "rows."
    except UserError as error:
        rows, message = [], str(error)
    assert re.fullmatch(r"[^\n]+[.?]", message), message
    for row in rows:
        if isinstance(row, BadRow):
            row.text.encode()
            assert re.fullmatch(r"[^\n]+\.", row.sentence), row.sentence
        else:
            assert [type(cell) for cell in row[:2]] == [str, int]
            "".join(row[2:]).encode()


NO_NAME = (  # a zip archive whose member has no name
    "UEsDBBQAAAAIAHEzel2XKlcYBgAAAAQAAAABAAAAYUvkSuICAFBLAQIUAxQAAAAIAHEzel2XKlcYBgAAAAQAAAAAAAD4/"
    "///AAAAAACAAQAAAABhUEsFBgAAAAABAAEALwAAACUAAAAAAA=="
)


def test_inputs_of_earlier_crashes(folder: Path, tmp_path: Path) -> None:
    """What benchmarks/fuzz_readers.py met first."""
    database = bible(tmp_path / "b", [("x", "y")]).replace(b"CREATE TABLE", b"CREATE \xffABLE")
    for format_, content, problem in (
        ("bible", database, "is not a database of Bibles"),
        ("lines", base64.b64decode(NO_NAME), "is not a valid zip file"),
        ("table", b'"a\nb\xff",c\n', "known: a b\\\\xff, c"),
    ):
        with pytest.raises(UserError, match=problem) as error:
            rows_of(make(format_, **OPTIONS[format_]), folder, content)
        assert "\n" not in str(error.value)
