"""One run per model that holds everything; an unreachable server stops no training."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.config import params
from pipelines.lineage import hashing, run_tags
from pipelines.tracking import connection, offline_queue, run_writer, runs
from tests.unit.tracking.servers import PATIENCE, Server, closed_port

ROOT = Path(__file__).resolve().parents[3]
COUNT = iter(range(1000))


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests: the creation of its tables takes seconds."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> runs.RunIdentity:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for key, value in PATIENCE.items():
        monkeypatch.setenv(key, value)
    return runs.RunIdentity(
        f"seqproof/opinions-{next(COUNT)}", "opinions-lstm", "opinions", "classification"
    )


def experiment_runs(root: Path, identity: runs.RunIdentity) -> list[Any]:
    """Return all runs of the experiment."""
    from mlflow import MlflowClient

    client = MlflowClient(connection.tracking_uri(root))
    experiment = client.get_experiment_by_name(identity.experiment)
    assert experiment is not None
    assert experiment.artifact_location == (root / "mlartifacts").as_uri()
    return list(client.search_runs([experiment.experiment_id]))


def _placeholder_model(folder: Path) -> tuple[Path, Path]:
    """Write placeholders of a model and its vocabulary; return their paths."""
    (folder / "weights").mkdir()
    (folder / "weights" / "model.json").write_text("{}", encoding="utf-8")
    (folder / "vocabulary.json").write_text("{}", encoding="utf-8")
    return folder / "weights", folder / "vocabulary.json"


def test_importing_runs_loads_neither_mlflow_nor_tensorflow() -> None:
    script = "import sys; from pipelines.tracking import runs; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert "pipelines.tracking.runs" in process.stdout.split()
    assert {"mlflow", "tensorflow", "pandas"}.isdisjoint(process.stdout.split())


def test_a_run_holds_what_was_logged(
    root: Path, identity: runs.RunIdentity, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = tmp_path / "train.parquet"
    pd.DataFrame({"document": ["a", "b"], "line": [1, 2]}).to_parquet(train)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "confusion.svg").write_text("<svg/>", encoding="utf-8")
    with runs.training(identity, root, uuid.uuid4().hex) as run:
        run.log_params({"units": 100, "optimizer": {"learning_rate": 0.001, "schedule": "linear"}})
        run.log_params({f"p{number}": "x" * 7000 for number in range(150)})
        run.log_metrics({"valid_loss": 0.9}, step=1)
        run.log_metrics({"valid_loss": 0.8}, step=2)
        run.set_tags({"device": "cpu"})
        run.log_dataset(train, "training", "opinions-train")
        run.log_folder(tmp_path / "pictures", "pictures")
        run.log_file(train, "data")
    assert run.failure is None
    (record,) = experiment_runs(root, identity)
    assert record.info.run_name == "opinions-lstm"
    assert record.info.status == "FINISHED"
    assert record.data.params["optimizer.learning_rate"] == "0.001"
    assert len(record.data.params) == 153
    assert record.data.metrics == {"valid_loss": 0.8}
    assert record.data.tags["device"] == "cpu"
    assert record.data.tags["corpus"] == "opinions"
    assert record.data.tags["git"] == "none"
    (dataset,) = record.inputs.dataset_inputs
    assert dataset.dataset.digest == hashing.file_md5(train)
    assert json.loads(dataset.dataset.profile)["num_rows"] == 2
    names = [column["name"] for column in json.loads(dataset.dataset.schema)["mlflow_colspec"]]
    assert names == ["document", "line"]
    assert dataset.tags[0].value == "training"
    files = {path.name for path in (root / "mlartifacts" / record.info.run_id).rglob("*.*")}
    assert {"confusion.svg", "train.parquet"} <= files
    output = capsys.readouterr()
    assert output.out + output.err == ""


def test_training_and_evaluation_land_in_one_run(root: Path, identity: runs.RunIdentity) -> None:
    for loss in (0.9, 0.8):  # the same model twice: the evaluation is logged to the newest run
        with runs.training(identity, root, uuid.uuid4().hex) as run:
            run.log_metrics({"loss": loss})
            run.log_params({"units": 100})
            run.set_tags({run_tags.MODEL_HASH: "one"})
        time.sleep(0.01)
    with runs.evaluation(identity, root, "one") as run:
        run.log_params({"units": 200, "beam": 1})
        run.log_metrics({"test_accuracy": 0.7})
    assert run.failure is None
    newest, oldest = experiment_runs(root, identity)
    assert newest.data.metrics == {"loss": 0.8, "test_accuracy": 0.7}
    assert oldest.data.metrics == {"loss": 0.9}
    # MLflow refuses to change a parameter; the other parameters are logged.
    assert newest.data.params == {"units": "100", "beam": "1"}
    assert newest.info.status == "FINISHED"


def test_an_evaluation_without_a_training_run_is_tagged(
    root: Path, identity: runs.RunIdentity
) -> None:
    with runs.training(identity, root, uuid.uuid4().hex) as run:
        run.set_tags({run_tags.MODEL_HASH: "one"})
    with runs.evaluation(identity, root, "another"):
        pass
    newest, _ = experiment_runs(root, identity)
    assert newest.data.tags[runs.ORIGIN] == "taken from the cache"
    with runs.evaluation(identity, root, "another"):
        pass
    assert len(experiment_runs(root, identity)) == 2


def test_an_evaluation_finds_the_training_with_the_inputs_of_dvc_lock(
    root: Path, identity: runs.RunIdentity
) -> None:
    key, sealed = "seqproof.training.key", "seqproof.training.outs"

    def evaluate(training: str) -> tuple[str, bool]:
        with runs.evaluation(identity, root, "one", training) as run:
            run.log_text("{}", "provenance/training.json", only_restored=True)
        record = root / "mlartifacts" / run.id / "artifacts" / "provenance" / "training.json"
        return run.id, record.exists()

    attempt = uuid.uuid4().hex
    with runs.training(identity, root, attempt) as run:
        run.set_tags({run_tags.MODEL_HASH: "one", key: "first inputs"})
    # A file may have been edited while the training read it: verify reports this run.
    assert evaluate("other inputs") == (run.id, False)
    with runs.training(identity, root, attempt) as run:
        run.set_tags({sealed: "{}"})
    restored, has_record = evaluate("other inputs")  # made the same model, and has no run
    assert restored != run.id
    assert has_record
    assert evaluate("other inputs") == (restored, True)
    assert evaluate("first inputs") == (run.id, False)
    records = {record.info.run_id: record.data.tags for record in experiment_runs(root, identity)}
    assert records[restored][key] == "other inputs"
    assert records[restored][runs.ORIGIN] == "taken from the cache"
    assert len(records) == 2


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_an_interrupted_training_closes_its_run(
    root: Path, identity: runs.RunIdentity, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), runs.training(identity, root, uuid.uuid4().hex):
        raise error
    (record,) = experiment_runs(root, identity)
    assert record.info.status == status


def test_an_experiment_deleted_in_the_ui_comes_back(root: Path, identity: runs.RunIdentity) -> None:
    from mlflow import MlflowClient

    with runs.training(identity, root, uuid.uuid4().hex):
        pass
    client = MlflowClient(connection.tracking_uri(root))
    experiment = client.get_experiment_by_name(identity.experiment)
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    with runs.training(identity, root, uuid.uuid4().hex) as run:
        run.log_metrics({"loss": 1.0})
    assert run.failure is None
    assert experiment_runs(root, identity)[0].data.metrics == {"loss": 1.0}


def test_two_processes_can_create_the_store_at_once(
    identity: runs.RunIdentity, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path; from pipelines.tracking import runs\n"
        f"names = ({identity.experiment!r}, sys.argv[1], 'opinions', 'classification')\n"
        "identity = runs.RunIdentity(*names)\n"
        f"with runs.training(identity, Path({str(tmp_path)!r}), sys.argv[1]) as run:\n"
        " run.log_metrics({'loss': 1})\n"
        "print(run.failure, 'tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    processes = [
        subprocess.Popen(
            [*command, name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for name in ("one", "two")
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert outputs == ["None False\n", "None False\n"]
    assert {run.info.run_name for run in experiment_runs(tmp_path, identity)} == {"one", "two"}
    assert not (ROOT / "mlruns").exists()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of each pause of this thread, in which MLflow waits before it tries again."""
    seconds: list[float] = []
    sleep, main = time.sleep, threading.current_thread()

    def recorded(pause: float) -> None:
        if threading.current_thread() is main:
            seconds.append(pause)
        sleep(pause)

    monkeypatch.setattr(time, "sleep", recorded)
    return seconds


