"""Entries of dvc.lock, and what killed processes leave in DVC's locks."""

import json
import os
import re
from functools import partial
from pathlib import Path

import pytest
from dvc.utils.serialize import modify_yaml

from pipelines.lineage import reproduction

ENTRY = {
    "cmd": "python -m stages.x 'ä: #' " + "y" * 200 + " z" * 80,
    "deps": [{"path": "a b", "hash": "md5", "md5": "1234567890", "size": 1}],
    "params": {"params.yaml": {"rate": 1e-3, "corpora.a": {"text": "two\n  lines", "no": None}}},
    "outs": [{"path": "out", "hash": "md5", "md5": "0e12", "size": 2}],
}


def change(modify, path: Path, name: str, entry: dict) -> None:
    """Change an entry as DVC does it."""
    with modify(str(path)) as content:
        if not content:
            content.update({"schema": "2.0"})
        content["stages"] = content.get("stages", {})
        if content["stages"].get(name, {}) != entry:
            content["stages"].update({name: entry})


@pytest.mark.parametrize("before", ["", "# a comment\n"])
def change_alone(path: Path, name: str, entry: dict, order: list[str]) -> None:
    """Change an entry without reading the others."""
    change(partial(reproduction.modify_lock, name, order), path, name, entry)


@pytest.mark.parametrize("before", ["", "# a comment\n"])
def test_entries_are_written_as_dvc_writes_them(tmp_path, before):
    path, expected = tmp_path / "dvc.lock", tmp_path / "other.lock"
    names = ["check", "fetch@a", "train@b", "report"]
    for step, name in enumerate([*names, "fetch@a", "report", "report"]):
        entry = ENTRY | {"deps": [{"path": f"p{step % 6}", "md5": "1"}]}
        change(modify_yaml, expected, name, entry)
        change_alone(path, name, entry, names)
        if step == 0 and before:
            for file in (path, expected):
                file.write_text(before + file.read_text())
        assert path.read_bytes() == expected.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dvc.lock", "other.lock"]


def test_entries_are_in_the_order_of_dvc_repro(tmp_path):
    path = tmp_path / "dvc.lock"
    for name in ("gone", "report", "check", "fetch@a"):
        change_alone(path, name, ENTRY, ["check", "fetch@a", "report"])
    names = re.findall(r"^  (\S+):$", path.read_text(), flags=re.M)
    assert names == ["check", "fetch@a", "report", "gone"]


def test_an_error_leaves_the_lock_as_it_was(tmp_path):
    path = tmp_path / "dvc.lock"
    change(modify_yaml, path, "check", ENTRY)
    text = path.read_text()

    def fail() -> None:
        with reproduction.modify_lock("check", [], str(path)) as content:
            content["stages"]["check"] = {}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == text


def test_locks_of_others_stay(tmp_path):
    path = tmp_path / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True)
    reproduction.release_locks(tmp_path)
    assert not path.exists()
    ours, theirs = ({"pid": os.getpid(), "cmd": cmd} for cmd in ("seqproof run x", "dvc repro x"))
    path.write_text(
        json.dumps({"write": {"a": ours, "b": theirs}, "read": {"c": [ours, theirs], "d": [ours]}})
    )
    reproduction.release_locks(tmp_path)
    assert json.loads(path.read_text()) == {"write": {"b": theirs}, "read": {"c": [theirs]}}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"write": {"a": {}}}', '{"read": 3}'])
def test_a_damaged_list_of_locks_is_removed(tmp_path, text):
    path = tmp_path / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    reproduction.release_locks(tmp_path)
    assert not path.exists()
