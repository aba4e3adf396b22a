"""What the training and evaluation stages log, each of it once."""

import json
from pathlib import Path

import pytest
import yaml

from pipelines import paths
from pipelines.lineage import environment
from pipelines.tracking import data_warnings, descriptions, run_writer, runs
from tests.unit.tracking.work import CORPUS, METRICS, ROWS, Work


def test_a_run_is_found_by_each_of_its_tags(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "wider")
    origin = work.folder / ".seqproof" / "origin.json"
    origin.parent.mkdir()
    origin.write_text(json.dumps({"template": "multi30k"}), encoding="utf-8")
    work.train()
    client, experiment = work.client(), work.runs()[0].info.experiment_id
    for key, value in {
        "task": "translation",
        "corpus": CORPUS,
        "model": "seq2seq",
        "cell": "lstm",
        "attention": "general",
        "template": "multi30k",
        "dirty": "false",
        "device": "cpu",
        "kernel": "blocks",
        "experiment": "wider",
    }.items():
        assert client.search_runs([experiment], f"tags.{key} = '{value}'"), key
        assert not client.search_runs([experiment], f"tags.{key} = 'other'"), key


def test_processor_and_variables_are_tags(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {}}')
    work.train()
    tags, machine = work.runs()[0].data.tags, environment.machine()
    for key in ("cpu", "cpu_model", "cores", "instruction_sets", "onednn_isa"):
        assert tags[key] == machine[key], key
    variables = tags["variables"].split("; ")
    assert {"OMP_NUM_THREADS=3", "TF_CONFIG=(hidden)"} <= set(variables)


def test_the_data_checks_are_among_the_artifacts(work: Work) -> None:
    checks = work.folder / paths.data_checks(CORPUS)
    checks.parent.mkdir(parents=True)
    checks.write_text("[]", encoding="utf-8")
    work.train()
    folder = work.folder / "mlartifacts" / work.runs()[0].info.run_id / "artifacts"
    assert (folder / "data_checks" / checks.name).read_text("utf-8") == "[]"


def test_data_warnings_are_tags_and_metrics(work: Work) -> None:
    path = work.folder / paths.data_checks(CORPUS)
    path.parent.mkdir(parents=True)
    overlap = {"frame": "test", "name": "overlap", "rows": 200, "unexpected": 3, "observed": 1.0}
    results = [
        {**overlap, "success": False},  # of the sources
        {**overlap, "unexpected": 1, "success": False},  # of the pairs
        {**overlap, "name": "unknown_drift", "unexpected": None, "observed": 0.2, "success": False},
        {**overlap, "frame": "valid", "success": True},
    ]
    path.write_text(json.dumps(results), encoding="utf-8")
    work.train()
    work.evaluate()
    (run,) = work.runs()
    assert run.data.tags["data.warnings"] == "test/overlap, test/unknown_drift"
    logged = {key: x for key, x in run.data.metrics.items() if key.startswith("data/")}
    assert logged == {
        "data/warnings": 2.0,
        "data/test/overlap": 0.015,
        "data/test/unknown_drift": 0.2,
    }
    assert work.points("data/warnings") == [(0, 2.0)]


@pytest.mark.parametrize("text", ["[]", "{}", '[{"frame": "x"}]', "[1]", "oops"])
def test_data_checks_without_warnings(text: str, tmp_path: Path) -> None:
    path = tmp_path / "checks.json"
    path.write_text(text, encoding="utf-8")
    tags, metrics = data_warnings.tags_and_metrics(path)
    assert metrics == ({"data/warnings": 0.0} if text == "[]" else {})
    assert tags == ({"data.warnings": "none"} if text == "[]" else {})


def test_a_resumed_training_logs_nothing_twice(work: Work) -> None:
    with pytest.raises(KeyboardInterrupt):
        work.train(stop_after=1)
    assert work.runs()[0].info.status == "KILLED"
    work.train()
    (run,) = work.runs()
    assert run.info.status == "FINISHED"
    assert run.data.tags[run_writer.RESUMED] == "1"
    assert work.points("valid_bleu") == [(1, 2.0), (2, 9.5)]
    assert work.points("by_tokens/valid_bleu") == [(500, 2.0), (1000, 9.5)]
    assert len(run.inputs.dataset_inputs) == 2
    steps = [step for step, _ in work.points("system/cpu_utilization_percentage")]
    assert steps == [0, 1]  # one sample at the end of each process


def test_a_second_evaluation_logs_nothing_twice(work: Work) -> None:
    work.train()
    ended = work.runs()[0].info.end_time
    work.evaluate()
    work.evaluate()
    (run,) = work.runs()
    assert run.info.end_time == ended  # the duration that MLflow shows is that of the training
    assert work.points("test_bleu") == [(0, 20.5)]
    assert work.points("valid_loss") == [(1, 3.123456789123), (2, 2.75)]
    assert len(work.models()) == len(run.outputs.model_outputs) == 1
    contexts = sorted(item.tags[0].value for item in run.inputs.dataset_inputs)
    assert contexts == ["test", "train", "valid"]
    work.evaluate(METRICS | {"test_bleu": 21.0})  # after a change of the search, for instance
    (run,) = work.runs()
    assert run.data.metrics["test_bleu"] == 21.0


def test_the_run_of_a_cached_model_has_everything_of_its_training(work: Work) -> None:
    work.evaluate()
    work.evaluate()
    (run,) = work.runs()
    assert run.data.tags[runs.ORIGIN] == "taken from the cache"
    assert run.data.params["optimizer.name"] == "adam"
    assert work.points("by_tokens/train_loss") == [(500, 3.25), (1000, 2.5)]
    contexts = {item.tags[0].value: item.dataset for item in run.inputs.dataset_inputs}
    assert set(contexts) == {"train", "valid", "test"}
    assert json.loads(contexts["train"].source) == {"uri": paths.train_frame(CORPUS).as_posix()}
    assert json.loads(contexts["test"].profile)["num_rows"] == 3
    assert {"cell", "attention", descriptions.DESCRIPTION} <= set(run.data.tags)


def test_a_logged_model_has_signature_example_and_metrics(work: Work) -> None:
    work.train()
    work.evaluate()
    (model,) = work.models()
    folder = work.folder / "mlartifacts" / "models" / model.model_id / "artifacts"
    mlmodel = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    for side in ("inputs", "outputs"):
        (column,) = json.loads(mlmodel["signature"][side])
        assert column["type"] == "string"
    assert json.loads((folder / "input_example.json").read_text(encoding="utf-8")) == ["in"]
    assert model.metrics
    assert {metric.key: metric.value for metric in model.metrics}["test_bleu"] == 20.5


def test_epochs_reach_the_file_that_a_variable_names(work: Work, monkeypatch):
    file = work.folder / "epochs.jsonl"
    monkeypatch.setenv("SEQPROOF_EPOCHS", str(file))
    monkeypatch.setenv("SEQPROOF_TRACKING", "off")
    (work.folder / "mlflow.db").unlink()
    work.train()
    work.evaluate()  # logs the history once more
    assert [json.loads(line) for line in file.read_text().splitlines()] == ROWS
    assert not (work.folder / "mlflow.db").exists()
