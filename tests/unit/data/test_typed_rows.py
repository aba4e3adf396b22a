"""JSON lines, Parquet, tagged columns and folders: rows, bad rows, and files that are refused."""

import datetime
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.data.readers import containers
from pipelines.data.readers.base import BadRow
from pipelines.data.readers.lookup import find_readers
from pipelines.data.readers.parallel import ParallelReader
from pipelines.errors import UserError
from tests.unit.data.test_reader_properties import rated

READERS = find_readers()
COLUMNS = {"text": "t", "label": "l"}


def read(folder: Path, format_: str, content: str | bytes, **options: Any) -> list[Any]:
    """Return the rows of a file `a`; the names of `columns` are those of the task."""
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "a").write_bytes(data)
    reader = READERS[format_].model_validate({"format": format_, **options})
    columns = tuple(options.get("columns", COLUMNS))
    return list(reader.read([folder / "a"], columns))


def sentences(rows: list[Any]) -> list[str]:
    return [row.sentence for row in rows if isinstance(row, BadRow)]


# JSON lines


def json_rows(folder: Path, *lines: str) -> list[Any]:
    return read(folder, "json_lines", "\n".join(lines), columns=COLUMNS)


def test_values_of_json_become_text(tmp_path: Path) -> None:
    values = ["a", 1, -2, 1.5, True, False, ["b", "c"], [1, True]]
    lines = [json.dumps({"t": value, "x": None, "l": 0}) for value in values]
    rows = json_rows(tmp_path, *lines)
    assert [row[2] for row in rows] == ["a", "1", "-2", "1.5", "true", "false", "b c", "1 true"]
    assert {row[3] for row in rows} == {"0"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"t": "a"', r"is not valid JSON \(character 10: Expecting"),
        ("[1]", "is no JSON object"),
        ("7", "is no JSON object"),
        ('{"t": "a"}', "has no name 'l'"),
        ('{"t": null, "l": 1}', "has null in 't', where text must be"),
        ('{"t": {"u": 1}, "l": 1}', "has an object in 't'"),
        ('{"t": [["a"]], "l": 1}', "has a list of structures in 't'"),
        ('{"t": ["a b"], "l": 1}', "has the token 'a b' with white space"),
        ('{"t": [""], "l": 1}', "has the token '' with white space or without text"),
        ('{"t": "a", "l": NaN}', "has nan in 'l'"),
        ('{"t": "a", "l": 1e999}', "has inf in 'l'"),
        ('{"t": "a", "l": 1, "t": "b"}', "has the name 't' more than once"),
        ('{"t": "a\\ud800", "l": 1}', r"has half of a surrogate pair \(U\+D800\)"),
        ('{"t": "a\\u0000", "l": 1}', "has a NUL character"),
        ("[" * 100_000, "is not valid JSON: it is nested too deeply"),
        ('{"t": 1' + "0" * 5000 + ', "l": 1}', "is not valid JSON: .* endless number"),
    ],
)
def test_lines_that_are_no_rows_are_bad_rows(line: str, reason: str, tmp_path: Path) -> None:
    good = '{"t": "\\"t\\": \\"t\\"", "l": "x"}'
    rows = json_rows(tmp_path, good, "", line, good)
    assert [type(row) for row in rows] == [tuple, BadRow, tuple]
    assert re.match(rf"a:3 {reason}", rows[1].sentence), rows[1].sentence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n"t": 1\n}', "a:1 begins a JSON value over several lines: .*jq -c"),
        ("[\n{}]", "a:1 begins a JSON value over several lines"),
        ('[{"t": "a"}]', r"a:1 is a list: write one object per line"),
        ('{"text": "a"}', "a:1 has no name 't'; .*known: text"),
        ("", "a is empty"),
    ],
)
def test_other_json_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        json_rows(tmp_path, text)


# Parquet


def parquet_rows(folder: Path, table: pa.Table, **columns: str) -> list[Any]:
    pq.write_table(table, folder / "table")
    content = (folder / "table").read_bytes()
    return read(folder, "parquet", content, columns=columns or COLUMNS)


def test_values_of_parquet_become_text(tmp_path: Path) -> None:
    broken = pa.array([b"a", b"\xff", None, b"d"], pa.binary()).view(pa.string())
    labels = pa.array(["x", "y", "x", "y"]).dictionary_encode()
    table = pa.table({"t": broken, "l": labels, "n": [1, 2, 3, 4], "b": [b"1", b"2", b"3", b"4"]})
    rows = parquet_rows(tmp_path, table)
    assert rows[0] == ("a", 1, "a", "x")
    assert sentences(rows) == [
        "a:2 is not UTF-8 (byte 0xff): save the file as UTF-8.",
        "a:3 has null in 't', where text must be.",
    ]
    assert rows[3] == ("a", 4, "d", "y")
    rows = parquet_rows(tmp_path, table, text="b", label="n")
    assert [row[2:] for row in rows] == [("1", "1"), ("2", "2"), ("3", "3"), ("4", "4")]
    table = pa.table({"t": [datetime.date(2020, 1, 1)], "l": [1]})
    assert "has no text in 't'" in sentences(parquet_rows(tmp_path, table))[0]


