"""`seqproof ui` opens MLflow on the project's runs."""

import json
import shutil
import socket
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from commands.ui import ui
from pipelines.errors import UserError
from pipelines.tracking import connection, runs
from tests.unit.chromium import needs_chromium, render
from tests.unit.tracking.servers import Server, closed_port
from tests.unit.tracking.work import CORPUS, Work

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def exec_calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []

    def execve(program: str, arguments: list[str], variables: dict[str, str]) -> None:
        calls.append([*arguments, "ENV", variables["MLFLOW_BACKEND_STORE_URI"]])

    monkeypatch.setattr("os.execve", execve)
    return calls


def test_the_process_becomes_mlflow_on_the_projects_store(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exec_calls: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    port = closed_port()
    ui(port)
    (arguments,) = exec_calls
    assert arguments[:4] == [sys.executable, "-m", "mlflow", "ui"]
    assert arguments[-2:] == ["ENV", f"sqlite:///{tmp_path}/mlflow.db"]
    assert (tmp_path / "mlartifacts").as_uri() in arguments
    assert str(port) in arguments
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().out


def test_a_port_in_use_is_refused_before_mlflow_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exec_calls: list[list[str]]
) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} is not available .*--port"):
            ui(port)
    assert exec_calls == []


def test_a_folder_that_is_no_project_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exec_calls: list[list[str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml"):
        ui(5005)
    assert exec_calls == []
    assert list(tmp_path.iterdir()) == []


def test_of_a_remote_server_the_address_is_printed(
    monkeypatch: pytest.MonkeyPatch, exec_calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@tracking.example.org")
    ui(5005)
    assert exec_calls == []
    assert "https://tracking.example.org" in capsys.readouterr().out


def test_a_password_is_in_no_argument_and_in_no_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exec_calls: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    address = f"postgresql+psycopg://me:secret@127.0.0.1:{closed_port()}/runs"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError, match=r"127\.0\.0\.1:\d+/runs does not answer") as error:
        ui(closed_port())
    assert "secret" not in str(error.value)
    monkeypatch.setattr(connection, "ping", lambda root: "answers")
    ui(closed_port())  # the links need the database, which is refused in seconds
    ((*arguments, _, variable),) = exec_calls
    assert variable == address
    assert not any("secret" in argument for argument in arguments)
    output = capsys.readouterr()
    assert "cannot be read" in output.out
    assert "secret" not in output.out + output.err


def link_of(output: str, experiment: str) -> str:
    (line,) = [line for line in output.splitlines() if line.startswith(f"  {experiment}: ")]
    return line.rpartition(" ")[2]


def test_a_link_to_the_runs_of_each_experiment_has_its_columns(
    work: Work, exec_calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    work.train()
    port = closed_port()
    for _ in range(2):  # the second time, the view exists
        ui(port)
        link = link_of(capsys.readouterr().out, f"seqproof/{CORPUS}")
        experiment = work.client().get_experiment_by_name(f"seqproof/{CORPUS}")
        runs_page = f"http://127.0.0.1:{port}/#/experiments/{experiment.experiment_id}/runs"
        assert link.startswith(f"{runs_page}?")
        key = parse_qs(link.partition("?")[2])["viewStateShareKey"][0]
        view = json.loads(experiment.tags[f"mlflow.sharedViewState.{key}"])
        assert view["selectedColumns"] == [
            "metrics.`test_bleu`",
            "metrics.`test_exact_match`",
            "metrics.`test_perplexity`",
            "tags.`cell`",
            "tags.`verified`",
        ]
        assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`test_bleu`", False)
    assert len(exec_calls) == 2


@needs_chromium
def test_mlflows_pages_show_runs_and_descriptions(
    work: Work,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    work.train()
    work.evaluate()
    other = runs.RunIdentity(f"seqproof/{CORPUS}", "verses-fixed", CORPUS, "translation")
    with runs.training(other, work.folder, "other") as run:
        run.log_metrics({"valid_loss": 3.0}, step=1)
    evaluated = next(item for item in work.runs() if item.info.run_id != run.id)
    runs_page = f"{server.address}/#/experiments/{evaluated.info.experiment_id}/runs"
    query = "?workflowType=machine_learning"  # without it MLflow shows its page for traces

    def page(address: str) -> str:
        html, _ = render(address, work.folder / "profile", milliseconds=30_000)
        return html

    run_list = page(runs_page + query)
    assert ">verses-attention<" in run_list
    assert ">verses-fixed<" in run_list
    assert ">20.5<" not in run_list, "MLflow's own choice of columns"
    ui(5005)
    chosen = page(link_of(capsys.readouterr().out, f"seqproof/{CORPUS}"))
    assert ">verses-attention<" in chosen
    assert ">20.5<" in chosen
    run_page = page(f"{runs_page}/{evaluated.info.run_id}{query}")
    assert "verses-attention: seq2seq of lstm cells with general attention" in run_page
    assert "Test: BLEU 20.5; 3 examples." in run_page
    assert "verses-train" in run_page  # name of the dataset
