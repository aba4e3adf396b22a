"""One run per model that holds everything, and no server that can stop a training."""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.config import params
from pipelines.lineage import provenance
from pipelines.tracking import offline_queue, runs, store
from tests.unit.tracking.servers import Server, closed_port

HERE = Path(__file__).resolve().parents[3]
COUNT = iter(range(1000))


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests: making its tables takes seconds."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def who(monkeypatch: pytest.MonkeyPatch) -> runs.Identity:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return runs.Identity(
        f"seqproof/opinions-{next(COUNT)}", "opinions-lstm", "opinions", "classification"
    )


def found(root: Path, who: runs.Identity) -> list[Any]:
    """All runs of the experiment."""
    from mlflow import MlflowClient

    client = MlflowClient(store.tracking_uri(root))
    experiment = client.get_experiment_by_name(who.experiment)
    assert experiment is not None
    assert experiment.artifact_location == (root / "mlartifacts").as_uri()
    return list(client.search_runs([experiment.experiment_id]))


def _nearly_a_model(folder: Path) -> tuple[Path, Path]:
    """Files in the places of a model and of its vocabulary."""
    (folder / "weights").mkdir()
    (folder / "weights" / "model.json").write_text("{}", encoding="utf-8")
    (folder / "vocabulary.json").write_text("{}", encoding="utf-8")
    return folder / "weights", folder / "vocabulary.json"


def test_importing_it_loads_neither_mlflow_nor_tensorflow() -> None:
    look = "import sys; from pipelines.tracking import runs; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", look], cwd=HERE, capture_output=True, text=True)
    assert "pipelines.tracking.runs" in said.stdout.split()
    assert {"mlflow", "tensorflow", "pandas"}.isdisjoint(said.stdout.split())


def test_a_run_holds_what_was_logged(
    root: Path, who: runs.Identity, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = tmp_path / "train.parquet"
    pd.DataFrame({"document": ["a", "b"], "line": [1, 2]}).to_parquet(train)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "confusion.svg").write_text("<svg/>", encoding="utf-8")
    with runs.training(who, root, uuid.uuid4().hex) as run:
        run.log_params({"units": 100, "optimizer": {"learning_rate": 0.001, "schedule": "linear"}})
        run.log_params({f"p{number}": "x" * 7000 for number in range(150)})
        run.log_metrics({"valid_loss": 0.9}, step=1)
        run.log_metrics({"valid_loss": 0.8}, step=2)
        run.set_tags({"device": "cpu"})
        run.log_dataset(train, "training", "opinions-train")
        run.log_folder(tmp_path / "pictures", "pictures")
        run.log_file(train, "data")
    assert run.lost is None
    (kept,) = found(root, who)
    assert kept.info.run_name == "opinions-lstm"
    assert kept.info.status == "FINISHED"
    assert kept.data.params["optimizer.learning_rate"] == "0.001"
    assert len(kept.data.params) == 153
    assert kept.data.metrics == {"valid_loss": 0.8}
    assert kept.data.tags["device"] == "cpu"
    assert kept.data.tags["corpus"] == "opinions"
    assert kept.data.tags["git"] == "none"
    (dataset,) = kept.inputs.dataset_inputs
    assert dataset.dataset.digest == provenance.file_hash(train)
    assert json.loads(dataset.dataset.profile)["num_rows"] == 2
    names = [column["name"] for column in json.loads(dataset.dataset.schema)["mlflow_colspec"]]
    assert names == ["document", "line"]
    assert dataset.tags[0].value == "training"
    files = {path.name for path in (root / "mlartifacts" / kept.info.run_id).rglob("*.*")}
    assert {"confusion.svg", "train.parquet"} <= files
    said = capsys.readouterr()
    assert said.out + said.err == ""


def test_training_and_evaluation_land_in_one_run(root: Path, who: runs.Identity) -> None:
    for loss in (0.9, 0.8):  # the same model trained twice: the newest run takes the evaluation
        with runs.training(who, root, uuid.uuid4().hex) as run:
            run.log_metrics({"loss": loss})
            run.log_params({"units": 100})
            run.set_tags({runs.MODEL_HASH: "one"})
        time.sleep(0.01)
    with runs.evaluation(who, root, "one") as run:
        run.log_params({"units": 200, "beam": 1})
        run.log_metrics({"test_accuracy": 0.7})
    assert run.lost is None
    newest, oldest = found(root, who)
    assert newest.data.metrics == {"loss": 0.8, "test_accuracy": 0.7}
    assert oldest.data.metrics == {"loss": 0.9}
    # MLflow refuses a new value for a param; that is no reason to lose the rest.
    assert newest.data.params == {"units": "100", "beam": "1"}
    assert newest.info.status == "FINISHED"


