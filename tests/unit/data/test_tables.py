"""Tables: quotes that are part of the text, headers, and rows that are reported instead of lost."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.data.readers.base import BadRow
from pipelines.data.readers.table import TableReader
from pipelines.errors import UserError

NAMES = {"text": "text", "label": "label"}


def read(folder: Path, text: str, **options: Any) -> list[Any]:
    (folder / "a.tsv").write_text(text, encoding="utf-8")
    tree = {"format": "table", "separator": "\t", "columns": NAMES, **options}
    return list(TableReader.model_validate(tree).read([folder / "a.tsv"], ("text", "label")))


def sentences(rows: list[Any]) -> list[str]:
    return [row.sentence for row in rows if isinstance(row, BadRow)]


def test_an_open_quote_swallows_no_rows(tmp_path: Path) -> None:
    """A cell that begins with a quote and a later one that ends with a quote are no quoted cell."""
    lines = [
        line
        for number in range(60)
        for line in (f'"good film {number}\tpos', f'a bad film {number}"\tneg')
    ]
    text = "\n".join(["text\tlabel", *lines])
    rows = read(tmp_path, text)
    assert len(rows) == 120
    assert sentences(rows)[0] == (
        "a.tsv:2 is not a valid table row: its quoted cell runs over 2 lines that look like rows; "
        "set 'reader.quoting: none' if quotes are part of the text, or 'standard' if the cell is "
        "right."
    )
    rows = read(tmp_path, text, quoting="none")
    assert [row[2:] for row in rows] == [tuple(line.split("\t")) for line in lines]
    assert len(read(tmp_path, text, quoting="standard")) == 60


def test_an_open_quote_over_many_lines_swallows_no_rows(tmp_path: Path) -> None:
    lines = [f"film {number},good" for number in range(50)]
    lines[3], lines[40] = f'"{lines[3]}', lines[40].replace(",", '",')
    rows = read(tmp_path, "\n".join(["text,label", *lines]), separator=",")
    assert len(rows) == 50
    assert "a.tsv:5 is not a valid table row: its quoted cell runs over 38" in sentences(rows)[0]
    assert rows[4:] == [
        ("a.tsv", number, *line.split(",")) for number, line in enumerate(lines[4:], start=6)
    ]


def test_a_quote_that_never_closes_costs_one_row(tmp_path: Path) -> None:
    rows = read(tmp_path, 'text\tlabel\na\tx\n"b\ty\nc\tz\n')
    assert rows[0] == ("a.tsv", 2, "a", "x")
    assert rows[2] == ("a.tsv", 4, "c", "z")
    assert sentences(rows) == [
        "a.tsv:3 is not a valid table row: a quoted cell has no valid end; set 'reader.quoting: "
        "none' if quotes are part of the text."
    ]


def test_text_after_a_quoted_word_has_a_hint(tmp_path: Path) -> None:
    rows = read(tmp_path, 'text\tlabel\n"good" film\tx\na "good" film\ty\n')
    assert "a.tsv:2 is not a valid table row" in sentences(rows)[0]
    assert "set 'reader.quoting: none' if quotes are part of the text" in sentences(rows)[0]
    assert rows[1] == ("a.tsv", 3, 'a "good" film', "y")


@pytest.mark.parametrize(
    "text",
    [
        'text,label\n"Hello, ""dear""\nfriend",pos\nb,neg\n',  # doubled quotes
        'text,label\n"Hello, dear\nfriend","pos"\nb,neg\n',  # a quoted label
        'text,label\n"a, b",neg\n"Hello, dear\nfriend",pos\n',  # a quoted separator before
        'text,label\n"Hello\nfriend",pos\nb,neg\n',  # no separator
        'text,label\n"Hello, dear\n\nfriend, and, others",pos\nb,neg\n',  # other counts
    ],
)
def test_quoted_cells_over_lines_are_read(text: str, tmp_path: Path) -> None:
    rows = read(tmp_path, text, separator=",")
    assert sentences(rows) == []
    assert len(rows) == 2
    assert any("Hello" in row[2] and "friend" in row[2] for row in rows)


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    long = "word " * 100_000
    rows = read(tmp_path, f'text\tlabel\n{long}\tx\n"{long}"\ty\n')
    assert [row[2] for row in rows] == [long, long]


def test_miscounted_rows_are_bad_rows(tmp_path: Path) -> None:
    rows = read(tmp_path, 'text\tlabel\na\n\nb\tx\ty\nc\tz\n"d\te"\n')
    assert rows[2] == ("a.tsv", 5, "c", "z")
    assert sentences(rows) == [
        "a.tsv:2 has 1 cell, but the header has 2: quote cells that contain the separator.",
        "a.tsv:4 has 3 cells, but the header has 2: quote cells that contain the separator.",
        "a.tsv:6 has 1 cell, but the header has 2: quote cells that contain the separator, or set "
        "'reader.quoting: none' if quotes are part of the text.",
    ]


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.tsv:1 has 2 columns 'text': rename all but one"):
        read(tmp_path, "text\tlabel\ttext\na\tb\tc\n")
    rows = read(tmp_path, "text\tlabel\t\t\na\tb\tc\td\n")
    assert rows == [("a.tsv", 2, "a", "b")], "columns without a name are not used"


def test_files_without_a_header_have_numbers(tmp_path: Path) -> None:
    options: dict[str, Any] = {"header": False, "columns": {"text": 3, "label": 1}}
    rows = read(tmp_path, "0\tx\tone\n1\ty\ttwo\n1\n", **options)
    assert rows[:2] == [("a.tsv", 1, "one", "0"), ("a.tsv", 2, "two", "1")]
    assert sentences(rows)[0].startswith("a.tsv:3 has 1 cell, but the first row has 3")
    with pytest.raises(UserError, match=r"a\.tsv:1 has 2 cells, but 'reader\.columns\.text' is 3"):
        read(tmp_path, "0\tx\n", **options)


def test_a_wrong_separator_has_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"known: text,label; correct 'reader\.separator' if"):
        read(tmp_path, "text,label\na,b\n")


@pytest.mark.parametrize("separator", ["", '"', "\n", "\r", "\0", ",,"])
def test_some_characters_separate_no_columns(separator: str) -> None:
    with pytest.raises(ValidationError, match="separator"):
        TableReader.model_validate({"format": "table", "separator": separator, "columns": NAMES})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"header": False}, "'reader.columns.text' is 'text', but must be the column's number"),
        ({"columns": {"text": 1, "label": 2}}, "is 1, but must be the column's name"),
        ({"columns": {"text": "text"}}, "must name text and label"),
    ],
)
def test_columns_are_names_or_numbers(options: dict[str, Any], message: str) -> None:
    tree = {"format": "table", "separator": ",", "columns": NAMES, **options}
    with pytest.raises(ValueError, match=message):
        TableReader.model_validate(tree).check_task("classification", ("text", "label"))
