"""Hashes see every change that matters, and Git's state never fails."""

import subprocess
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.lineage import provenance


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


@pytest.fixture
def repository(tmp_path):
    """One commit, then: a changed file, a new one, a deleted one, and two that are no code."""
    root = tmp_path / "project"
    root.mkdir()

    def git(*words):
        return subprocess.run(
            ["git", *words], cwd=root, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    for name in ("kept.py", "changed.py", "gone.py", "params.yaml"):
        (root / name).write_text(f"{name}\n \n", encoding="utf-8")
    git("add", "-A")
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "one")
    (root / "changed.py").write_text("changed\n \n", encoding="utf-8")
    (root / "new.yaml").write_text("new: 1\n", encoding="utf-8")
    (root / "dvc.lock").write_text("no code\n", encoding="utf-8")
    (root / "gone.py").unlink()
    return root, git


SETTINGS = {"diff.noprefix": "true", "color.ui": "always", "diff.mnemonicPrefix": "true"}


@pytest.mark.parametrize("content", [b"new\n", b"one\r\ntwo\r\n", b"# caf\xe9\n"])
@pytest.mark.parametrize("settings", [{}, SETTINGS])
def test_the_patch_of_a_dirty_tree_makes_it_again(repository, settings, content):
    root, git = repository
    for key, value in settings.items():
        git("config", key, value)
    (root / "other.py").write_bytes(content)
    (root / "changed.py").write_bytes(b"changed\n \n" + content)
    status = git("status", "--porcelain")
    patch = provenance.working_tree_patch(root)
    assert git("status", "--porcelain") == status  # nothing is added to Git's own index
    assert "dvc.lock" not in patch
    commit = provenance.git_state(root)["git_commit"]
    with provenance.worktree(root, commit, patch) as copy:
        code = {file.name: file.read_bytes() for file in copy.iterdir() if file.is_file()}
        code.pop(".git")
        here = {file.name: file.read_bytes() for file in root.iterdir() if file.is_file()}
        assert code == {name: text for name, text in here.items() if name != "dvc.lock"}
    assert len(git("worktree", "list").splitlines()) == 1
    assert not copy.exists()


def test_a_clean_tree_has_no_patch_and_a_folder_without_git_neither(repository, tmp_path):
    root, git = repository
    git("checkout", "-q", "--", ".")
    (root / "new.yaml").unlink()
    assert provenance.working_tree_patch(root) == ""
    assert provenance.working_tree_patch(tmp_path) == ""


def test_a_commit_that_is_not_there_and_a_patch_that_does_not_fit(repository):
    root, _ = repository
    commit = provenance.git_state(root)["git_commit"]
    with (
        pytest.raises(UserError, match="Git has no commit ffff"),
        provenance.worktree(root, "f" * 40, ""),
    ):
        pass
    patch = provenance.working_tree_patch(root).replace("-changed.py", "-something")
    with (
        pytest.raises(UserError, match="patch of the run does not fit"),
        provenance.worktree(root, commit, patch),
    ):
        pass
