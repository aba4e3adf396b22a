"""`seqproof doctor`: its messages, its JSON, and that it changes no file."""

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
from pipelines import console, diagnostics
from pipelines.config import params
from pipelines.diagnostics import determinism, machine, speed, tiny_models, versions
from pipelines.lineage import dvc_project

NAMES = {
    "versions": ["python", *versions.PACKAGES],
    "machine": ["gpu", "cuda", "processor", "memory", "disk"],
    "project": ["git", "dvc.lock", "params.yaml", "graph", "store"],
}


@pytest.fixture
def project(templates_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project and make it the current folder."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    # MLflow's settings are set here, so that monkeypatch restores them after the test.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = tmp_path / "project"
    new(folder, "plays")
    monkeypatch.chdir(folder)
    return folder


def run(*options: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *options])


def line(result: Result, name: str) -> str:
    """Return the line of a check: its status, its name and the message."""
    (text,) = (text for text in result.output.splitlines() if text[11:].startswith(f"{name} "))
    return " ".join(text.split())


def files(folder: Path) -> set[str]:
    """Return all files except those of Git and DVC's temporary ones."""
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*")}
    return {name for name in names if not name.startswith((".git/", ".dvc/tmp"))}


def test_a_valid_project_passes_and_is_not_changed(project: Path) -> None:
    before = files(project)
    result = run("--quick")
    assert result.exit_code == 0, result.output
    assert line(result, "git").startswith("ok git commit ")
    config = params.load(project / "params.yaml")
    counts = f"corpora: {len(config.corpora)}, models: {len(config.models)}"
    assert line(result, "params.yaml") == f"ok params.yaml valid; {counts}"
    stages = len(dvc_project.stage_names(Path()))
    assert line(result, "graph") == f"ok graph valid; stages: {stages}"
    assert line(result, "store").startswith("ok store ")
    assert "mlflow.db does not exist" in line(result, "store")
    assert files(project) == before
    command = ["git", "-C", str(project), "status", "--porcelain"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""


def test_a_folder_without_a_project_passes_and_stays_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--quick")
    assert result.exit_code == 0, result.output
    for name in NAMES["project"]:
        assert line(result, name) == f"ok {name} this folder has no project"
    assert "requirements.lock" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_version_other_than_the_pinned_one_is_a_warning(project: Path) -> None:
    lock = project / "requirements.lock"
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text.replace("\nkeras==3.", "\nkeras==9.3."), encoding="utf-8")
    result = run("--quick")
    assert result.exit_code == 0, result.output
    text = line(result, "keras")
    assert text.startswith("warning keras 3.")
    assert "requirements.lock has 9.3." in text
    assert "To fix: delete .venv and run `make install`" in text
    assert "No checks failed, " in result.output


@pytest.mark.parametrize(
    ("gib", "status", "code"), [(5.1, "ok", 0), (4.9, "warning", 0), (0.4, "failed", 1)]
)
def test_a_full_disk(
    project: Path, monkeypatch: pytest.MonkeyPatch, gib: float, status: str, code: int
) -> None:
    usage = SimpleNamespace(free=int(gib * 2**30))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    result = run("--quick")
    assert result.exit_code == code, result.output
    text = line(result, "disk")
    assert text.startswith(f"{status} disk {gib} GiB free ")
    assert ("To fix: free some space" in text) == (status != "ok")
    assert ("1 check failed, " in result.output) == (status == "failed")


def test_an_unreachable_server_is_reported_without_its_password(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:1")
    result = run("--quick")
    assert result.exit_code == 1
    text = line(result, "store")
    assert text.startswith("failed store http://127.0.0.1:1 ")
    assert "Connection refused. To fix: " in text
    assert "MLFLOW_TRACKING_URI" in text
    assert "secret" not in result.output


def test_json_has_the_same_checks_as_the_text(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense")
    text = run("--quick")
    monkeypatch.setattr(console, "progress", None)  # its lines would not be JSON
    data = run("--quick", "--json")
    assert text.exit_code == data.exit_code == 1
    report = json.loads(data.stdout)
    assert sorted(report) == ["checks", "ok"]
    assert report["ok"] is False
    rows = report["checks"]
    assert {tuple(sorted(row)) for row in rows} == {("check", "fix", "group", "message", "status")}
    names = [(group, name) for group, names in NAMES.items() for name in names]
    assert [(row["group"], row["check"]) for row in rows] == names
    for row in rows:
        start = f"{row['status']} {row['check']} "
        assert line(text, row["check"]).startswith(start)
        assert (row["fix"] is None) == (row["status"] == "ok")
    store = rows[-1]
    assert line(text, "store") == f"failed store {store['message']}. To fix: {store['fix']}"


def test_determinism_is_checked_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    monkeypatch.setattr(
        tiny_models,
        "TINY_MODELS",
        {name: tiny_models.TINY_MODELS[name] for name in ("lstm", "gru")},
    )
    steps = iter([(1.0, "a"), (1.0, "a"), (1.0, "a"), (1.0, "b")])
    monkeypatch.setattr(determinism, "record_steps", lambda entry: [next(steps)])
    monkeypatch.setattr(speed, "slowdown", lambda names, variable: {"lstm": 1.5})
    result = run()
    assert result.exit_code == 1
    assert line(result, "lstm") == "ok lstm 20 steps are identical in two training runs"
    assert line(result, "gru").startswith(
        "failed gru two training runs differ from step 1 of 20 on."
    )
    assert line(result, "cost").startswith("ok cost ")
    assert line(result, "cost").endswith(": 1.5 times for lstm")


def test_checks_continue_after_an_import_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ImportError("libthing.so.9: cannot open\nshared object file")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "_devices", fail)
    monkeypatch.delattr(diagnostics, "determinism")
    monkeypatch.setitem(sys.modules, "pipelines.diagnostics.determinism", None)
    result = run()
    assert result.exit_code == 1
    text = line(result, "gpu")
    assert text.startswith("failed gpu ")
    assert "libthing.so.9: cannot open shared object file. To fix: " in text
    assert line(result, "disk").startswith("ok disk ")
    assert "identical" not in result.output
    assert " failed, " in result.output.splitlines()[-1]