def test_an_evaluation_without_its_training_says_so(root: Path, who: runs.Identity) -> None:
    with runs.training(who, root, uuid.uuid4().hex) as run:
        run.set_tags({runs.MODEL_HASH: "one"})
    with runs.evaluation(who, root, "another"):
        pass
    newest, _ = found(root, who)
    assert newest.data.tags[runs.TRAINING] == "taken from the cache"
    with runs.evaluation(who, root, "another"):
        pass
    assert len(found(root, who)) == 2


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_what_stops_the_training_ends_the_run(
    root: Path, who: runs.Identity, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), runs.training(who, root, uuid.uuid4().hex):
        raise error
    (kept,) = found(root, who)
    assert kept.info.status == status


def test_an_experiment_deleted_in_the_ui_comes_back(root: Path, who: runs.Identity) -> None:
    from mlflow import MlflowClient

    with runs.training(who, root, uuid.uuid4().hex):
        pass
    client = MlflowClient(store.tracking_uri(root))
    experiment = client.get_experiment_by_name(who.experiment)
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    with runs.training(who, root, uuid.uuid4().hex) as run:
        run.log_metrics({"loss": 1.0})
    assert run.lost is None
    assert found(root, who)[0].data.metrics == {"loss": 1.0}


def test_two_first_starts_at_once_both_succeed(who: runs.Identity, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from pipelines.tracking import runs\n"
        f"who = runs.Identity({who.experiment!r}, sys.argv[1], 'opinions', 'classification')\n"
        f"with runs.training(who, Path({str(tmp_path)!r}), sys.argv[1]) as run:\n"
        " run.log_metrics({'loss': 1})\n"
        "print(run.lost, 'tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    started = [
        subprocess.Popen(
            [*command, name], cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for name in ("one", "two")
    ]
    said = [process.communicate()[0] for process in started]
    assert said == ["None False\n", "None False\n"]
    assert {run.info.run_name for run in found(tmp_path, who)} == {"one", "two"}
    assert not (HERE / "mlruns").exists()


def test_a_server_that_is_not_there_costs_seconds_and_two_sentences(
    who: runs.Identity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = closed_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:secret@127.0.0.1:{port}")
    started = time.monotonic()
    with runs.training(who, tmp_path, uuid.uuid4().hex) as run:
        run.log_params({"units": 1})
        run.log_metrics({"loss": 1.0})
        run.log_model(*_nearly_a_model(tmp_path), ["in"], ["out"])
        done = True
    assert done
    assert time.monotonic() - started < 20
    assert run.lost == "Connection refused"
    lines = capsys.readouterr().out.splitlines()
    (kept,) = offline_queue.waiting(tmp_path)
    assert lines == [
        f"Tracking server http://127.0.0.1:{port} was lost (Connection refused): training goes on, "
        "its outs are written, and what is still to be logged is kept.",
        f"Tracking server http://127.0.0.1:{port} has not got all of this training: the rest is "
        f"kept in {kept.folder}, and `seqproof sync` sends it.",
    ]
    kinds = ["begin", "params", "metrics", "model", "end"]
    assert [note.kind for note in kept.notes()] == kinds
    assert "secret" not in "".join(
        file.read_text(encoding="utf-8") for file in kept.folder.glob("[a-z]*") if file.is_file()
    )


def test_a_password_in_the_address_is_never_said(
    who: runs.Identity, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with runs.training(who, root, uuid.uuid4().hex) as run:
        run._remote.send = lambda note: int("http://someone:secret@tracking.example.org/api")
        run.set_tags({"device": "cpu"})
    assert "tracking.example.org" in str(run.lost)
    assert "secret" not in capsys.readouterr().out


def test_a_server_lost_in_the_middle_gets_the_rest_when_it_is_back(
    who: runs.Identity,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    model = _nearly_a_model(tmp_path)
    with runs.training(who, tmp_path, uuid.uuid4().hex) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        run.log_file(model[1], "words")
        assert run.lost is None  # a remote server takes all of it, files too
        server.stop()
        started = time.monotonic()
        run.log_metrics({"loss": 0.5}, step=2)
        run.log_metrics({"loss": 0.4}, step=3)
        run.log_model(*model, ["in"], ["out"])
        run.set_tags({runs.MODEL_HASH: "one"})
    assert time.monotonic() - started < 20
    with runs.evaluation(who, tmp_path, "one") as run:  # of a run that only the disk knows whole
        run.log_metrics({"test_bleu": 3.0})
    places = [kept.folder for kept in offline_queue.waiting(tmp_path)]
    assert capsys.readouterr().out.splitlines() == [
        line
        for work, place in zip(("training", "evaluation"), places, strict=True)
        for line in (
            f"Tracking server {server.address} was lost (Connection refused): {work} goes on, its "
            "outs are written, and what is still to be logged is kept.",
            f"Tracking server {server.address} has not got all of this {work}: the rest is kept in "
            f"{place}, and `seqproof sync` sends it.",
        )
    ]
    server.start()
    with runs.evaluation(who, tmp_path, "one") as run:  # which sends what is kept first
        run.log_metrics({"test_bleu": 3.0, "test_tokens": 7.0})
    assert run.lost is None
    assert offline_queue.waiting(tmp_path) == []
    assert capsys.readouterr().out == ""
    client = store.client(server.address, tmp_path)
    experiment = client.get_experiment_by_name(who.experiment)
    (kept,) = client.search_runs([experiment.experiment_id])
    losses = client.get_metric_history(kept.info.run_id, "loss")
    assert [(point.step, point.value) for point in losses] == [(1, 1.0), (2, 0.5), (3, 0.4)]
    assert kept.data.metrics == {"loss": 0.4, "test_bleu": 3.0, "test_tokens": 7.0}
    assert len(client.get_metric_history(kept.info.run_id, "test_bleu")) == 1
    assert kept.info.status == "FINISHED"
    assert runs.RESUMED not in kept.data.tags
    assert [file.path for file in client.list_artifacts(kept.info.run_id)] == ["words"]
    (logged,) = kept.outputs.model_outputs
    assert str(client.get_logged_model(logged.model_id).status) == "READY"
    assert list((tmp_path / "served").rglob("input_example.json"))


def _tiny_model(folder: Path, vocabulary: Path) -> list[str]:
    """Write a bag of words with its first weights; what it says of two texts."""
    from pipelines.inference import predictor
    from pipelines.models import serialization
    from pipelines.text.vocabulary import load

    everything = params.load(HERE / "params.yaml")
    tokens = ["<pad>", "<unk>", "<s>", "</s>", "good", "bad"]
    written = {"text": {"kind": "words", "tokens": tokens, "counts": [0, 1, 0, 3, 2, 2]}}
    labels = ["negative", "neutral", "positive"]
    vocabulary.write_text(json.dumps({"columns": written, "labels": labels}), encoding="utf-8")
    card = serialization.ModelSpec.of(everything, "opinions-perceptron")
    serialization.save(serialization.build(card.entry, load(vocabulary)), card, vocabulary, folder)
    return predictor.load(folder, vocabulary).predict(["good", "bad bad"])


# Keras on NumPy 2, when it saves weights.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
def test_a_logged_model_loads_back_elsewhere_and_says_the_same(
    root: Path, who: runs.Identity, tmp_path: Path
) -> None:
    answers = _tiny_model(tmp_path / "model", tmp_path / "vocabulary.json")
    with runs.training(who, root, uuid.uuid4().hex) as run:
        started = time.monotonic()
        run.log_model(
            tmp_path / "model", tmp_path / "vocabulary.json", ["good", "bad bad"], answers
        )
        assert time.monotonic() - started < 2
    assert run.lost is None
    (kept,) = found(root, who)
    (output,) = kept.outputs.model_outputs
    folder = root / "mlartifacts" / "models" / output.model_id / "artifacts"
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle")]
    # Neither this repository nor the model's first folder may be needed to load it.
    (tmp_path / "model").rename(tmp_path / "moved")
    script = (
        "import json, mlflow, sys\n"
        f"mlflow.set_tracking_uri({store.tracking_uri(root)!r})\n"
        f"model = mlflow.pyfunc.load_model('models:/{output.model_id}')\n"
        "example = model.metadata.load_input_example()\n"
        "import pipelines\n"
        "print(json.dumps([example, model.predict(example), pipelines.__file__]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    said = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    example, predictions, code = json.loads(said.stdout.splitlines()[-1])
    assert example == ["good", "bad bad"]
    assert predictions == answers
    assert not Path(code).is_relative_to(HERE)
