"""`seqproof new`: a whole project or nothing at all."""

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


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def made(shelf: Path, tmp_path: Path) -> Path:
    """A project in a folder whose parents were not there, with a blank in its name."""
    folder = tmp_path / "some where" / "project"
    new(folder, "plays")
    return folder


def test_a_project_is_committed_as_a_whole(made: Path) -> None:
    assert git(made, "status", "--porcelain") == ""
    assert git(made, "log", "--format=%s") == "A project from the template plays"
    assert params.load(made / "params.yaml").models
    assert "[core]\n    analytics = False" in (made / ".dvc" / "config").read_text(encoding="utf-8")
    assert list(made.parent.iterdir()) == [made]


def test_it_has_its_own_graph(made: Path) -> None:
    words = dvc_project.commands("evaluate", made)["shakespeare-lstm"]
    assert dvc_project.option(words, "metrics") == Path("metrics/shakespeare-lstm.json")


def test_its_readme_says_what_it_should_reach(made: Path) -> None:
    readme = (made / "README.md").read_text(encoding="utf-8")
    assert "# plays\n\nAll of plays: a test.\n" in readme
    wanted = "bits per character ≤ 2.4; aim ≤ 2.2; published: 2.500; a model of others; a paper\n"
    assert f"- shakespeare-rnn, shakespeare-lstm: {wanted}" in readme
    assert "markov" not in readme  # nobody asks anything of it


def test_a_persons_own_list_of_ignored_files_takes_nothing_away(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ignored").write_text("*.lock\nMakefile\n", encoding="utf-8")
    config = tmp_path / "config"
    config.write_text(f"[core]\nexcludesFile = {tmp_path / 'ignored'}\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    new(tmp_path / "project", "plays")
    assert {"requirements.lock", "Makefile"} <= set(git(tmp_path / "project", "ls-files").split())


def test_its_origin_stays_out_of_git(made: Path) -> None:
    origin = json.loads((made / ".seqproof" / "origin.json").read_text(encoding="utf-8"))
    assert origin["template"] == "plays"
    assert origin["git_commit"] == git(templates.SOURCE, "rev-parse", "HEAD")
    assert ".seqproof" not in git(made, "ls-files")


def test_what_to_type_next(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    new(Path("my plays"), "plays")
    first, *commands = capsys.readouterr().out.splitlines()
    assert first.startswith("my plays holds plays;")
    assert commands == ["  cd 'my plays'", "  dvc repro"]


def test_it_needs_nobodys_name(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_an_empty_folder_will_do_even_this_one(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    new(Path(), "plays")
    assert git(folder, "status", "--porcelain") == ""


def test_a_folder_in_use_is_left_as_it_is(shelf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "used"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(UserError, match=r"used is there and not empty: name a folder that is not"):
        new(folder, "plays")
    with pytest.raises(UserError, match=r"letter\.txt is there"):
        new(folder / "letter.txt", "plays")
    assert [file.name for file in folder.iterdir()] == ["letter.txt"]


def test_files_that_come_while_it_works_are_left_as_they_are(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    whole = dvc_project.initialise

    def meanwhile(project: Path) -> None:
        whole(project)
        folder.mkdir()
        (folder / "params.yaml").write_text("mine", encoding="utf-8")

    monkeypatch.setattr(dvc_project, "initialise", meanwhile)
    with pytest.raises(UserError, match="project is there and not empty"):
        new(folder, "plays")
    assert [file.name for file in folder.iterdir()] == ["params.yaml"]
    assert (folder / "params.yaml").read_text(encoding="utf-8") == "mine"


def test_a_link_that_leads_to_itself(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UserError, match="loop is a link that leads to itself"):
        new(tmp_path / "loop", "plays")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_blank_name_is_not_this_folder(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    there = sorted(tmp_path.iterdir())
    done = CliRunner().invoke(app, ["new", name, "--template", "plays"])
    assert isinstance(done.exception, UserError)
    assert "The folder has no name" in str(done.exception)
    assert sorted(tmp_path.iterdir()) == there


def test_told_to_stop_it_leaves_nothing(tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nkill $(cat $PID)\nsleep 30\n", encoding="utf-8")
    (hooks / "pre-commit").chmod(0o755)
    (tmp_path / "config").write_text(f"[core]\nhooksPath = {hooks}\n", encoding="utf-8")
    made = tmp_path / "made"
    made.mkdir()
    started = "import os, sys; from pathlib import Path; Path(os.environ['PID']).write_text(str("
    started += "os.getpid())); from commands.app import main; main()"
    words = ["new", str(made / "project"), "--template", "ptb"]
    environment = os.environ | {"PID": str(tmp_path / "pid")}
    environment["GIT_CONFIG_GLOBAL"] = str(tmp_path / "config")
    done = subprocess.run(
        [sys.executable, "-c", started, *words],
        cwd=templates.SOURCE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 143, done.stderr
    assert "Traceback" not in done.stderr
    assert list(made.iterdir()) == []


@pytest.mark.parametrize("parents", ["", "a/b"])
def test_a_failure_half_way_leaves_nothing(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parents: str
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\necho no more >&2\nexit 1\n", encoding="utf-8")
    (hooks / "pre-commit").chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[core]\nhooksPath = {hooks}\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    there = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"^Git refuses to commit the project: no more\.$"):
        new(tmp_path / parents / "project", "plays")
    assert sorted(tmp_path.iterdir()) == there


def test_an_unknown_template_names_the_nearest_and_all(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'play'; did you mean 'plays'\? known: plays, talk\.$"):
        new(tmp_path / "project", "play")
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("words", [[], ["--template"], ["--template="]])
def test_no_template_names_all(shelf: Path, tmp_path: Path, words: list[str]) -> None:
    done = CliRunner().invoke(app, ["new", str(tmp_path / "project"), *words])
    assert isinstance(done.exception, UserError)
    assert str(done.exception).endswith("with --template and one of: plays, talk.")


def test_a_project_has_no_templates_of_its_own(made: Path, shelf: Path) -> None:
    assert not (made / "templates").exists()
    for file in shelf.glob("*.yaml"):
        file.unlink()
    with pytest.raises(UserError, match=r"holds no templates: use the seqproof of a clone"):
        new(made.parent / "another", "plays")


def test_help_does_not_import_what_takes_long() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom commands.app import app\n"
        "assert 'DIR' in CliRunner().invoke(app, ['new', '--help']).output\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=templates.SOURCE,
    )
    assert not set(re.findall(r"\w+", done.stdout)) & {"dvc", "pandas", "tensorflow", "yaml"}