def test_other_files_are_no_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"t": ["a" * 1000] * 1000, "l": [1] * 1000})
    with pytest.raises(UserError, match=r"a has no column 'u'; .*known: t, l"):
        parquet_rows(tmp_path, table, text="u", label="l")
    twice = pa.table([["a"], ["b"]], names=["t", "t"])
    with pytest.raises(UserError, match="a has 2 columns 't': rename all but one"):
        parquet_rows(tmp_path, twice, text="t", label="t")
    for content in (b"", b"PAR1", b"no table at all", b"PAR1" + b"\xff" * 50 + b"PAR1"):
        with pytest.raises(UserError, match="is not a valid Parquet file"):
            read(tmp_path, "parquet", content, columns=COLUMNS)
    monkeypatch.setattr(containers, "FREE_SIZE", 1000)
    with pytest.raises(UserError, match="a unpacks to more than"):
        parquet_rows(tmp_path, table)


# Tagged columns


CONLL = """# text = EU says no
EU\tNNP\tB-ORG
says\tVB\tO

# a comment between sentences
no\tUH\tO


yes\tUH
well
New York\tNN\tO
"""


def test_sentences_of_tagged_columns(tmp_path: Path) -> None:
    columns = {"text": 1, "tags": 3}
    rows = read(tmp_path, "conll", CONLL, columns=columns, comment="#", separator="\t")
    assert rows[:2] == [("a", 2, "EU says", "B-ORG O"), ("a", 6, "no", "O")]
    assert sentences(rows) == [
        "a:9 is no sentence: line 9 has 2 columns, and 'reader.columns' needs 3; correct the line, "
        "or 'reader.separator'."
    ]
    rows = read(
        tmp_path, "conll", "New York\tO\n\n\tO\n", columns={"text": 1, "tags": -1}, separator="\t"
    )
    assert sentences(rows) == [
        "a:1 is no sentence: line 1 has white space in 'New York'; a token and its tag have none.",
        "a:3 is no sentence: line 3 has an empty column; a token and its tag have none.",
    ]
    assert (
        "needs 2"
        in sentences(read(tmp_path, "conll", "word\n", columns={"text": 1, "tags": -1}))[0]
    )


def test_conll_u_has_words_only(tmp_path: Path) -> None:
    rest = "\t_" * 7
    lines = ["# sent_id = 1", f"1-2\tdu\t_{rest}", f"1\tde\tADP{rest}", f"2\tle\tDET{rest}"]
    lines += [f"2.1\tx\ty{rest}", ""]
    options = {"columns": {"text": 2, "tags": 3}, "comment": "#", "separator": "\t"}
    rows = read(tmp_path, "conll", "\n".join(lines), **options)
    assert rows == [("a", 2, "de le", "ADP DET")]


def test_a_file_without_empty_lines_has_no_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.data.readers.conll.MAX_LINE", 1000)
    with pytest.raises(UserError, match="a:1 begins a sentence of more than 9 lines"):
        read(tmp_path, "conll", "word O\n" * 20, columns={"text": 1, "tags": 2})


# Folders, and readers of the project's own corpora


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    contents = {
        "train/pos/1.txt": b"a good\nfilm\n",
        "train/neg/1.txt": b"bad",
        "train/neg/2.txt": b" \n",
        "test/neg/1.txt": "été".encode("latin-1"),
        "test/neg/2.txt": b"%PDF-1.7",
    }
    for name, data in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    reader = READERS["folders"].model_validate({"format": "folders"})
    files = [tmp_path / name for name in contents]
    reader.check_files(files)
    rows = list(reader.read(files, ("text", "label"), tmp_path))
    assert rows[:3] == [
        ("train/pos/1.txt", 1, "a good\nfilm", "pos"),
        ("train/neg/1.txt", 1, "bad", "neg"),
        ("train/neg/2.txt", 1, "", "neg"),
    ]
    assert sentences(rows) == [
        "test/neg/1.txt:1 is not UTF-8 (byte 0xe9) and looks like cp1252: set 'reader.encoding: "
        "cp1252', or save the file as UTF-8.",
        "test/neg/2.txt:1 is a PDF document: save its text as UTF-8.",
    ]
    (tmp_path / "alone.txt").write_bytes(b"x")
    with pytest.raises(UserError, match=r"alone\.txt is in no subfolder"):
        list(reader.read([tmp_path / "alone.txt"], ("text", "label"), tmp_path))
    with pytest.raises(UserError, match=r"2 files in different folders are called '1\.txt'"):
        READERS["lines"].model_validate({"format": "lines"}).check_files(files[:2])


@pytest.mark.parametrize("mean", ["nan", "inf", "-inf", "x", ""])
def test_a_rating_is_a_number(mean: str, tmp_path: Path) -> None:
    rows = read(tmp_path, "ratings", rated(f"1\t{mean}\tso\n2\t1\tgood\n".encode()), threshold=0.5)
    assert sentences(rows) == [
        f"a_GroundTruth.txt:1 has the mean rating '{mean}': it must be a number."
    ]
    assert rows[1] == ("a_GroundTruth.txt", 2, "good", "positive")


def test_labels_may_have_other_code_points(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("so good\n", encoding="utf-8")
    (tmp_path / "b").write_text(unicodedata.normalize("NFD", "entêté\n"), encoding="utf-8")
    reader = ParallelReader.model_validate({"format": "parallel", "labels": {"entêté": 1}})
    rows = list(reader.read([tmp_path / "a", tmp_path / "b"], ("text", "label")))
    assert rows == [("a", 1, "so good", "1")]
