"""Git: the state of the working tree, patches and worktrees."""

import subprocess
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.lineage import git as git_project


def _git(root: Path, *arguments: str) -> str:
    author = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(root), *author, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_git_state_outside_a_repository_is_none(tmp_path: Path) -> None:
    none = {"git_commit": "none", "git_dirty": "none"}
    assert git_project.git_state(tmp_path) == none
    assert git_project.git_state(tmp_path / "missing") == none
    _git(tmp_path, "init")
    assert git_project.git_state(tmp_path) == none


def test_only_code_and_parameters_make_a_tree_dirty(tmp_path: Path) -> None:
    _git(tmp_path, "init")
    for name in ("params.yaml", "dvc.lock"):
        (tmp_path / name).write_text("a: 1\n", encoding="utf-8")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "first")
    commit = _git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "dvc.lock").write_text("written by the running graph\n", encoding="utf-8")
    assert git_project.git_state(tmp_path) == {"git_commit": commit, "git_dirty": "false"}
    (tmp_path / "new.py").write_text("", encoding="utf-8")
    assert git_project.git_state(tmp_path) == {"git_commit": commit, "git_dirty": "true"}


@pytest.fixture
def repository(tmp_path):
    """A commit, and a modified file, a new one, a deleted one and one that is not code."""
    root = tmp_path / "project"
    root.mkdir()

    def git(*arguments):
        return subprocess.run(
            ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    for name in ("same.py", "modified.py", "deleted.py", "params.yaml"):
        (root / name).write_text(f"{name}\n \n", encoding="utf-8")
    git("add", "-A")
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "first")
    (root / "modified.py").write_text("modified\n \n", encoding="utf-8")
    (root / "new.yaml").write_text("new: 1\n", encoding="utf-8")
    (root / "dvc.lock").write_text("no code\n", encoding="utf-8")
    (root / "deleted.py").unlink()
    return root, git


SETTINGS = {"diff.noprefix": "true", "color.ui": "always", "diff.mnemonicPrefix": "true"}


@pytest.mark.parametrize("content", [b"new\n", b"one\r\ntwo\r\n", b"# caf\xe9\n"])
@pytest.mark.parametrize("settings", [{}, SETTINGS])
def test_the_patch_restores_a_dirty_tree(repository, settings, content):
    root, git = repository
    for key, value in settings.items():
        git("config", key, value)
    (root / "other.py").write_bytes(content)
    (root / "modified.py").write_bytes(b"modified\n \n" + content)
    status = git("status", "--porcelain")
    patch = git_project.working_tree_patch(root)
    assert git("status", "--porcelain") == status  # the index is unchanged
    assert "dvc.lock" not in patch
    commit = git_project.git_state(root)["git_commit"]
    with git_project.worktree(root, commit, patch) as copy:
        code = {file.name: file.read_bytes() for file in copy.iterdir() if file.is_file()}
        code.pop(".git")
        expected = {file.name: file.read_bytes() for file in root.iterdir() if file.is_file()}
        assert code == {name: text for name, text in expected.items() if name != "dvc.lock"}
    assert len(git("worktree", "list").splitlines()) == 1
    assert not copy.exists()


def test_a_clean_tree_and_a_folder_without_git_have_no_patch(repository, tmp_path):
    root, git = repository
    git("checkout", "-q", "--", ".")
    (root / "new.yaml").unlink()
    assert git_project.working_tree_patch(root) == ""
    assert git_project.working_tree_patch(tmp_path) == ""


def test_a_missing_commit_and_a_patch_that_does_not_apply_are_errors(repository):
    root, _ = repository
    commit = git_project.git_state(root)["git_commit"]
    with (
        pytest.raises(UserError, match="commit ffff"),
        git_project.worktree(root, "f" * 40, ""),
    ):
        pass
    patch = git_project.working_tree_patch(root).replace("-modified.py", "-something")
    with (
        pytest.raises(UserError, match=r"patch.*does not apply"),
        git_project.worktree(root, commit, patch),
    ):
        pass
