"""Hashes see every change that matters, and Git's state never fails."""

import subprocess
from pathlib import Path

from pipelines.tracking import provenance


def test_the_hash_of_a_file_is_the_one_of_dvc(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"hello")
    assert provenance.file_hash(file) == "5d41402abc4b2a76b9719d911017c592"


def test_the_hash_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    def made(name: str, files: dict[str, str]) -> str:
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return provenance.folder_hash(tmp_path / name)

    first = made("first", {"a": "1", "b/c": "2"})
    assert made("other order", {"b/c": "2", "a": "1"}) == first
    assert made("content", {"a": "1", "b/c": "3"}) != first
    assert made("name", {"a": "1", "b/d": "2"}) != first
    assert made("swapped", {"a": "2", "b/c": "1"}) != first


def _git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(root), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_git_state_outside_a_repository_is_none(tmp_path: Path) -> None:
    none = {"git_commit": "none", "git_dirty": "none"}
    assert provenance.git_state(tmp_path) == none
    assert provenance.git_state(tmp_path / "not there") == none
    _git(tmp_path, "init")
    assert provenance.git_state(tmp_path) == none


def test_only_code_and_parameters_make_a_tree_dirty(tmp_path: Path) -> None:
    _git(tmp_path, "init")
    for name in ("params.yaml", "dvc.lock"):
        (tmp_path / name).write_text("a: 1\n", encoding="utf-8")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "first")
    commit = _git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "dvc.lock").write_text("written by the running graph\n", encoding="utf-8")
    assert provenance.git_state(tmp_path) == {"git_commit": commit, "git_dirty": "false"}
    (tmp_path / "new.py").write_text("", encoding="utf-8")
    assert provenance.git_state(tmp_path) == {"git_commit": commit, "git_dirty": "true"}
