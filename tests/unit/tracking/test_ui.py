"""`seqproof ui` shows the store that the runs went to."""

import shutil
import socket
import sys
from pathlib import Path

import pytest

from commands.ui import ui
from pipelines.errors import UserError
from pipelines.tracking import runs
from tests.unit.chromium import drawn, needs_chromium
from tests.unit.tracking.servers import Server, closed_port
from tests.unit.tracking.work import CORPUS, Work

HERE = Path(__file__).resolve().parents[3]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []
    monkeypatch.setattr("os.execve", lambda program, words, variables: calls.append(words))
    return calls


def test_it_becomes_mlflow_on_the_projects_store(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    called: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(HERE / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    port = closed_port()
    ui(port)
    (arguments,) = called
    assert arguments[:4] == [sys.executable, "-m", "mlflow", "ui"]
    assert f"sqlite:///{tmp_path}/mlflow.db" in arguments
    assert (tmp_path / "mlartifacts").as_uri() in arguments
    assert str(port) in arguments
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().out


def test_a_port_that_is_in_use_is_refused_before_mlflow_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: list[list[str]]
) -> None:
    shutil.copy(HERE / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} cannot be had .*--port"):
            ui(port)
    assert called == []


def test_outside_a_project_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: list[list[str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml is missing"):
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


@needs_chromium
def test_mlflows_own_pages_show_the_runs_and_what_they_say(
    work: Work, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    work.train()
    work.evaluate()
    other = runs.Identity(f"seqproof/{CORPUS}", "verses-fixed", CORPUS, "translation")
    with runs.training(other, work.folder, "other") as run:
        run.log_metrics({"valid_loss": 3.0}, step=1)
    mine = next(one for one in work.runs() if one.info.run_id != run.id)
    place = f"{server.address}/#/experiments/{mine.info.experiment_id}/runs"
    asked = "?workflowType=machine_learning"  # without it MLflow shows its page for traces

    def page(address: str) -> str:
        html, _ = drawn(address + asked, work.folder / "profile", milliseconds=30_000)
        return html

    listed = page(place)
    assert ">verses-attention<" in listed
    assert ">verses-fixed<" in listed
    shown = page(f"{place}/{mine.info.run_id}")
    assert "verses-attention: seq2seq of lstm cells with general attention" in shown
    assert "Test: bleu 20.5; 3 examples." in shown
    assert "verses-train" in shown  # the data, under its name
