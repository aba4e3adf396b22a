"""Coverage-guided fuzzing of the readers with atheris (libFuzzer).

    pip install atheris
    nice python benchmarks/fuzz_readers.py FOLDER -max_total_time=600 -print_final_stats=1

FOLDER keeps the inputs that reached new code; it is filled with small valid files first. The first
byte of an input selects a reader and its options, the rest is the file. Every reader must return
rows and bad rows that UTF-8 can encode, or raise a `UserError` of one line; anything else is a
crash, which libFuzzer writes to the current folder. docs/data.md has the results.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sqlite3
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["pipelines.data.readers", "zipfile", "tarfile", "gzip"]):
    from pipelines.data.readers.base import BadRow, CorpusReader
    from pipelines.data.readers.lookup import find_readers

    find_readers()  # imports them

from pipelines.errors import UserError

COLUMNS = {"text": "t", "label": "l"}
NUMBERS = {"text": 1, "label": -1}
OPTIONS: list[dict[str, Any]] = [
    {"format": "table", "separator": ",", "columns": COLUMNS},
    {"format": "table", "separator": "\t", "columns": COLUMNS, "quoting": "standard"},
    {"format": "table", "separator": ";", "columns": COLUMNS, "quoting": "none"},
    {"format": "table", "separator": ",", "columns": {"text": 1, "label": 2}, "header": False},
    {"format": "json_lines", "columns": COLUMNS},
    {"format": "conll", "columns": NUMBERS, "comment": "#"},
    {"format": "conll", "columns": NUMBERS, "separator": "\t"},
    {"format": "lines"},
    {"format": "lines", "encoding": "utf-16"},
    {"format": "lines", "encoding": "shift_jis"},
    {"format": "plays"},
    {"format": "folders"},
    {"format": "parallel", "labels": {"x": "y"}},
    {"format": "parquet", "columns": COLUMNS},
    {"format": "ratings", "threshold": 0.5},
    {"format": "bible", "source": "k", "targets": {"fr": "l"}},
]
FOLDER = Path(
    tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
)


def readers() -> list[CorpusReader]:
    """Return a reader for each of the options."""
    classes = find_readers()
    return [classes[options["format"]].model_validate(options) for options in OPTIONS]


READERS = readers()


def read(data: bytes) -> None:
    """Read an input; raise an error if a reader breaks its contract."""
    if not data:
        return
    reader = READERS[data[0] % len(READERS)]
    (FOLDER / "a").mkdir(exist_ok=True)
    file = FOLDER / "a" / "b"
    file.write_bytes(data[1:])
    files = [file, file] if reader.format == "parallel" else [file]
    try:
        for row in reader.read(files, ("text", "label"), FOLDER):
            check(row)
    except UserError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than one line: {error}") from None


def check(row: Any) -> None:
    """Check the types of a row, and that it can be stored and printed."""
    if isinstance(row, BadRow):
        row.text.encode()
        row.sentence.encode()
        if "\n" in row.reason:
            raise AssertionError(f"more than one line: {row.reason}")
        return
    document, line, *texts = row
    "".join([document, *texts]).encode()
    if type(line) is not int or line < 1 or len(texts) not in (1, 2):
        raise AssertionError(f"not a row: {row}")


def seeds() -> Iterator[bytes]:
    """Yield small valid inputs of every reader, plain and packed."""
    table = b't,l\n"a, ""b""",x\n\nc,"d\ne, f"\ng,h\n'
    texts: dict[str, list[bytes]] = {
        "table": [table, table.replace(b",", b"\t"), table.replace(b",", b";")],
        "json_lines": [
            b'{"t": "a\\u00e9", "l": 1}\n{"t": ["b", "c"], "l": true}\n[1]\n{"t": null}\n'
        ],
        "conll": [b"-DOCSTART- O\n\n# c\n1-2\ta\tB-X\nEU\tNNP\tB-ORG\n\nsays VB O\n"],
        "lines": ["\ufeffune été\r\n\n\nà la mer".encode(), "été\n".encode("utf-16")],
        "plays": [b"# Play\n\n**A**  \n\\[x_y_\n\n\nB\n"],
        "folders": [b"a\nb\n"],
        "parallel": [b"a\nb\n\nx\n"],
        "parquet": [parquet()],
        "ratings": [ratings()],
        "bible": [bible()],
    }
    for number, options in enumerate(OPTIONS):
        for text in texts[options["format"]]:
            for data in (text, *packed(text)):
                yield bytes([number]) + data


def packed(data: bytes) -> Iterator[bytes]:
    """Yield a file in every packing."""
    import pyarrow as pa

    yield gzip.compress(data)
    yield lzma.compress(data)
    yield bz2.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    yield bytes(sink.getvalue())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", data)
    yield file.getvalue()


def parquet() -> bytes:
    """Return a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"t": ["a", None, "é"], "l": [1, 2, 3]}), file, compression="none")
    return file.getvalue()


def ratings() -> bytes:
    """Return a plain tar archive of rated sentences."""
    data, file = b"1\t0.5\tgood &amp; kind\n2\tnan\tbad\n", io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a_GroundTruth.txt")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()[:1536]


def bible() -> bytes:
    """Return a database of two Bibles."""
    path = FOLDER / "bible.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA page_size = 512")
    database.execute("CREATE TABLE bible (bbName, bNumber, cNumber, vNumber, vText)")
    for letter in "kl":
        for verse in (1, 2):
            database.execute("INSERT INTO bible VALUES (?, 1, 1, ?, 'a')", (letter, verse))
    database.commit()
    database.close()
    return path.read_bytes()


def main() -> None:
    """Fill the folder with seeds, and fuzz."""
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        corpus = Path(sys.argv[1])
        corpus.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(seeds()):
            (corpus / f"seed-{number:03}").write_bytes(data)
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
