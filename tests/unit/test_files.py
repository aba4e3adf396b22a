"""Atomic writes: a path has its old content or the new one, never a part."""

import json
from pathlib import Path

import pytest

from pipelines import files


def test_json_is_sorted_and_has_no_nan():
    assert json.loads(files.dump_json({"b": 1, "a": "é"})) == {"a": "é", "b": 1}
    assert files.dump_json({"b": 1, "a": 2}) == '{\n "a": 2,\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        files.dump_json({"a": float("nan")})


def test_json_is_written_as_dumped(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    files.write_json(path, {"b": [1, 2.5], "a": None})
    assert path.read_bytes() == files.dump_json({"a": None, "b": [1, 2.5]}).encode()


def test_a_failed_write_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old\n")

    def fail() -> None:
        with files.atomic_write(path) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text(encoding="utf-8") == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with files.atomic_write(path) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert [file.name for file in path.iterdir()] == ["new"]
