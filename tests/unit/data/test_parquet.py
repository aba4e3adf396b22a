import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.data import parquet
from pipelines.errors import UserError


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"document": ["a", "é"], "line": [1, 2], "text": ["one\n", "two three"]})


def test_round_trip(frame: pd.DataFrame, tmp_path: Path) -> None:
    parquet.write_parquet(frame, tmp_path / "deep" / "f.parquet")
    pd.testing.assert_frame_equal(parquet.read_parquet(tmp_path / "deep" / "f.parquet"), frame)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["f.parquet"]


def test_bytes_depend_on_the_content_only(frame: pd.DataFrame, tmp_path: Path) -> None:
    parquet.write_parquet(frame, tmp_path / "one.parquet")
    other = frame.copy()
    other.index = pd.Index([7, 3])
    other.attrs["note"] = "ignored"
    parquet.write_parquet(other, tmp_path / "two.parquet")
    first, second = (tmp_path / name for name in ("one.parquet", "two.parquet"))
    assert first.read_bytes() == second.read_bytes()
    assert pq.read_schema(first).metadata is None


def test_columns_are_compressed(frame: pd.DataFrame, tmp_path: Path) -> None:
    parquet.write_parquet(frame, tmp_path / "f.parquet")
    columns = pq.ParquetFile(tmp_path / "f.parquet").metadata.row_group(0)
    assert {columns.column(i).compression for i in range(3)} == {"ZSTD"}


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    parquet.write_parquet(pd.DataFrame({"a": [1]}), path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(Exception, match=r"mixed|convert|Expected"):
        parquet.write_parquet(pd.DataFrame({"a": [1, "x", object()]}), path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [file.name for file in tmp_path.iterdir()] == ["f.parquet"]


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.parquet does not exist"):
        parquet.read_parquet(tmp_path / "none.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UserError, match=r"broken\.parquet is not a valid Parquet"):
        parquet.read_parquet(tmp_path / "broken.parquet")


def test_a_split_reads_its_columns_in_parts(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "BATCH_ROWS", 3)
    texts = [f"text {number}" for number in range(10)]
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"text": texts, "line": range(10)}), path, row_group_size=4)
    split = parquet.Split(path)
    assert split.columns == ("text", "line")
    assert len(split) == 10
    column = split["text"]
    assert list(column) == list(column) == texts


def test_a_split_that_is_missing_or_broken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.parquet does not exist"):
        parquet.Split(tmp_path / "none.parquet")
    path = tmp_path / "broken.parquet"
    parquet.write_parquet(pd.DataFrame({"text": [str(i) * 50 for i in range(1000)]}), path)
    split = parquet.Split(path)
    content = bytearray(path.read_bytes())
    content[10:200] = bytes(190)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.parquet is not a valid Parquet"):
        list(split["text"])
