"""Checks of a project: Git, dvc.lock, params.yaml and the graph."""

import subprocess
from pathlib import Path

import pytest

from pipelines.diagnostics import project
from pipelines.diagnostics.diagnostic import Diagnostic

ROOT = Path(__file__).parents[3]


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", folder, *author, *arguments], capture_output=True, check=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a Git repository with one commit."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def test_uncommitted_code_is_a_warning(repository: Path) -> None:
    assert project.git(repository).message.endswith(", without uncommitted changes")
    (repository / "notes.txt").write_text("no code", encoding="utf-8")
    assert project.git(repository).status == "ok"
    (repository / "new.py").write_text("", encoding="utf-8")
    diagnostic = project.git(repository)
    assert diagnostic.status == "warning"
    assert diagnostic.message.endswith(", with uncommitted changes of code or parameters")


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project.git(tmp_path).status == "warning"
    assert project.git(None) == Diagnostic(project.NO_PROJECT)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert project.git(tmp_path).status == project.git(None).status == "failed"


def test_an_uncommitted_lock_file_is_a_warning(repository: Path) -> None:
    lock = repository / "dvc.lock"
    assert project.lock_file(lock) == Diagnostic("does not exist: no stage has run yet")
    lock.write_text("a", encoding="utf-8")
    assert project.lock_file(lock).status == "warning"
    git(repository, "add", "dvc.lock")
    assert project.lock_file(lock).status == "warning"
    git(repository, "commit", "--quiet", "--message", "second")
    assert project.lock_file(lock) == Diagnostic("committed")
    lock.write_text("b", encoding="utf-8")
    assert project.lock_file(lock).status == "warning"


def test_a_lock_file_that_git_ignores_is_a_warning(repository: Path) -> None:
    (repository / ".gitignore").write_text("dvc.lock\n", encoding="utf-8")
    (repository / "dvc.lock").write_text("a", encoding="utf-8")
    assert project.lock_file(repository / "dvc.lock").status == "warning"


def test_invalid_parameters_fail(repository: Path) -> None:
    file = repository / "params.yaml"
    assert project.parameters(file).message.startswith("valid; corpora: ")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("\nseed:", "\nseeds:"), encoding="utf-8")
    diagnostic = project.parameters(file)
    assert diagnostic.status == "failed"
    assert "seeds" in diagnostic.message
    assert "\n" not in diagnostic.message


def test_a_graph_that_dvc_cannot_read_fails(repository: Path) -> None:
    diagnostic = project.graph(repository)
    assert diagnostic.status == "failed"
    assert "DVC" in diagnostic.message
    assert "\n" not in diagnostic.message


def test_a_project_without_params_yaml_fails(repository: Path) -> None:
    (repository / "params.yaml").rename(repository / "dvc.yaml")
    diagnostic = project.checks(repository)["params.yaml"]()
    assert diagnostic.status == "failed"
    assert "params.yaml" in diagnostic.message
