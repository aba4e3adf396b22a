"""`seqproof new`: creates a complete project or nothing at all."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import templates
from commands.app import app
from commands.new import new
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.lineage import dvc_project


def git(folder: Path, *arguments: str) -> str:
    process = subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True
    )
    return process.stdout.strip()


@pytest.fixture
def project(templates_folder: Path, tmp_path: Path) -> Path:
    """A project in a folder with a space in its path, whose parent did not exist."""
    folder = tmp_path / "some where" / "project"
    new(folder, "plays")
    return folder


def use_failing_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Make Git run a pre-commit hook."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (hooks / "pre-commit").chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[core]\nhooksPath = {hooks}\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))


def test_the_whole_project_is_committed(project: Path) -> None:
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "log", "--format=%s") == "A project from the template plays"
    assert params.load(project / "params.yaml").models
    config = (project / ".dvc" / "config").read_text(encoding="utf-8")
    assert "[core]\n    analytics = False" in config
    assert list(project.parent.iterdir()) == [project]


def test_git_merges_its_dvc_lock_by_entries(project: Path) -> None:
    assert git(project, "check-attr", "merge", "dvc.lock") == "dvc.lock: merge: dvc-lock"
    assert "seqproof merge-lock" in git(project, "config", "merge.dvc-lock.driver")


def test_dvc_reads_its_graph(project: Path) -> None:
    with dvc_project.open_project(project) as repo:
        stages = dvc_project.load_stages(repo)
    outs = {out for stage in stages.values() for out in stage.outs}
    assert "metrics/shakespeare-lstm.json" in outs


def test_the_readme_lists_the_goals(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert "# plays\n\nAll of plays: a test.\n" in readme
    goal = "bits per character ≤ 2.4; stretch ≤ 2.2; published: 2.5; a published model; a paper\n"
    assert f"- shakespeare-rnn, shakespeare-lstm: {goal}" in readme
    assert "markov" not in readme  # its goal has neither target nor published number


def test_a_global_gitignore_excludes_nothing(
    templates_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ignored").write_text("*.lock\nMakefile\n", encoding="utf-8")
    config = tmp_path / "config"
    config.write_text(f"[core]\nexcludesFile = {tmp_path / 'ignored'}\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    new(tmp_path / "project", "plays")
    assert {"requirements.lock", "Makefile"} <= set(git(tmp_path / "project", "ls-files").split())


def test_the_origin_is_recorded_outside_of_git(project: Path) -> None:
    origin = json.loads((project / ".seqproof" / "origin.json").read_text(encoding="utf-8"))
    assert origin["template"] == "plays"
    assert origin["git_commit"] == git(templates.SOURCE, "rev-parse", "HEAD")
    assert ".seqproof" not in git(project, "ls-files")


def test_the_next_commands_are_printed(
    templates_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    new(Path("my plays"), "plays")
    message, *commands = capsys.readouterr().out.splitlines()
    assert message.startswith("Created my plays from the template plays")
    assert commands == ["  cd 'my plays'", "  seqproof run"]


def test_git_needs_no_configured_author(
    templates_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(key, os.devnull)
    new(tmp_path / "project", "plays")
    assert git(tmp_path / "project", "log", "--format=%an") == "seqproof"
    config = tmp_path / "config"
    config.write_text("[user]\nname = A Person\nemail = person@example.org\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    new(tmp_path / "another", "plays")
    assert git(tmp_path / "another", "log", "--format=%an %ae") == "A Person person@example.org"


def test_an_empty_folder_is_accepted_even_the_current_one(
    templates_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    new(Path(), "plays")
    assert git(folder, "status", "--porcelain") == ""


def test_a_folder_in_use_is_left_unchanged(templates_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "used"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(UserError, match=r"used exists and is not empty"):
        new(folder, "plays")
    with pytest.raises(UserError, match=r"letter\.txt exists"):
        new(folder / "letter.txt", "plays")
    assert [file.name for file in folder.iterdir()] == ["letter.txt"]


def test_files_that_appear_during_the_command_are_left_unchanged(
    templates_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    initialise = dvc_project.initialise

    def initialise_and_write(project: Path) -> None:
        initialise(project)
        folder.mkdir()
        (folder / "params.yaml").write_text("my own", encoding="utf-8")

    monkeypatch.setattr(dvc_project, "initialise", initialise_and_write)
    with pytest.raises(UserError, match="project exists and is not empty"):
        new(folder, "plays")
    assert [file.name for file in folder.iterdir()] == ["params.yaml"]
    assert (folder / "params.yaml").read_text(encoding="utf-8") == "my own"


@pytest.mark.parametrize("name", ["loop", "loop/project"])
def test_a_link_to_itself_is_rejected(templates_folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UserError, match=f"{name} is a link to itself"):
        new(tmp_path / name, "plays")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_blank_name_is_not_the_current_folder(
    templates_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(app, ["new", name, "--template", "plays"])
    assert isinstance(result.exception, UserError)
    assert "folder" in str(result.exception)
    assert sorted(tmp_path.iterdir()) == before


def test_a_signal_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_failing_hook(tmp_path, monkeypatch, "kill $(cat $PID)\nsleep 30")
    folder = tmp_path / "projects"
    folder.mkdir()
    code = "import os, sys; from pathlib import Path; Path(os.environ['PID']).write_text(str("
    code += "os.getpid())); from commands.app import main; main()"
    process = subprocess.run(
        [sys.executable, "-c", code, "new", str(folder / "project"), "--template", "ptb"],
        cwd=templates.SOURCE,
        env=os.environ | {"PID": str(tmp_path / "pid")},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 143, process.stderr
    assert "Traceback" not in process.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("parents", ["", "a/b"])
def test_a_failure_leaves_nothing_behind(
    templates_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parents: str
) -> None:
    use_failing_hook(tmp_path, monkeypatch, "echo no more >&2\nexit 1")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"`git commit` failed.*: no more\.$"):
        new(tmp_path / parents / "project", "plays")
    assert sorted(tmp_path.iterdir()) == before


def test_an_unknown_template_names_the_nearest_and_all(
    templates_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"'play'.*'plays'.*plays, talk"):
        new(tmp_path / "project", "play")
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("arguments", [[], ["--template"], ["--template="]])
def test_without_a_template_all_are_named(
    templates_folder: Path, tmp_path: Path, arguments: list[str]
) -> None:
    result = CliRunner().invoke(app, ["new", str(tmp_path / "project"), *arguments])
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == "Set --template to one of: plays, talk."


def test_a_project_has_no_templates_itself(project: Path, templates_folder: Path) -> None:
    assert not (project / "templates").exists()
    for file in templates_folder.glob("*.yaml"):
        file.unlink()
    with pytest.raises(UserError, match=r"has no templates.*clone.*uvx"):
        new(project.parent / "another", "plays")


def test_help_does_not_import_slow_libraries() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom commands.app import app\n"
        "assert 'DIR' in CliRunner().invoke(app, ['new', '--help']).output\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=templates.SOURCE,
    )
    assert not set(re.findall(r"\w+", process.stdout)) & {"dvc", "pandas", "tensorflow", "yaml"}
