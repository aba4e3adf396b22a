"""Hostile files of a user: one sentence with file and line, and no split is written."""

import bz2
import gzip
import lzma
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.unit.hostile.cases import (
    CSV,
    ROWS,
    Case,
    assert_one_sentence,
    run_stage,
    snapshot,
    write_project,
)

MOOD = "texts/mood.csv"
GZIP, XZ = gzip.compress(CSV.encode()), lzma.compress(CSV.encode())
JSON = {"reader": {"format": "json_lines", "separator": None}}
PARQUET = {"reader": {"format": "parquet", "separator": None}}
LETTERS = 2**20  # of each part of a bomb


def pack(*names: str, **changes: int) -> Callable[[Path], object]:
    """Return a function that writes a zip archive, and changes bytes of its headers."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, CSV * 20)
        data = bytearray(path.read_bytes())
        directory = data.index(b"PK\x01\x02")
        for key, value in changes.items():
            offset = {"flags": 6, "method": 8, "crc": 14}[key]
            data[offset] = data[directory + offset + 2] = value
        path.write_bytes(data)

    return write


def gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b"a" * LETTERS)


def parquet(columns: Mapping[str, Any]) -> Callable[[Path], object]:
    return lambda path: pd.DataFrame(columns).to_parquet(path)


def source(path: str) -> dict[str, Any]:
    return {"source": {"paths": [path]}}


def mood(content: Any, message: str, corpus: Mapping[str, Any] = {}) -> Case:
    return Case(message, corpus, files={MOOD: content})


def cell(old: str, new: str) -> str:
    assert CSV.count(old) == 1
    return CSV.replace(old, new)


SEVENTH = "it is so good 7,good"  # in line 16
CASES = {
    "damaged gzip": mood(
        GZIP[:40] + b"\xff" * 9 + GZIP[49:], "mood.csv is not a valid gzip file.*again"
    ),
    "half a gzip": mood(GZIP[:-30], "mood.csv is not a valid gzip file.*again"),
    "gzip of one letter": mood(
        gzip_bomb, r"mood\.csv:1 has more than 16,777,216 characters.*break"
    ),
    "half an xz": mood(XZ[:-20], "mood.csv is not a valid xz file: it ends too early.*again"),
    "damaged xz": mood(XZ[:40] + b"\0" * 9 + XZ[49:], "mood.csv is not a valid xz file.*again"),
    "damaged zstd": mood(b"\x28\xb5\x2f\xfd\x04\0" + b"x" * 50, "not a valid zstd file.*again"),
    "half a bzip2": mood(bz2.compress(CSV.encode())[:-20], "not a valid bzip2 file.*again"),
    "damaged zip": mood(pack("a", crc=1), "mood.csv is not a valid zip file.*again"),
    "encrypted zip": mood(pack("a", flags=1), "mood.csv is encrypted: unpack it"),
    "zip of an unknown method": mood(pack("a", method=97), "not a valid zip file.*method.*again"),
    "zip of two files": mood(pack("a", "b"), r"mood\.csv has 2 members.*unpack it"),
    "empty zip": mood(b"PK\5\6" + bytes(18), r"mood\.csv has 0 members.*unpack it"),
    "Excel": mood(pack("xl/workbook.xml"), "mood.csv is an Excel workbook: save .* as CSV"),
    "PDF": mood(b"%PDF-1.7\n\xff\xfe" + b"\x80" * 99, "mood.csv is a PDF document: save its text"),
    "UTF-16": mood(CSV.encode("utf-16"), r"mood\.csv is UTF-16.*reader\.encoding: utf-16"),
    "UTF-16 without mark": mood(CSV.encode("utf-16-le"), r"is UTF-16.*reader\.encoding: utf-16-le"),
    "cp1252": mood(
        CSV.replace("good 7", "gööd 7").encode("cp1252"),
        r"mood\.csv:16 is not UTF-8 .*cp1252.*reader\.encoding: cp1252",
    ),
    "empty": mood(b"", r"mood\.csv is empty"),
    "blank": mood(b"\n \n", r"mood\.csv is empty"),
    "header only": mood("opinion,mood\n", r"has no row that .*'reader\.format: table'.*add rows"),
    "other columns": mood(CSV.replace("opinion", "opinon"), r"mood\.csv:1 .*did you mean 'opinon'"),
    "two columns of a name": mood(
        f"opinion,mood,mood\n{ROWS}", r"mood\.csv:1 has 2 columns 'mood': rename all but one"
    ),
    "quote without end": mood(f'{CSV}"it,good\n', r"mood\.csv:42 .*reader\.quoting: none"),
    "quote within text": mood(
        cell(SEVENTH, '"it" is so,good'), r"mood\.csv:16 .*reader\.quoting: none"
    ),
    "swallowed rows": mood(
        cell(SEVENTH, '"it is so good 7,good').replace("bad 8,bad", 'bad 8",bad'),
        r"mood\.csv:16 .*",
    ),
    "too many cells": mood(cell(SEVENTH, "it, is,good"), r"mood\.csv:16 has 3 cells.*quote cells"),
    "too few cells": mood(cell(SEVENTH, "it"), r"mood\.csv:16 has 1 cell.*quote cells"),
    "NUL": mood(cell(SEVENTH, "it\0,good"), r"mood\.csv:16 has a NUL character: remove it"),
    "a row too long": mood(b"x" * 2**25, r"mood\.csv:1 has more than 16,777,216 characters"),
    "all rows too long": Case(
        r"0 rows are too few .*40 are longer than 1 tokens \(the first: mood\.csv:2\)",
        {"cleaning": {"max_length": 1}},
    ),
    "invisible texts": mood(
        "opinion,mood\n" + "\u200b,good\n" * 30, r"30 are empty \(the first: mood\.csv:2\)"
    ),
    "JSON with an error": mood(
        '{"opinion": "a", "mood": "bad"}\n{"opinion":\n', r"mood\.csv:2 is not valid JSON", JSON
    ),
    "deep JSON": mood('{"opinion": ' + "[" * 10**5, r"mood\.csv:1 .*nested too deeply", JSON),
    "JSON list": mood("[1]\n", r"mood\.csv:1 is a list: write one object per line", JSON),
    "JSON without a name": mood('{"opinion": "a"}\n', r"mood\.csv:1 has no name 'mood'", JSON),
    "JSON with an object": mood(
        '{"opinion": {}, "mood": "bad"}\n', r"mood\.csv:1 has an object in 'opinion'", JSON
    ),
    "JSON with a name twice": mood(
        '{"mood": "a", "mood": "b", "opinion": "c"}\n', r"mood\.csv:1 .*'mood' more than once", JSON
    ),
    "half of a JSON character": mood(
        '{"opinion": "\\ud800", "mood": "bad"}\n', r"mood\.csv:1 has half of a .*remove it", JSON
    ),
    "damaged Parquet": mood(b"PAR1" + b"x" * 99 + b"PAR1", "not a valid Parquet.*again", PARQUET),
    "CSV as Parquet": mood(CSV, "not a valid Parquet.*correct 'reader.format'", PARQUET),
    "Parquet of other columns": mood(
        parquet({"opinion": ["a"]}), r"mood\.csv has no column 'mood'", PARQUET
    ),
    "Parquet with null": mood(
        parquet({"opinion": ["a", None], "mood": ["bad", "bad"]}),
        r"mood\.csv:2 has null in",
        PARQUET,
    ),
    "named pipe": Case(
        r"no file 'texts/pipe'",
        source("texts/pipe"),
        files={"texts/pipe": os.mkfifo},
        stages=("check",),
    ),
    "link out of the project": Case(
        r"'texts/out\.csv' is a symbolic link to '/dev/zero', .*Copy the file",
        source("texts/out.csv"),
        files={"texts/out.csv": lambda path: path.symlink_to("/dev/zero")},
        stages=("check",),
    ),
    "link to itself": Case(
        r"'texts/out\.csv' is a symbolic link to '.*', which does not exist"
        if sys.version_info >= (3, 13)
        else r"'texts/out\.csv' cannot be read",
        source("texts/out.csv"),
        files={"texts/out.csv": lambda path: path.symlink_to(path)},
        stages=("check",),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_one_sentence(name, tmp_path, monkeypatch):
    case = CASES[name]
    write_project(tmp_path, case)
    monkeypatch.chdir(tmp_path)
    *earlier, last = case.stages
    for stage in earlier:
        assert run_stage(stage) == (0, "")
    before = snapshot(tmp_path)
    assert_one_sentence(case, *run_stage(last))
    assert snapshot(tmp_path) == before
