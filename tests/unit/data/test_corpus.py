import gzip
import io
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params
from pipelines.data.readers.bible import BibleReader
from pipelines.data.readers.by_file import ByFileReader
from pipelines.data.readers.folders import FoldersReader
from pipelines.data.readers.lines import LinesReader
from pipelines.data.readers.parallel import ParallelReader
from pipelines.data.readers.plays import PlaysReader
from pipelines.data.readers.ratings import RatingsReader
from pipelines.data.readers.table import TableReader
from pipelines.errors import UserError
from tests.unit.data.whole_frames import read_frame

PLAYS = PlaysReader(format="plays")
RATINGS = RatingsReader(format="ratings", threshold=0.5)
LINES = LinesReader(format="lines")
PARALLEL = ParallelReader(format="parallel")
BIBLE = BibleReader(format="bible", source="k", targets={"fr": "l"})


def table(separator: str = ",", **columns: str) -> TableReader:
    tree = {"format": "table", "separator": separator, "columns": columns}
    return TableReader.model_validate(tree)


def rows(frame: Any, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame[list(columns)].itertuples(index=False)]


def test_plays_lose_only_their_markdown(tmp_path: Path) -> None:
    text = (
        "# The Tempest\n\n## ACT I\n\n\n_Enter *two* men_\n\n**KING**  \nA bed--  \nof *thorns* "
        "\\--odours  \n\n_\\[Within]_  \n1\\. End\n"
    )
    (tmp_path / "b.md").write_text(text, encoding="utf-8")
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbf**Q**\r\nWhat?\r\n")
    frame = read_frame(tmp_path, PLAYS, "language_modelling")
    assert rows(frame, "document", "line", "text") == [
        ("a.md", 1, "Q\nWhat?\n"),
        ("b.md", 1, "The Tempest\n"),
        ("b.md", 3, "ACT I\n"),
        ("b.md", 6, "Enter two men\n"),
        ("b.md", 8, "KING\nA bed--\nof thorns --odours\n"),
        ("b.md", 12, "[Within]\n1. End\n"),
    ]
    assert str(frame["line"].dtype) == "int64"


def ratings(folder: Path, **members: bytes) -> None:
    with tarfile.open(folder / "rated.tar.gz", "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(f"top/{name}.txt")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def test_ratings_are_labelled_by_the_threshold(tmp_path: Path) -> None:
    tweets = b"1\t0.5\tgood &amp;amp; kind\r\n2\t-0.5\tbad\r\n3\t0.49\tso-so\r\n"
    movies = "1_1\t-3.2\tmal écrit\n".encode()
    ratings(tmp_path, tweets_GroundTruth=tweets, movies_GroundTruth=movies, README=b"no")
    frame = read_frame(tmp_path, RATINGS, "classification")
    assert rows(frame, "document", "line", "text", "label") == [
        ("movies_GroundTruth.txt", 1, "mal écrit", "negative"),
        ("tweets_GroundTruth.txt", 1, "good & kind", "positive"),
        ("tweets_GroundTruth.txt", 2, "bad", "negative"),
        ("tweets_GroundTruth.txt", 3, "so-so", "neutral"),
    ]


def test_broken_ratings_are_refused(tmp_path: Path) -> None:
    ratings(tmp_path, a_GroundTruth=b"1\t0.5\tgood\n2\tgood\n")
    with pytest.raises(UserError, match=r"a_GroundTruth\.txt:2 must be: id, tab"):
        read_frame(tmp_path, RATINGS, "classification")
    ratings(tmp_path, other=b"1\t0.5\tgood\n")
    with pytest.raises(UserError, match="has no file called"):
        read_frame(tmp_path, RATINGS, "classification")
    (tmp_path / "rated.tar.gz").write_bytes(b"nothing packed")
    with pytest.raises(UserError, match="not a valid tar archive of rated"):
        read_frame(tmp_path, RATINGS, "classification")


def bible(path: Path) -> None:
    verses = [
        ("k", 1, 1, 2, "And the earth"),
        ("k", 1, 1, 1, "In the beginning"),
        ("k", 1, 2, 1, "Thus"),
        ("k", 2, 1, 1, "Now"),
        ("l", 1, 1, 1, "Au commencement"),
        ("l", 1, 1, 2, " "),
        ("l", 2, 1, 1, "Voici"),
        ("c", 1, 1, 1, "x"),
    ]
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE bible (bbName TEXT, bNumber INT, cNumber INT, vNumber INT, vText TEXT)"
    )
    database.executemany("INSERT INTO bible VALUES (?, ?, ?, ?, ?)", verses)
    database.commit()
    database.close()


