"""The first `seqproof run` of a tiny project, and what a user does with its results."""

import json
import re
import shutil
import sqlite3

import pandas as pd
import pytest
import yaml

from pipelines import paths
from pipelines.evaluation import parts
from pipelines.lineage import dvc_project, hashing
from pipelines.tracking import run_store
from tests.contract import test_tutorial_claims
from tests.walk.projects import (
    DATA,
    EVALUATIONS,
    EXPERIMENTS,
    FAMILIES,
    RUNNING,
    TRAININGS,
    library_noise,
    stages_run,
)


def test_every_stage_runs_once(finished):
    _, output = finished
    expected = {"check", "report"} | EXPERIMENTS | DATA | TRAININGS | EVALUATIONS
    assert stages_run(output) == expected
    assert len(RUNNING.findall(output)) == len(expected)


def test_the_terminal_shows_no_library_noise(finished):
    _, output = finished
    assert library_noise(output) == []


def test_claims_of_the_tutorial_hold_for_fresh_outs(finished):
    """The project has the experiment of the default run."""
    project, _ = finished
    for claim in test_tutorial_claims.CLAIMS_OF_XOR:
        claim(project.folder)


def test_each_model_has_a_line_with_a_number_and_an_example(finished):
    _, output = finished
    for name in FAMILIES:
        line = rf"^{name}: [A-Za-z0-9 ]+ \d+\.\d+, (writes|for example): \S.*$"
        # Of the command, and of the log of the evaluation.
        assert len(re.findall(line, output, flags=re.M)) == 2, name


def test_the_second_repro_runs_nothing(copy):
    before = copy.outs()
    output = copy.run("dvc", "repro")
    assert stages_run(output) == set()
    assert "Data and pipelines are up to date" in output
    assert copy.outdated() == set()
    assert copy.outs() == before
    status = copy.run("git", "status", "--porcelain").split()
    assert status == ["??", "dvc.lock", "??", "metrics/"]


def test_metrics_are_flat_sorted_and_complete(copy):
    shared = {"task", "corpus", "test_examples", "test_tokens", "train_tokens_seen"}
    own = {
        "plain-lstm": {"test_bits_per_character", "test_nats_per_character", "test_perplexity"},
        "plain-markov": {"test_bits_per_character", "test_nats_per_character", "test_perplexity"},
        "moods-rnn": {
            *("test_accuracy", "test_macro_f1", "majority_accuracy"),
            "test_calibration_error",
        },
        "slots-tagger": {"test_span_f1", "test_token_accuracy"},
        "days-attention": {"search", "test_exact_match", "test_perplexity"},
    }
    for name, keys in own.items():
        metrics = copy.metrics(name)
        size = "ngram_counts" if name == "plain-markov" else "parameters"
        assert set(metrics) == shared | keys | {size}
        assert list(metrics) == sorted(metrics)
    table = copy.run("dvc", "metrics", "show")
    assert "metrics/days-attention.json" in table
    assert "test_exact_match" in table
    assert "index.html" in copy.run("dvc", "plots", "show", "plots/plain-lstm.csv")


def test_members_of_ensembles_and_components_of_mixtures_are_evaluated_too(copy):
    ensemble, mixture = (copy.metrics(name) for name in ("moods-tuned", "phrases-rnn"))
    assert parts.names(ensemble) == ["member"]
    assert ensemble["member/seeds"] == 2
    assert ensemble["member/test_accuracy_sd"] >= 0
    assert ensemble["parameters"] == 2 * ensemble["member/parameters"]
    assert parts.names(mixture) == ["network", "ngram"]
    assert mixture["network/test_perplexity"] != mixture["ngram/test_perplexity"]
    assert mixture["ngram_counts"] > 0
    with sqlite3.connect(copy.folder / "mlflow.db") as store:
        keys = {key for (key,) in store.execute("select distinct key from metrics")}
    assert {"member/test_accuracy", "network/test_perplexity"} <= keys
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    table = copy.run("seqproof", "results")
    for title in ("single model, mean of 2 seeds", "network alone", "n-grams alone"):
        assert f"<td>{title}</td>" in page
        assert title in table


def test_predictions_have_a_row_and_a_score_for_each_test_item(finished):
    project, _ = finished
    for name in FAMILIES:
        rows = pd.read_parquet(project.folder / paths.predictions(name))
        assert len(rows) == project.metrics(name)["test_examples"]
        score = "span_f1" if name == "slots-tagger" else "nats"
        assert rows[score].notna().all()