def test_an_unreachable_server_costs_seconds_and_two_messages(
    pauses: list[float],
    identity: runs.RunIdentity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = closed_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:secret@127.0.0.1:{port}")
    with runs.training(identity, tmp_path, uuid.uuid4().hex) as run:
        run.log_params({"units": 1})
        run.log_metrics({"loss": 1.0})
        run.log_model(*_placeholder_model(tmp_path), ["in"], ["out"])
        finished = True
    assert finished
    assert sum(pauses) < 20
    assert run.failure == "Connection refused"
    lines = capsys.readouterr().out.splitlines()
    (queued,) = offline_queue.queued_runs(tmp_path)
    assert lines == [
        f"Tracking server http://127.0.0.1:{port} is unreachable (Connection refused). The "
        "training continues, and its log is queued on disk.",
        f"The log of this training is stored in {queued.folder}. Run `seqproof sync` to upload it "
        f"to http://127.0.0.1:{port}.",
    ]
    kinds = ["start", "params", "metrics", "model", "end"]
    assert [event.kind for event in queued.events()] == kinds
    assert "secret" not in "".join(
        file.read_text(encoding="utf-8") for file in queued.folder.glob("[a-z]*") if file.is_file()
    )


def test_a_password_in_the_address_is_never_printed(
    identity: runs.RunIdentity, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with runs.training(identity, root, uuid.uuid4().hex) as run:
        run._writer.send = lambda event: int("http://someone:secret@tracking.example.org/api")
        run.set_tags({"device": "cpu"})
    assert "tracking.example.org" in str(run.failure)
    assert "secret" not in capsys.readouterr().out


def test_a_server_that_stops_during_a_run_receives_the_rest_after_a_restart(
    pauses: list[float],
    identity: runs.RunIdentity,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    model = _placeholder_model(tmp_path)
    with runs.training(identity, tmp_path, uuid.uuid4().hex) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        run.log_file(model[1], "words")
        assert run.failure is None  # a remote server accepts everything, files included
        server.stop()
        pauses.clear()
        run.log_metrics({"loss": 0.5}, step=2)
        run.log_metrics({"loss": 0.4}, step=3)
        run.log_model(*model, ["in"], ["out"])
        run.set_tags({run_tags.MODEL_HASH: "one"})
    assert sum(pauses) < 20
    with runs.evaluation(identity, tmp_path, "one") as run:  # of a run that is partly queued
        run.log_metrics({"test_bleu": 3.0})
    folders = [queued.folder for queued in offline_queue.queued_runs(tmp_path)]
    assert capsys.readouterr().out.splitlines() == [
        line
        for work, folder in zip(("training", "evaluation"), folders, strict=True)
        for line in (
            f"Tracking server {server.address} is unreachable (Connection refused). The {work} "
            "continues, and its log is queued on disk.",
            f"The log of this {work} is stored in {folder}. Run `seqproof sync` to upload it to "
            f"{server.address}.",
        )
    ]
    server.start()
    with runs.evaluation(identity, tmp_path, "one") as run:  # uploads the queued runs first
        run.log_metrics({"test_bleu": 3.0, "test_tokens": 7.0})
    assert run.failure is None
    assert offline_queue.queued_runs(tmp_path) == []
    assert capsys.readouterr().out == ""
    client = connection.client(server.address, tmp_path)
    experiment = client.get_experiment_by_name(identity.experiment)
    (record,) = client.search_runs([experiment.experiment_id])
    losses = client.get_metric_history(record.info.run_id, "loss")
    assert [(point.step, point.value) for point in losses] == [(1, 1.0), (2, 0.5), (3, 0.4)]
    assert record.data.metrics == {"loss": 0.4, "test_bleu": 3.0, "test_tokens": 7.0}
    assert len(client.get_metric_history(record.info.run_id, "test_bleu")) == 1
    assert record.info.status == "FINISHED"
    assert run_writer.RESUMED not in record.data.tags
    assert [file.path for file in client.list_artifacts(record.info.run_id)] == ["words"]
    (logged,) = record.outputs.model_outputs
    assert str(client.get_logged_model(logged.model_id).status) == "READY"
    assert list((tmp_path / "served").rglob("input_example.json"))


def _tiny_model(folder: Path, vocabulary: Path) -> list[str]:
    """Write an untrained bag of words; return its predictions for two texts."""
    from pipelines.inference import predictor
    from pipelines.models import serialization
    from pipelines.tasks import classification
    from pipelines.text.vocabulary import load

    config = params.load(ROOT / "params.yaml")
    tokens = ["<pad>", "<unk>", "<s>", "</s>", "good", "bad"]
    columns = {"text": {"kind": "words", "tokens": tokens, "counts": [0, 1, 0, 3, 2, 2]}}
    labels = ["negative", "neutral", "positive"]
    vocabulary.write_text(json.dumps({"columns": columns, "labels": labels}), encoding="utf-8")
    card = serialization.ModelSpec.of(config, "opinions-perceptron")
    serialization.save(serialization.build(card.entry, load(vocabulary)), card, vocabulary, folder)
    loaded = predictor.load(folder, vocabulary)
    return classification.TASK.predict(loaded, ["good", "bad bad"])


def test_a_logged_model_can_be_loaded_elsewhere_and_predicts_the_same(
    root: Path, identity: runs.RunIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = _tiny_model(tmp_path / "model", tmp_path / "vocabulary.json")
    with runs.training(identity, root, uuid.uuid4().hex) as run:
        popen = subprocess.Popen
        # MLflow loads a model in another process to guess its requirements, for many seconds.
        monkeypatch.setattr(subprocess, "Popen", None)
        run.log_model(
            tmp_path / "model", tmp_path / "vocabulary.json", ["good", "bad bad"], predictions
        )
        monkeypatch.setattr(subprocess, "Popen", popen)
    assert run.failure is None
    (record,) = experiment_runs(root, identity)
    (output,) = record.outputs.model_outputs
    folder = root / "mlartifacts" / "models" / output.model_id / "artifacts"
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle")]
    # Loading must need neither this repository nor the model's original folder.
    (tmp_path / "model").rename(tmp_path / "moved")
    script = (
        "import json, mlflow, sys\n"
        f"mlflow.set_tracking_uri({connection.tracking_uri(root)!r})\n"
        f"model = mlflow.pyfunc.load_model('models:/{output.model_id}')\n"
        "example = model.metadata.load_input_example()\n"
        "import pipelines\n"
        "print(json.dumps([example, model.predict(example), pipelines.__file__]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    example, reloaded, code = json.loads(process.stdout.splitlines()[-1])
    assert example == ["good", "bad bad"]
    assert reloaded == predictions
    assert not Path(code).is_relative_to(ROOT)