def test_verses_without_a_translation_are_skipped(tmp_path: Path) -> None:
    bible(tmp_path / "a b#.db")  # characters that a URI must escape
    before = (tmp_path / "a b#.db").read_bytes()
    frame = read_frame(tmp_path, BIBLE, "translation")
    assert rows(frame, "document", "line", "source", "target") == [
        ("a b#.db", 1, "In the beginning", "Au commencement"),
        ("a b#.db", 4, "Now", "Voici"),
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["a b#.db"], "no journal file"
    assert (tmp_path / "a b#.db").read_bytes() == before


def test_the_first_word_names_the_target_language(tmp_path: Path) -> None:
    """Johnson et al. (2017): one model for all; the rows of a verse share its number."""
    bible(tmp_path / "b.db")
    reader = BibleReader(format="bible", source="k", targets={"fr": "l", "xx": "c"})
    assert reader.groups == {"fr": "2fr", "xx": "2xx"}
    assert BIBLE.groups == {}
    frame = read_frame(tmp_path, reader, "translation")
    assert rows(frame, "line", "source", "target") == [
        (1, "2fr In the beginning", "Au commencement"),
        (1, "2xx In the beginning", "x"),
        (4, "2fr Now", "Voici"),
    ]


def test_unknown_bibles_are_refused(tmp_path: Path) -> None:
    bible(tmp_path / "b.db")
    reader = BibleReader(format="bible", source="k", targets={"fr": "q"})
    with pytest.raises(UserError, match=r"'reader\.targets\.fr' is 'q'.*b\.db.*known: c, k, l"):
        read_frame(tmp_path, reader, "translation")
    (tmp_path / "b.db").write_bytes(b"no database at all, but long enough to be looked at" * 9)
    with pytest.raises(UserError, match="not a database of Bibles"):
        read_frame(tmp_path, BIBLE, "translation")


def test_a_database_that_asks_for_endless_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(*_: object) -> None:
        raise MemoryError

    bible(tmp_path / "b.db")
    monkeypatch.setattr(BibleReader, "_verses", allocate)
    with pytest.raises(UserError, match=r"b\.db is not a database of Bibles: it is damaged\.$"):
        read_frame(tmp_path, BIBLE, "translation")


def test_lines_lose_only_empty_lines_at_the_beginning(tmp_path: Path) -> None:
    text = "\none\n\n\ntwo \nthree\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    frame = read_frame(tmp_path, LINES, "language_modelling")
    assert rows(frame, "line", "text") == [(2, "one\n\n"), (5, "two "), (6, "three")]
    assert "".join(text + "\n" for text in frame["text"]) == text.lstrip("\n")


def test_table_cells_may_be_quoted_over_lines(tmp_path: Path) -> None:
    text = 'id,mood,said\n1,good,"a, ""b""\nc"\n\n2,bad,NA\n'
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    frame = read_frame(tmp_path, table(text="said", label="mood"), "classification")
    assert rows(frame, "line", "text", "label") == [(2, 'a, "b"\nc', "good"), (5, "NA", "bad")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,moods,said\n1,a,b\n", r"a\.csv:1 has no column 'mood'; did you mean 'moods'"),
        ("mood,said\na,b\nc\n", r"a\.csv:3 has 1 cell, but the header has 2"),
        ('mood,said\na,b\nc,"open\nand on\n', r"a\.csv:3 is not a valid table row"),
        ("mood,said\n", "has no row"),
        (" \n", r"a\.csv is empty"),
    ],
)
def test_broken_tables_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_frame(tmp_path, table(text="said", label="mood"), "classification")


def test_parallel_files_follow_the_order_of_params(tmp_path: Path) -> None:
    (tmp_path / "x.de.gz").write_bytes(gzip.compress(b"eins\n\nzwei\n", mtime=0))
    (tmp_path / "x.en").write_text("one\n\ntwo\n", encoding="utf-8")
    frame = read_frame(tmp_path, PARALLEL, "translation", ["x.en", "x.de.gz"])
    assert rows(frame, "document", "line", "source", "target") == [
        ("x.en", 1, "one", "eins"),
        ("x.en", 3, "two", "zwei"),
    ]
    assert read_frame(tmp_path, PARALLEL, "translation")["source"].tolist() == ["eins", "zwei"]


def test_parallel_files_of_different_lengths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n2\n3\n", encoding="utf-8")
    with pytest.raises(UserError, match="needs 2 files, source and target, but 'source' has 1: a"):
        read_frame(tmp_path, PARALLEL, "translation")
    (tmp_path / "b").write_text("1\n2\n", encoding="utf-8")
    with pytest.raises(UserError, match="a has 3 lines and b 2"):
        read_frame(tmp_path, PARALLEL, "translation")