def test_analyses_have_what_pictures_show(finished):
    project, _ = finished
    keys = {
        "plain-lstm": {"sample", "lengths"},
        "moods-tuned": {"confusion", "reliability", "lengths"},
        "days-attention": {"attention", "lengths"},
    }
    for name, expected in keys.items():
        analysis = json.loads((project.folder / paths.analysis(name)).read_text(encoding="utf-8"))
        assert expected <= {key for key, value in analysis.items() if value}


def test_one_mlflow_run_has_training_and_evaluation(finished):
    project, _ = finished
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        runs = store.execute(
            "select r.name, e.name, r.status, r.run_uuid "
            "from runs r join experiments e using (experiment_id)"
        ).fetchall()
        assert sorted(run[0] for run in runs) == sorted(FAMILIES)
        for name, experiment, status, run in runs:
            assert experiment == f"seqproof/{name.partition('-')[0]}"
            assert status == "FINISHED"
            query = "select distinct key from metrics where run_uuid = ?"
            metrics = {key for (key,) in store.execute(query, [run])}
            assert {"train_loss", "valid_loss", "train_seconds"} <= metrics
            assert "test_tokens" in metrics
            values = dict(store.execute("select key, value from params where run_uuid = ?", [run]))
            assert values["seed"] == "1"
            tags = dict(store.execute("select key, value from tags where run_uuid = ?", [run]))
            assert {"device", "kernel", "git", "cell", "template"} <= set(tags)
            if "tensorflow" in tags:  # it has as many threads as params.yaml says, not all cores
                assert tags["threads"] == "intra 1, inter 1"


def test_datasets_have_the_hash_of_dvc(finished):
    project, _ = finished
    lock = yaml.safe_load((project.folder / "dvc.lock").read_text(encoding="utf-8"))
    hashes = {
        out["path"]: out["md5"] for out in lock["stages"]["preprocess@days"]["outs"] if "md5" in out
    }
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        digests = dict(store.execute("select name, digest from datasets"))
    for split in ("train", "valid", "test"):
        path = paths.frame("days", split)
        assert digests[f"days-{split}"] == hashes[path.as_posix()]
        assert hashing.file_md5(project.folder / path) == hashes[path.as_posix()]


def test_a_logged_model_predicts_like_the_command(finished, copy):
    """In a new process and another folder, through MLflow alone."""
    script = """if True:
        import json, mlflow, sys
        mlflow.set_tracking_uri(sys.argv[1])
        experiments = [experiment.experiment_id for experiment in mlflow.search_experiments()]
        for name, text in json.loads(sys.argv[2]).items():
            (model,) = mlflow.search_logged_models(
                filter_string=f"name = '{name}'", experiment_ids=experiments, output_format="list"
            )
            (prediction,) = mlflow.pyfunc.load_model(model.model_uri).predict([text])
            print(json.dumps([name, prediction]))
    """
    # MLflow alone would write into the artifacts of the finished project, which others copy now.
    artifacts = finished[0].folder / "mlartifacts"
    before = set(artifacts.rglob("*"))
    run_store.open_store(copy.folder)
    texts = {"days-attention": "march 5, 2004", "plain-lstm": "the", "moods-rnn": "the cat likes"}
    texts |= {"slots-tagger": "the cat sees", "moods-logistic": "the cat likes"}
    uri = f"sqlite:///{copy.folder / 'mlflow.db'}"
    output = copy.run("python", "-c", script, uri, json.dumps(texts))
    logged = dict(json.loads(line) for line in output.splitlines() if line.startswith("["))
    assert set(logged) == set(texts)
    for name, text in texts.items():
        prediction = copy.run("seqproof", "predict", name, text).strip()
        if name.startswith("moods"):  # a table; its first cell below the header is the label
            prediction = prediction.splitlines()[1].split()[0]
        assert prediction == logged[name].strip() != ""
    assert not list((copy.folder / "mlartifacts").rglob("*.pkl"))
    assert set(artifacts.rglob("*")) == before


