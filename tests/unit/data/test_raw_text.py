"""Packed files and encodings: what is recognised, and the sentence for what cannot be read."""

import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.data.readers import containers
from pipelines.data.readers.base import BadRow
from pipelines.data.readers.lines import LinesReader
from pipelines.data.readers.parallel import ParallelReader
from pipelines.errors import UserError
from tests.unit.data.test_reader_properties import PACKINGS, zipped, zstd

TEXT = "".join(f"line {number}: une été à la mer\n" for number in range(2000)).encode()


def read(folder: Path, data: bytes, name: str = "a.txt", **options: Any) -> list[Any]:
    (folder / name).write_bytes(data)
    reader = LinesReader.model_validate({"format": "lines", **options})
    return list(reader.read([folder / name], ("text",)))


def error_of(folder: Path, data: bytes, name: str = "a.txt", **options: Any) -> str:
    with pytest.raises(UserError) as error:
        read(folder, data, name, **options)
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# Packed files


@pytest.mark.parametrize("kind", PACKINGS)
@pytest.mark.parametrize("name", ["a.txt", "a.GZ"])
def test_packed_files_are_recognised_by_their_bytes(kind: str, name: str, tmp_path: Path) -> None:
    if kind == "plain" and name == "a.GZ":
        assert "is not a valid gzip file" in error_of(tmp_path, TEXT, name)
    else:
        rows = read(tmp_path, PACKINGS[kind](TEXT), name)
        assert [row[2] for row in rows] == TEXT.decode().splitlines()


def test_packed_files_may_have_several_streams(tmp_path: Path) -> None:
    for pack in (gzip.compress, lzma.compress, zstd):
        rows = read(tmp_path, pack(b"one\n") + pack(b"two\n"))
        assert [row[2] for row in rows] == ["one", "two"]


@pytest.mark.parametrize("kind", [kind for kind in PACKINGS if kind != "plain"])
def test_cut_and_damaged_files_are_refused(kind: str, tmp_path: Path) -> None:
    data = PACKINGS[kind](TEXT)
    assert f"is not a valid {kind} file: " in error_of(tmp_path, data[: len(data) // 2])
    if kind != "zstd":  # pyarrow writes no checksum, and damage may pass
        half = len(data) // 2
        damaged = (
            data[:half] + bytes(255 - byte for byte in data[half : half + 4]) + data[half + 4 :]
        )
        assert f"is not a valid {kind} file: " in error_of(tmp_path, damaged)


def test_a_file_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "FREE_SIZE", 100_000)
    monkeypatch.setattr(containers, "CHUNK", 10_000)
    for kind in set(PACKINGS) - {"plain"}:
        data = PACKINGS[kind](b"a\n" * 200_000)
        assert "over 100 times its size" in error_of(tmp_path, data), kind
        assert len(read(tmp_path, PACKINGS[kind](b"a\n" * 50_000))) == 50_000


def zip_of(folder: Path, **members: str) -> bytes:
    path = folder / "packed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path.read_bytes()


def test_zip_archives_have_one_member_without_a_password(tmp_path: Path) -> None:
    assert "has 2 members" in error_of(tmp_path, zip_of(tmp_path, a="1", b="2"))
    encrypted = bytearray(zipped(TEXT))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := encrypted.find(mark, start + 1)) >= 0:
            encrypted[start + place] |= 1
    assert "a.txt is encrypted: unpack it" in error_of(tmp_path, bytes(encrypted))
    unknown = zipped(TEXT).replace(b"\x08\x00", b"\x63\x00")  # the method of compression
    assert "is not a valid zip file: " in error_of(tmp_path, unknown)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a.txt is a PDF document: save its text as UTF-8."),
        (b"PAR1\x15\x04", "is a Parquet file: set 'reader.format: parquet'"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "is a 7z archive: unpack it, or pack it as gz, xz, zst or zip"),
        (b"\x89PNG\r\n", "is a picture"),
        (b"a".ljust(257, b"\0") + b"ustar\0", "is a tar archive"),
        (gzip.compress(b"a".ljust(257, b"\0") + b"ustar\0"), "holds a tar archive"),
        (gzip.compress(b"%PDF-1.7"), "holds a PDF document"),
        (gzip.compress(lzma.compress(b"a")), "is packed twice (xz inside): unpack it once"),
        (b"", "a.txt is empty"),
        (gzip.compress(b" \n"), "a.txt is empty"),
    ],
    ids=[
        "pdf",
        "parquet",
        "sqlite",
        "7z",
        "png",
        "tar",
        "tar.gz",
        "pdf.gz",
        "xz.gz",
        "empty",
        "empty.gz",
    ],
)
def test_other_formats_are_named(data: bytes, message: str, tmp_path: Path) -> None:
    assert message in error_of(tmp_path, data)