def test_bad_bytes_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("one\ntwo\nété\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.txt:3 is not UTF-8 \(byte 0xe9\)"):
        read_frame(tmp_path, LINES, "language_modelling")
    (tmp_path / "a.txt").rename(tmp_path / "a.gz")
    with pytest.raises(UserError, match="not a valid gzip file"):
        read_frame(tmp_path, LINES, "language_modelling")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Run `seqproof run fetch"):
        read_frame(tmp_path, LINES, "language_modelling")


def test_labels_may_be_renamed(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("so good \n\nbad: \u2028 yes\n", encoding="utf-8")
    (tmp_path / "labels.txt").write_bytes(b"1\r\n\r\n0 \r\n")
    order = ["text.txt", "labels.txt"]
    named = ParallelReader(format="parallel", labels={"0": "anger", "1": "joy"})
    frame = read_frame(tmp_path, named, "classification", order)
    assert rows(frame, "document", "line", "text", "label") == [
        ("text.txt", 1, "so good ", "joy"),
        ("text.txt", 3, "bad: \u2028 yes", "anger"),
    ]
    frame = read_frame(tmp_path, PARALLEL, "classification", order)
    assert frame["label"].tolist() == ["1", "0"]
    few = ParallelReader(format="parallel", labels={"1": "joy"})
    with pytest.raises(
        UserError, match=r"labels\.txt:3 is '0', but 'reader.labels' has no such label.*known: 1"
    ):
        read_frame(tmp_path, few, "classification", order)


def given_split(**parts: list[str]) -> params.GivenSplit:
    return params.GivenSplit.model_validate({"method": "given", **parts})


def test_given_parts_are_read_in_their_own_order(tmp_path: Path) -> None:
    for part, lines in (("tr", "1\n2\n"), ("va", "3\n"), ("te", "4\n5\n")):
        for side in ("de", "en"):
            (tmp_path / f"{part}.{side}").write_text(f"{side} {lines}", encoding="utf-8")
    split = given_split(train=["tr.de", "tr.en"], valid=["va.de", "va.en"], test=["te.en", "te.de"])
    frame = read_frame(tmp_path, PARALLEL, "translation", ["te.de", "tr.en"], split)
    assert rows(frame, "document", "line", "source", "target") == [
        ("tr.de", 1, "de 1", "en 1"),
        ("tr.de", 2, "2", "2"),
        ("va.de", 1, "de 3", "en 3"),
        ("te.en", 1, "en 4", "de 4"),
        ("te.en", 2, "5", "5"),
    ]


def test_given_parts_name_every_file_and_no_other(tmp_path: Path) -> None:
    for name in ("train.txt", "valid.txt", "test.txt"):
        (tmp_path / name).write_text("a\n", encoding="utf-8")
    split = given_split(train=["train.txt"], valid=["val.txt"], test=["test.txt"])
    message = r"'split' names 'val\.txt', but 'source' has no such file \(did you mean 'valid\.txt'"
    with pytest.raises(UserError, match=message):
        read_frame(tmp_path, LINES, "language_modelling", (), split)
    split = given_split(train=["train.txt"], valid=["valid.txt"], test=["test.txt"])
    assert len(read_frame(tmp_path, LINES, "language_modelling", (), split)) == 3
    (tmp_path / "mapping.txt").write_text("a\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"'source' has the file 'mapping\.txt', but 'split' does not"
    ):
        read_frame(tmp_path, LINES, "language_modelling", (), split)


def test_given_parts_may_be_folders_and_patterns(tmp_path: Path) -> None:
    for name in ("train/good/1", "train/bad/1", "held/good/2", "held/bad/3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n", encoding="utf-8")
    reader = FoldersReader(format="folders")
    split = given_split(train=["train"], valid=["held/*/2"], test=["held/bad/3"])
    frame = read_frame(tmp_path, reader, "classification", (), split)
    assert rows(frame, "document", "label") == [
        ("train/bad/1", "bad"),
        ("train/good/1", "good"),
        ("held/good/2", "good"),
        ("held/bad/3", "bad"),
    ]
    parts = {"train/bad/1": 0, "train/good/1": 0, "held/good/2": 1, "held/bad/3": 2}
    assert split.parts_of(frame["document"]) == parts
    split = given_split(train=["train"], valid=["held/g"], test=["held"])
    with pytest.raises(UserError, match=r"'split' names 'held/g', but 'source' has no such file"):
        read_frame(tmp_path, reader, "classification", (), split)


def by_file(**readers: Any) -> ByFileReader:
    files = {name.replace("_", "."): reader for name, reader in readers.items()}
    return ByFileReader.model_validate({"format": "by_file", "files": files})


def test_files_of_several_formats_in_one_corpus(tmp_path: Path) -> None:
    cells = b'id,text\r\n1,"a ""quoted"" tweet,\r\nof two lines"\r\n2,plain\r\n'
    (tmp_path / "a.csv").write_bytes(cells)
    (tmp_path / "b.txt").write_text("one\ntwo\n", encoding="utf-8")
    table_of = {"format": "table", "separator": ",", "columns": {"text": "text"}}
    reader = by_file(a_csv=table_of, b_txt={"format": "lines"})
    frame = read_frame(tmp_path, reader, "language_modelling", ["b.txt", "a.csv"])
    assert rows(frame, "document", "line", "text") == [
        ("b.txt", 1, "one"),
        ("b.txt", 2, "two"),
        ("a.csv", 2, 'a "quoted" tweet,\nof two lines'),
        ("a.csv", 4, "plain"),
    ]
    with pytest.raises(
        UserError, match=r"'source' has the file 'b\.txt', but 'reader.files' does not"
    ):
        read_frame(tmp_path, by_file(a_csv=table_of), "language_modelling")
    reader = by_file(a_csv=table_of, b_txt={"format": "lines"}, c_txt={"format": "lines"})
    with pytest.raises(UserError, match=r"'reader.files' names 'c\.txt', but 'source' has no"):
        read_frame(tmp_path, reader, "language_modelling")
