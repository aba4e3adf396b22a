"""A project in its folder: Git, dvc.lock, params.yaml and the graph."""

import subprocess
from pathlib import Path

import pytest

from pipelines.diagnostics import project
from pipelines.diagnostics.results import Diagnostic

ROOT = Path(__file__).parents[3]


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", folder, *who, *words], capture_output=True, check=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder under Git with one commit."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def test_code_that_differs_from_its_commit(here: Path) -> None:
    assert project.git(here).found.endswith(", code and parameters as they stand there")
    (here / "notes.txt").write_text("no code", encoding="utf-8")
    assert project.git(here).mark == "ok"
    (here / "new.py").write_text("", encoding="utf-8")
    found = project.git(here)
    assert found.mark == "warning"
    assert found.found.endswith(", and code or parameters differ from it")


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project.git(tmp_path).mark == "warning"
    assert project.git(None) == Diagnostic(project.NONE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert project.git(tmp_path).mark == project.git(None).mark == "failed"


def test_a_lock_that_is_not_in_the_commit(here: Path) -> None:
    lock = here / "dvc.lock"
    assert project.results(lock) == Diagnostic("not there yet: nothing has run")
    lock.write_text("one", encoding="utf-8")
    assert project.results(lock).mark == "warning"
    git(here, "add", "dvc.lock")
    assert project.results(lock).mark == "warning"
    git(here, "commit", "--quiet", "--message", "second")
    assert project.results(lock) == Diagnostic("committed")
    lock.write_text("two", encoding="utf-8")
    assert project.results(lock).mark == "warning"


def test_a_lock_that_git_ignores(here: Path) -> None:
    (here / ".gitignore").write_text("dvc.lock\n", encoding="utf-8")
    (here / "dvc.lock").write_text("one", encoding="utf-8")
    assert project.results(here / "dvc.lock").mark == "warning"


def test_parameters_that_are_not_sound(here: Path) -> None:
    values = here / "params.yaml"
    assert project.parameters(values).found.startswith("sound; corpora: ")
    text = values.read_text(encoding="utf-8")
    values.write_text(text.replace("\nseed:", "\nseeds:"), encoding="utf-8")
    found = project.parameters(values)
    assert found.mark == "failed"
    assert "seeds is not a valid key" in found.found
    assert "\n" not in found.found


def test_a_graph_that_dvc_cannot_read(here: Path) -> None:
    found = project.dvc()
    assert found.mark == "failed"
    assert found.found.startswith("DVC refuses ")
    assert "\n" not in found.found


def test_half_a_project_is_a_broken_one(here: Path, tmp_path: Path) -> None:
    (here / "params.yaml").rename(here / "dvc.yaml")
    names = [here / name for name in ("params.yaml", "dvc.yaml", "dvc.lock")]
    found = {name: check() for name, check in project.checks(*names).items()}
    assert found["params.yaml"].mark == "failed"
    assert "is missing" in found["params.yaml"].found
