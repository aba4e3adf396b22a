"""The wheel adds one package, and makes projects as the clone does."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from commands import skeleton
from tests.contract.imports import ROOT

PROGRAM = "from seqproof.launcher import main; main()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which an unpacked wheel was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def read(files: Mapping[str, Path]) -> dict[str, bytes]:
    return {path: file.read_bytes() for path, file in files.items()}


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )


def test_one_package_is_installed(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert names == {"seqproof"}
    modules = {path.name for path in (installed / "seqproof").iterdir()}
    assert modules == {"__init__.py", "launcher.py", "wheel.py", "project"}
    (script,) = installed.glob("*.dist-info/entry_points.txt")
    assert "seqproof = seqproof.launcher:main" in script.read_text(encoding="utf-8")


def test_a_project_of_the_wheel_is_one_of_the_clone(installed: Path) -> None:
    source = installed / "seqproof" / "project"
    assert read(skeleton.files(source)) == read(skeleton.files(ROOT))
    assert read(skeleton.wheel_files(source)) == read(skeleton.wheel_files(ROOT))
    assert list(source.glob("templates/*.yaml"))


def test_what_python_compiles_is_left_out(tmp_path: Path) -> None:
    compiled = tmp_path / "pipelines" / "__pycache__"
    compiled.mkdir(parents=True)
    for name in ("files.cpython-311.pyc", "files.cpython-311.pyc.140213"):  # done, and on its way
        (compiled / name).touch()
    assert not [path for path in skeleton.files(tmp_path) if "__pycache__" in path]


def test_an_editable_installation_adds_no_files(tmp_path: Path) -> None:
    """It uses those of the clone, and the build needs nothing but Hatchling."""
    code = "import sys; from hatchling import build; print(build.build_editable(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    name = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    with zipfile.ZipFile(tmp_path / name.strip()) as archive:
        names = [path for path in archive.namelist() if ".dist-info/" not in path]
        assert names == ["_seqproof.pth"]
        assert archive.read("_seqproof.pth").decode().split("\n") == [str(ROOT)]


def test_a_project_runs_its_own_commands(installed: Path, tmp_path: Path) -> None:
    made = run(installed, tmp_path, "new", "project", "--template", "ptb-small")
    assert made.stdout.endswith("Next:\n  cd project\n  make repro\n"), made.stderr
    project = tmp_path / "project"
    assert '"git_commit": "none"' in (project / ".seqproof" / "origin.json").read_text("utf-8")
    (project / "commands" / "app.py").write_text(
        "from pipelines import errors\n\ndef main():\n    print('commands of', errors.__file__)\n",
        encoding="utf-8",
    )
    code = project / "pipelines" / "errors.py"
    assert run(installed, project, "results").stdout == f"commands of {code}\n"
    assert run(installed, project / "texts", "results").stdout == f"commands of {code}\n"
    # The templates are those of the wheel, also inside of a project.
    assert "Set --template to one of" in run(installed, project, "new", "another").stderr
