"""The program runs the commands of the project around the current folder, in its environment."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqproof import launcher


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, in which the program starts."""
    folder = tmp_path / "project"
    (folder / "commands").mkdir(parents=True)
    (folder / "texts").mkdir()
    for name in ("dvc.yaml", "commands/app.py"):
        (folder / name).touch()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", ["elsewhere"])
    monkeypatch.setenv("PATH", os.environ["PATH"])  # the program changes it
    return folder


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch):
    """Run the program, and return the folder whose commands it runs."""
    modules = []
    app = SimpleNamespace(main=lambda: None)
    monkeypatch.setattr(
        launcher.importlib, "import_module", lambda name: modules.append(name) or app
    )

    def run(*arguments: str) -> Path:
        monkeypatch.setattr(sys, "argv", ["/bin/seqproof", *arguments])
        launcher.main()
        assert modules == ["commands.app"]
        return Path(sys.path[0])

    return run


@pytest.mark.parametrize("folder", [".", "texts"])
def test_a_project_runs_its_own_commands(project, launch, monkeypatch, folder) -> None:
    monkeypatch.chdir(project / folder)
    assert launch("results", "--json") == project


@pytest.mark.parametrize("missing", ["dvc.yaml", "commands/app.py"])
def test_outside_of_projects_the_installed_commands_run(project, launch, missing) -> None:
    (project / missing).unlink()
    assert launch("results") == launcher.INSTALLED


@pytest.mark.parametrize("arguments", [["new", "a"], ["upgrade"], ["--verbose", "upgrade"]])
def test_projects_are_made_by_the_installed_version(project, launch, arguments) -> None:
    assert launch(*arguments) == launcher.INSTALLED


def make_environment(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    for name in ("pyvenv.cfg", "bin/python", "bin/seqproof"):
        (folder / name).touch()


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Arguments of the programs that replaced this one."""
    calls: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, words: calls.append([str(program), *words]))
    return calls


def test_an_environment_that_was_moved_is_refused(project, launch, replaced) -> None:
    environment = project / ".venv"
    make_environment(environment)
    record = environment / "installed"
    record.write_text(f"{environment}\n", encoding="utf-8")
    launch("results")
    assert len(replaced) == 1
    record.write_text("/home/another/project/.venv\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"made in /home/another/.*Run `make install` in "):
        launch("results")
    assert len(replaced) == 1


def test_a_project_runs_in_its_own_environment(project, launch, replaced) -> None:
    make_environment(project / ".venv")
    launch("predict", "a-model")
    python, script = (str(project / ".venv" / "bin" / name) for name in ("python", "seqproof"))
    assert replaced == [[python, python, script, "predict", "a-model"]]


def test_it_is_not_started_again_there(project, launch, replaced, monkeypatch) -> None:
    make_environment(project / "shared")
    (project / ".venv").symlink_to(project / "shared")
    monkeypatch.setattr(sys, "prefix", str(project / "shared"))
    assert launch("results") == project
    assert replaced == []


@pytest.mark.parametrize("missing", ["pyvenv.cfg", "bin/seqproof"])
def test_an_unfinished_environment_is_left_alone(project, launch, replaced, missing) -> None:
    make_environment(project / ".venv")
    (project / ".venv" / missing).unlink()
    launch("results")
    assert replaced == []


def test_stages_start_in_the_same_environment(project, launch, monkeypatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/opt/seqproof")
    monkeypatch.setenv("PATH", "/usr/bin")
    launch("run")
    assert os.environ["PATH"] == f"/opt/seqproof/bin{os.pathsep}/usr/bin"
    monkeypatch.setattr(sys, "prefix", "/usr")
    launcher._add_programs()
    assert os.environ["PATH"] == f"/opt/seqproof/bin{os.pathsep}/usr/bin"


@pytest.mark.parametrize("code", ["x = (", "import no_such_package"])
def test_code_that_cannot_be_loaded_is_named(project, monkeypatch, code) -> None:
    (project / "commands/app.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["/bin/seqproof", "results"])

    def load(_: str) -> None:
        exec(compile(code, "app.py", "exec"))

    monkeypatch.setattr(launcher.importlib, "import_module", load)
    with pytest.raises(SystemExit, match=f"The code in {project} cannot be loaded .*git checkout"):
        launcher.main()


def test_an_environment_without_python_is_named(project, monkeypatch) -> None:
    make_environment(project / ".venv")
    (project / ".venv/bin/python").unlink()
    monkeypatch.setattr(sys, "argv", ["/bin/seqproof", "results"])
    with pytest.raises(SystemExit, match=r"python cannot be started .*make install"):
        launcher.main()
