"""Git merges dvc.lock with the driver that `seqproof merge-lock --install` sets."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands import merge_lock
from tests.contract.imports import ROOT
from tests.unit.lineage.test_lock_merge import lock, version_of
from tests.unit.tiny_project import MODEL, Project

SEQPROOF = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from seqproof.launcher import main
main()
"""
SENTENCE = "dvc.lock: both sides changed report. The merged file has no such entry"


def install(project: Project) -> None:
    """Set the driver, and put the program into the environment of the project."""
    program = project.root / ".venv" / "bin" / "seqproof"
    program.parent.mkdir(parents=True)
    program.write_text(SEQPROOF.format(python=sys.executable, root=str(ROOT)), encoding="utf-8")
    program.chmod(0o755)
    shutil.copy(ROOT / ".gitattributes", project.root)
    (project.root / ".git" / "info" / "exclude").write_text("/.venv/\n", encoding="utf-8")
    merge_lock.install(project.root)


def merge(project: Project, *words: str) -> tuple[int, str]:
    """Run a command of Git that merges; return its exit code and what it prints."""
    git = [
        str(shutil.which("git")),
        "-c",
        "user.name=someone",
        "-c",
        "user.email=someone@example.org",
    ]
    process = subprocess.run(
        [*git, *words],
        cwd=project.root,
        env={**os.environ, "PATH": os.defpath},  # only the program in .venv
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, process.stdout + process.stderr


@pytest.fixture
def branches(tmp_path: Path) -> Project:
    """A repository whose two branches have trained different models; `ours` is checked out."""
    project = Project(tmp_path)
    project.run("git", "init", "-q")
    install(project)
    for branch, versions in (
        ("base", {"check": "1", "report": "1"}),
        ("ours", {"check": "1", "train_at_a": "1", "evaluate_at_a": "1", "report": "2"}),
        ("theirs", {"check": "1", "train_at_b": "1", "evaluate_at_b": "1", "report": "3"}),
    ):
        start = [] if branch == "base" else ["base"]
        project.run("git", "checkout", "-qb", branch, *start)
        (tmp_path / "dvc.lock").write_text(lock(**versions), encoding="utf-8")
        project.commit(branch)
    project.run("git", "checkout", "-q", "ours")
    return project


@pytest.mark.parametrize(
    "words", [("merge", "--no-edit", "theirs"), ("rebase", "theirs"), ("cherry-pick", "theirs")]
)
def test_branches_that_trained_different_models_merge(
    branches: Project, words: tuple[str, ...]
) -> None:
    code, output = merge(branches, *words)
    assert code == 0, output
    assert SENTENCE in output
    text = (branches.root / "dvc.lock").read_text(encoding="utf-8")
    versions = {name: version_of(text, name) for name in ("check", "train@a", "train@b", "report")}
    assert versions == {"check": "1", "train@a": "1", "train@b": "1", "report": None}
    assert branches.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize("missing", ["a sound file", "the program"])
def test_without_a_sound_file_or_the_program_git_shows_a_conflict(
    branches: Project, missing: str
) -> None:
    if missing == "the program":
        shutil.rmtree(branches.root / ".venv")
    else:
        (branches.root / "dvc.lock").write_text("damaged\n", encoding="utf-8")
        branches.commit("damaged")
    code, output = merge(branches, "merge", "theirs")
    assert code == 1
    assert "CONFLICT (content): Merge conflict in dvc.lock" in output
    text = (branches.root / "dvc.lock").read_text(encoding="utf-8")
    assert ("<<<<<<< ours" in text, ">>>>>>> theirs" in text) == (True, True)
    assert "Traceback" not in output


def test_a_folder_without_git_is_left_alone(tmp_path: Path) -> None:
    merge_lock.install(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_after_a_merge_only_the_report_runs(project: Project) -> None:
    install(project)
    project.commit("driver")
    main = project.run("git", "rev-parse", "--abbrev-ref", "HEAD")
    text = (project.root / "params.yaml").read_text(encoding="utf-8")
    start = text.index(f"    {MODEL}:")
    entry = text[start : text.index("  lstm:", start)]
    for branch, changed in (
        ("ours", text.replace("order: 3", "order: 4")),
        ("theirs", text.replace(entry, entry + entry.replace(MODEL, "another"))),
    ):
        project.run("git", "checkout", "-qb", branch, main)
        project.run("dvc", "checkout", "-q", "--force")
        (project.root / "params.yaml").write_text(changed, encoding="utf-8")
        project.run("dvc", "repro")
        project.commit(branch)
    code, output = merge(project, "merge", "--no-edit", "ours")
    assert (code, SENTENCE in output) == (0, True), output
    command = [str(project.root / ".venv" / "bin" / "seqproof"), "run", "--json"]
    states = {
        stage["stage"]: stage["state"] for stage in json.loads(project.run(*command))["stages"]
    }
    assert states.pop("report") == "ran"
    assert "ran" not in states.values()
    assert {"another", MODEL} <= {name.partition("@")[2] for name in project.locked()}
    assert (project.root / "models" / "another" / "model.json").is_file()
    assert json.loads((project.root / "models" / MODEL / "model.json").read_text()) == {"order": 4}
