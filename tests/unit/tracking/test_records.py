"""What a stage tells MLflow: to be read and found by, once, of a model from the cache too."""

import json
import time
from collections.abc import Mapping

import pandas as pd
import pytest
import yaml

from pipelines.tracking import descriptions, runs, system_metrics
from tests.unit.tracking.work import CORPUS, METRICS, NAME, ROWS, Work


def test_a_run_says_what_how_well_and_how_to_have_it_again(work: Work) -> None:
    work.train()
    (run,) = work.runs()
    said = run.data.tags[descriptions.NOTE]
    assert said.startswith(
        f"{NAME}: seq2seq of lstm cells with general attention, on verses (translation)."
    )
    assert (
        "Validation: lowest loss 2.75 nats in epoch 2 of 2, best bleu 9.5; "
        "1,000 training tokens read."
    ) in said
    commit = run.data.tags["git"]
    assert len(commit) == 40
    assert f"git checkout {commit}\ndvc repro evaluate@{NAME}\n" in said
    assert "Test" not in said
    work.evaluate(METRICS | {"test_bleu_signature": "nrefs:1|case:mixed"})
    (run,) = work.runs()
    head, results, *_ = run.data.tags[descriptions.NOTE].split("\n\n")
    assert head == said.split("\n\n")[0]
    # MLflow folds away what comes after three lines.
    assert results == "Test: bleu 20.5; 3 examples, bleu signature `nrefs:1|case:mixed`."


def test_of_a_group_each_score_has_its_spread(work: Work) -> None:
    found = {"seeds": 3, "test_bleu_sd": 0.5, "test_bleu_low": 19.25, "test_bleu_high": 21.75}
    history = pd.DataFrame(ROWS)
    said = descriptions.text(work.everything, NAME, work.folder, history, METRICS | found)
    wanted = "Test, mean (standard deviation; interval of 95 %): bleu 20.5 (0.5; 19.25 to 21.75); "
    assert said.split("\n\n")[1] == f"{wanted}3 examples."


def test_of_a_dirty_tree_the_description_names_the_patch(work: Work) -> None:
    (work.folder / "more.yaml").write_text("a: 1\n", encoding="utf-8")
    work.train()
    (run,) = work.runs()
    assert "git apply training.patch" in run.data.tags[descriptions.NOTE]
    assert run.data.tags["dirty"] == "true"


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


def test_where_no_template_is_none_is_named(work: Work) -> None:
    tags = descriptions.tags(work.everything, "opinions-perceptron", work.folder)
    assert tags == {
        "model": "bag_of_words",
        "cell": "none",
        "attention": "none",
        "template": "none",
    }
    (work.folder / ".seqproof").mkdir()
    (work.folder / ".seqproof" / "origin.json").write_text("[", encoding="utf-8")
    assert descriptions.template(work.folder) == "none"


def test_a_training_that_is_gone_on_with_doubles_nothing(work: Work) -> None:
    with pytest.raises(KeyboardInterrupt):
        work.train(stop_after=1)
    assert work.runs()[0].info.status == "KILLED"
    work.train()
    (run,) = work.runs()
    assert run.info.status == "FINISHED"
    assert run.data.tags[runs.RESUMED] == "1"
    assert work.points("valid_bleu") == [(1, 2.0), (2, 9.5)]
    assert work.points("by_tokens/valid_bleu") == [(500, 2.0), (1000, 9.5)]
    assert len(run.inputs.dataset_inputs) == 2
    steps = [step for step, _ in work.points("system/cpu_utilization_percentage")]
    assert steps == [0, 1]  # one reading at the end of each process


def test_a_model_evaluated_again_doubles_nothing(work: Work) -> None:
    work.train()
    ended = work.runs()[0].info.end_time
    work.evaluate()
    work.evaluate()
    (run,) = work.runs()
    assert run.info.end_time == ended  # the duration that MLflow shows is that of the training
    assert work.points("test_bleu") == [(0, 20.5)]
    assert work.points("valid_loss") == [(1, 3.123456789123), (2, 2.75)]
    assert len(work.models()) == len(run.outputs.model_outputs) == 1
    contexts = sorted(one.tags[0].value for one in run.inputs.dataset_inputs)
    assert contexts == ["test", "train", "valid"]
    work.evaluate(METRICS | {"test_bleu": 21.0})  # searched in another way, say
    (run,) = work.runs()
    assert run.data.metrics["test_bleu"] == 21.0


def test_of_a_model_from_the_cache_the_run_has_all_that_is_known(work: Work) -> None:
    command = f"python -m stages.train_seq2seq {NAME} --train train.parquet --valid valid.parquet"
    lock = {"schema": "2.0", "stages": {f"train_seq2seq@{NAME}": {"cmd": command}}}
    (work.folder / "dvc.lock").write_text(yaml.safe_dump(lock), encoding="utf-8")
    work.evaluate()
    work.evaluate()
    (run,) = work.runs()
    assert run.data.tags[runs.TRAINING] == "taken from the cache"
    assert run.data.params["optimizer.name"] == "adam"
    assert work.points("by_tokens/train_loss") == [(500, 3.25), (1000, 2.5)]
    contexts = {one.tags[0].value: one.dataset for one in run.inputs.dataset_inputs}
    assert set(contexts) == {"train", "valid", "test"}
    assert json.loads(contexts["train"].source) == {"uri": "train.parquet"}
    assert json.loads(contexts["test"].profile)["num_rows"] == 3
    assert {"cell", "attention", descriptions.NOTE} <= set(run.data.tags)


def test_a_logged_model_says_what_goes_in_and_comes_out(work: Work) -> None:
    work.train()
    work.evaluate()
    (model,) = work.models()
    folder = work.folder / "mlartifacts" / "models" / model.model_id / "artifacts"
    card = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    for side in ("inputs", "outputs"):
        (column,) = json.loads(card["signature"][side])
        assert column["type"] == "string"
    assert json.loads((folder / "input_example.json").read_text(encoding="utf-8")) == ["in"]
    assert model.metrics
    assert {metric.key: metric.value for metric in model.metrics}["test_bleu"] == 20.5


def test_the_machine_is_read_while_a_training_runs_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    read: list[dict[str, float]] = []
    first: list[Mapping[str, float]] = []
    with system_metrics.running(lambda values: read.append(dict(values)), first.append):
        deadline = time.monotonic() + 20
        while len(read) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    count = len(read)
    assert count >= 4
    assert len(first) == count + 1
    assert {"cpu_utilization_percentage", "system_memory_usage_megabytes"} <= set(read[0])
    time.sleep(0.2)
    assert len(read) == count


def test_a_machine_that_cannot_be_read_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def collect_metrics(self) -> None:
            raise OSError("no sensor")

        def clear_metrics(self) -> None:
            """Nothing."""

    monkeypatch.setattr(system_metrics, "_readers", lambda: [Broken()])
    read: list[dict[str, float]] = []
    first: list[Mapping[str, float]] = []
    with system_metrics.running(lambda values: read.append(dict(values)), first.append):
        pass
    assert (first, read) == ([{}, {}], [{}])
