"""`seqproof ui` shows the store that the runs went to."""

import shutil
import sys
from pathlib import Path

import pytest

from commands.ui import ui
from pipelines.errors import Refusal


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda program, arguments: calls.append(arguments))
    return calls


def test_it_becomes_mlflow_on_the_projects_store(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    called: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(Path(__file__).parents[3] / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ui(5005)
    (arguments,) = called
    assert arguments[:4] == [sys.executable, "-m", "mlflow", "ui"]
    assert f"sqlite:///{tmp_path}/mlflow.db" in arguments
    assert (tmp_path / "mlartifacts").as_uri() in arguments
    assert arguments[-1] == "5005"
    assert "http://127.0.0.1:5005" in capsys.readouterr().out


def test_outside_a_project_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: list[list[str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refusal, match=r"params\.yaml is missing"):
        ui(5005)
    assert called == []
    assert list(tmp_path.iterdir()) == []


def test_a_server_elsewhere_is_only_named(
    monkeypatch: pytest.MonkeyPatch, called: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@tracking.example.org")
    ui(5005)
    assert called == []
    assert "https://tracking.example.org" in capsys.readouterr().out
