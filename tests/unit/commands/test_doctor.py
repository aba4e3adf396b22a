"""`seqproof doctor`: what it says of a machine and a project, and that it leaves them alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from commands.new import new
from pipelines import console, proof
from pipelines.config import params
from pipelines.diagnostics import determinism, machine, speed, tiny_models, versions
from pipelines.lineage import dvc_project

NAMES = {
    "versions": ["python", *versions.PACKAGES],
    "machine": ["gpu", "cuda", "processor", "memory", "disk"],
    "project": ["git", "dvc.lock", "params.yaml", "graph", "store"],
}


@pytest.fixture
def project(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh project, and the person stands in it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    # Already there, so that they are taken back after the test.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = tmp_path / "project"
    new(folder, "plays")
    monkeypatch.chdir(folder)
    return folder


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *words])


def line(done: Result, name: str) -> str:
    """What the text says of one check, by its mark, its name and the rest."""
    (found,) = (one for one in done.output.splitlines() if one[11:].startswith(f"{name} "))
    return " ".join(found.split())


def files(folder: Path) -> set[str]:
    """All files, but those of Git and what DVC keeps for itself whenever it reads a project."""
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*")}
    return {name for name in found if not name.startswith((".git/", ".dvc/tmp"))}


def test_a_sound_project_is_fit_and_left_as_it_was(project: Path) -> None:
    before = files(project)
    done = run("--quick")
    assert done.exit_code == 0, done.output
    assert line(done, "git").startswith("ok git commit ")
    settings = params.load(project / "params.yaml")
    counts = f"corpora: {len(settings.corpora)}, models: {len(settings.models)}"
    assert line(done, "params.yaml") == f"ok params.yaml sound; {counts}"
    assert (
        line(done, "graph")
        == f"ok graph DVC reads it; stages: {len(dvc_project.stage_names(Path()))}"
    )
    assert line(done, "store").endswith("mlflow.db is not there yet: the first training makes it")
    assert files(project) == before
    said = ["git", "-C", str(project), "status", "--porcelain"]
    assert subprocess.run(said, capture_output=True, check=True).stdout == b""


def test_outside_a_project_nothing_is_missing_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("--quick")
    assert done.exit_code == 0, done.output
    for name in NAMES["project"]:
        assert line(done, name) == f"ok {name} there is no project in this folder"
    assert "requirements.lock" not in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_differs_is_named_and_only_a_warning(project: Path) -> None:
    lock = project / "requirements.lock"
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text.replace("\nkeras==3.", "\nkeras==9.3."), encoding="utf-8")
    done = run("--quick")
    assert done.exit_code == 0, done.output
    said = line(done, "keras")
    assert said.startswith("warning keras 3.")
    assert "and requirements.lock has 9.3." in said
    assert "To mend: delete .venv and run `make install`" in said
    assert "This machine is fit, with " in done.output


@pytest.mark.parametrize(
    ("gib", "mark", "code"), [(5.1, "ok", 0), (4.9, "warning", 0), (0.4, "failed", 1)]
)
def test_a_full_disk(
    project: Path, monkeypatch: pytest.MonkeyPatch, gib: float, mark: str, code: int
) -> None:
    usage = SimpleNamespace(free=int(gib * 2**30))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    done = run("--quick")
    assert done.exit_code == code, done.output
    said = line(done, "disk")
    assert said.startswith(f"{mark} disk {gib} GiB free in this folder")
    assert ("To mend: make room" in said) == (mark != "ok")
    assert ("This machine is not fit: 1 failed" in done.output) == (mark == "failed")


def test_a_server_that_does_not_answer_is_one_line_without_its_password(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:1")
    done = run("--quick")
    assert done.exit_code == 1
    said = line(done, "store")
    assert said.startswith("failed store http://127.0.0.1:1 does not answer: Connection refused.")
    assert "To mend: see that it is there and lets you in" in said
    assert "secret" not in done.output


def test_json_says_the_same_checks_as_the_text(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense")
    text = run("--quick")
    monkeypatch.setattr(console, "progress", None)  # its lines would be no JSON
    data = run("--quick", "--json")
    assert text.exit_code == data.exit_code == 1
    said = json.loads(data.stdout)
    assert sorted(said) == ["checks", "fit"]
    assert said["fit"] is False
    rows = said["checks"]
    assert {tuple(sorted(row)) for row in rows} == {("check", "found", "group", "mark", "mend")}
    names = [(group, name) for group, names in NAMES.items() for name in names]
    assert [(row["group"], row["check"]) for row in rows] == names
    for row in rows:
        start = f"{row['mark']} {row['check']} "
        assert line(text, row["check"]).startswith(start)
        assert (row["mend"] is None) == (row["mark"] == "ok")
    store = rows[-1]
    assert line(text, "store") == f"failed store {store['found']}. To mend: {store['mend']}"


def test_determinism_follows_unless_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    monkeypatch.setattr(
        tiny_models,
        "TINY_MODELS",
        {"one": tiny_models.TINY_MODELS["lstm"], "two": tiny_models.TINY_MODELS["gru"]},
    )
    steps = iter([(1.0, "a"), (1.0, "a"), (1.0, "a"), (1.0, "b")])
    monkeypatch.setattr(determinism, "trace", lambda entry: [next(steps)])
    monkeypatch.setattr(speed, "slowdown", lambda names, switch: {"one": 1.5})
    done = run()
    assert done.exit_code == 1
    assert line(done, "one") == "ok one identical, 20 steps twice"
    assert line(done, "two").startswith("failed two two trainings differ from step 1 of 20 on.")
    said = "deterministic kernels take about so many times as long: 1.5 for one"
    assert line(done, "cost") == f"ok cost {said}"


def test_a_broken_installation_is_said_and_the_rest_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ImportError("libthing.so.9: cannot open\nshared object file")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "_devices", broken)
    monkeypatch.delattr(proof, "determinism")
    monkeypatch.setitem(sys.modules, "pipelines.diagnostics.determinism", None)
    done = run()
    assert done.exit_code == 1
    assert line(done, "gpu").startswith(
        "failed gpu not known: libthing.so.9: cannot open shared object file. To mend: "
    )
    assert line(done, "disk").startswith("ok disk ")
    assert "identical" not in done.output
    assert "This machine is not fit: " in done.output