def test_a_fine_tuned_classifier_starts_with_the_embedding_of_its_language_model(finished):
    project, output = finished
    vocabulary = json.loads((project.folder / paths.vocabulary("moods")).read_text("utf-8"))
    size = len(vocabulary["columns"]["text"]["tokens"]) - 4
    assert f"moods-tuned: {size} of {size} words start from phrases-rnn" in output
    first, second = (
        pd.read_csv(project.folder / paths.history(name)) for name in ("moods-rnn", "moods-tuned")
    )
    assert first["train_loss"][0] != second["train_loss"][0]


def test_generate_writes_the_sample_of_evaluate_and_other_text_with_another_seed(copy):
    analysis = json.loads((copy.folder / paths.analysis("plain-lstm")).read_text("utf-8"))
    sample = analysis["sample"]
    assert copy.run("seqproof", "generate", "plain-lstm") == f"{sample}\n"
    command = ("seqproof", "generate", "plain-lstm", "--seed", "5", "--length", "30")
    text = copy.run(*command, "--beginning", "a cat")
    assert text.startswith("a cat")
    assert len(text) == len("a cat") + 30 + 1
    assert text == copy.run(*command, "--beginning", "a cat")
    assert text[5:25] != sample[3:]
    error = copy.run("seqproof", "generate", "moods-rnn", ok=False)
    assert re.match(r"seqproof: .*moods-rnn.*classifier.*plain-lstm", error)


def test_the_report_has_the_lineage_of_every_number(finished):
    project, _ = finished
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    lock = dvc_project.parse_lock((project.folder / "dvc.lock").read_text(encoding="utf-8"))
    parts = page.split("<summary>Lineage of ")[1:]
    lineages = {name: text for name, _, text in (part.partition("</summary>") for part in parts)}
    assert sorted(lineages) == sorted(FAMILIES)
    for name, lineage in lineages.items():
        text = lineage.partition("</details>")[0]
        assert "failed" not in text
        assert f"seqproof trace metrics/{name}.json" in text
        corpus = name.partition("-")[0]
        stages = [f"fetch@{corpus}", f"preprocess@{corpus}", f"build_vocab@{corpus}"]
        stages += [stage for stage in lock if stage.endswith(f"@{name}")]
        stages += ["train_lstm@phrases-rnn"] if name == "moods-tuned" else []
        for stage in stages:
            for path, md5 in lock[stage].outs.items():
                assert f"<p>{path} <code>{md5[:8]}</code></p>" in text


def test_results_have_all_models_and_the_cost_of_every_stage(copy):
    table = copy.run("seqproof", "results")
    for name in FAMILIES:
        assert re.search(rf"(?m)^\W*{name}\b", table)
    for stage in DATA | TRAININGS | EVALUATIONS | EXPERIMENTS | {"check", "report"}:
        assert re.search(rf"(?m)^\W*{stage}\s.*\d", table), stage
    assert "report.html" in table
    assert re.search(r"(?i)sum", table)


def test_models_are_compared_by_their_stored_predictions(copy):
    output = copy.run("seqproof", "compare", "plain-markov", "plain-lstm", "--json")
    (comparison,) = json.loads(output)["comparisons"]
    (finding,) = comparison["findings"]
    for name, score in (("plain-markov", "first"), ("plain-lstm", "second")):
        bits = copy.metrics(name)["test_bits_per_character"]
        assert finding[score] == pytest.approx(bits)
    parameters = comparison["differences"]["parameters"]
    assert parameters["model.model"] == ["ngram", "language_model"]
    assert comparison["differences"]["data"] == {}
    assert comparison["unknown"] == []
    names = ["plain-markov", "plain-lstm"]
    worse, best = names if finding["second"] < finding["first"] else names[::-1]
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    items = comparison["items"]
    assert f"compared with {best}, the best one, on the same {items} test items" in page
    # The better model is promoted; the other cannot replace it.
    promoted = copy.run("seqproof", "promote", best, "--as", "champion")
    assert re.search(rf"{best} .*version 1 .*models:/\S+@champion", promoted)
    refused = copy.run("seqproof", "promote", worse, "--as", "champion", ok=False)
    assert re.match(rf"seqproof: {worse} .*champion.* {best} ", refused)


def test_the_report_is_printed(copy):
    if not shutil.which("chromium"):
        pytest.skip("Chromium is not installed")
    assert "report.pdf" in copy.run("seqproof", "report", "--pdf")
    assert (copy.folder / "report.pdf").read_bytes().startswith(b"%PDF-")