def test_office_documents_are_named(tmp_path: Path) -> None:
    data = zip_of(tmp_path, **{"[Content_Types].xml": "", "xl/workbook.xml": ""})
    expected = "a.csv is an Excel workbook: save the sheet as CSV (UTF-8)."
    assert error_of(tmp_path, data, "a.csv") == expected
    assert "is a Word document" in error_of(tmp_path, zip_of(tmp_path, **{"word/document.xml": ""}))


def test_an_endless_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.data.readers.text_files.MAX_LINE", 1000)
    assert len(read(tmp_path, b"x\n" + b"y" * 1000)) == 2
    message = error_of(tmp_path, b"x\n" + b"y" * 1001)
    assert "a.txt:2 has more than 1,000 characters without a line end" in message


# Encodings


@pytest.mark.parametrize(
    ("encoding", "advice"),
    [
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_utf_16_is_named_and_read(encoding: str, advice: str, tmp_path: Path) -> None:
    data = "une été\nà la mer\n".encode(encoding)
    assert f"set 'reader.encoding: {advice}'" in error_of(tmp_path, data)
    rows = read(tmp_path, data, encoding=advice)
    assert rows == [("a.txt", 1, "une été"), ("a.txt", 2, "à la mer")]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("une été à la mer\nL\u2019h\u00f4tel \u20ac 5\n", "cp1252"),
        ("gr\u00f6\u00dfe \u00fcber alles\n", "cp1252"),
        ("привет мир, как дела?\n", "cp1251"),
        ("これは日本語の文です。\n今日はいい天気ですね。\n", "cp932"),
        ("这是一个中文句子。今天天气很好。\n", "gb18030"),
    ],
)
def test_other_encodings_are_guessed_and_read(text: str, encoding: str, tmp_path: Path) -> None:
    data = b"ascii\n" + text.encode(encoding)
    first = next(row for row in read(tmp_path, data) if isinstance(row, BadRow))
    assert first.line == 2
    assert first.sentence.startswith("a.txt:2 is not UTF-8 (byte 0x")
    assert f"set 'reader.encoding: {encoding}'" in first.sentence
    assert [row[2] for row in read(tmp_path, data, encoding=encoding)][1:] == text.splitlines()


def test_rows_with_bad_bytes_and_nul_are_bad_rows(tmp_path: Path) -> None:
    rows = read(tmp_path, "good\nété \xff\n".encode("latin-1") + b"a\0b\nfine\n")
    assert [type(row) for row in rows] == [tuple, BadRow, BadRow, tuple]
    assert rows[1].text == "\\xe9t\\xe9 \\xff"
    assert rows[2].sentence.startswith("a.txt:3 has a NUL character")
    assert rows[2].text == "a\\x00b"


def test_the_file_with_bad_bytes_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\ntwo\n")
    (tmp_path / "b").write_bytes("un\nété\n".encode("latin-1"))
    reader = ParallelReader(format="parallel")
    rows = list(reader.read([tmp_path / "a", tmp_path / "b"], ("source", "target")))
    assert rows[0] == ("a", 1, "one", "un")
    assert rows[1].sentence.startswith("b:2 is not UTF-8 (byte 0xe9)")


def test_a_wrong_encoding_is_refused(tmp_path: Path) -> None:
    assert "a.txt is not utf-16" in error_of(tmp_path, b"abc", encoding="utf-16-le")
    rows = read(tmp_path, b"a\n\x81\n", encoding="cp1252")
    assert "a.txt:2 is not cp1252 (byte 0x81)" in rows[1].sentence
    for name in ("none", "rot13", "base64", "idna", "unicode_escape", "utf\0", ""):
        with pytest.raises(ValidationError, match="is not an encoding of text"):
            LinesReader(format="lines", encoding=name)
