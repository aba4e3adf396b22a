"""`dvc repro` from end to end in a tiny project, and all that a user does with its results."""

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from commands.verify import verify
from pipelines import console, paths
from pipelines.config import params
from pipelines.evaluation import parts
from pipelines.lineage import dvc_project, hashing
from pipelines.tracking import run_store
from pipelines.verification import comparisons, sandbox
from tests.walk.conftest import CORPORA, FAMILIES, Project

TRAININGS = {f"{params.FAMILIES[family]}@{name}" for name, family in FAMILIES.items()}
EVALUATIONS = {f"evaluate_{family}@{name}" for name, family in FAMILIES.items()}
DATA = {
    f"{stage}@{corpus}" for stage in ("fetch", "preprocess", "build_vocab") for corpus in CORPORA
}
RUNNING = re.compile(r"Running stage '([^']+)'")


def stages_run(output: str) -> set[str]:
    return set(RUNNING.findall(output))


def outdated(project: Project) -> set[str]:
    """Stages whose own dependencies, parameters or outs differ from dvc.lock."""
    with dvc_project.open_project(project.folder) as repo:
        return {str(stage).rpartition(":")[2] for stage in repo.status()}


def read_metrics(project: Project, name: str) -> dict[str, Any]:
    return json.loads((project.folder / paths.metrics(name)).read_text(encoding="utf-8"))


def commit_results(project: Project) -> None:
    project.run("git", "add", "dvc.lock", "metrics")
    project.run("git", "commit", "-qm", "results")


# The first run ---------------------------------------------------------------------------------


def test_every_stage_runs_once(finished):
    _, output = finished
    expected = {"check", "report", "memory@adding"} | DATA | TRAININGS | EVALUATIONS
    assert stages_run(output) == expected
    assert len(RUNNING.findall(output)) == len(expected)


def test_the_terminal_shows_no_library_noise(finished):
    _, output = finished
    checks = re.compile(rf"^(?:{'|'.join(CORPORA)}): .*\n", re.MULTILINE)  # of preprocess
    noise = re.findall(
        r"(?i).*(?:warning|oneDNN|absl|cuda|deprecat|alembic|traceback).*", checks.sub("", output)
    )
    assert noise == []


def test_the_second_repro_runs_nothing(finished):
    project, _ = finished
    before = project.outs()
    output = project.run("dvc", "repro")
    assert stages_run(output) == set()
    assert "Data and pipelines are up to date" in output
    assert outdated(project) == set()
    assert project.outs() == before
    status = project.run("git", "status", "--porcelain").split()
    assert status == ["??", "dvc.lock", "??", "metrics/"]


def test_metrics_are_flat_sorted_and_complete(finished):
    project, _ = finished
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
        metrics = read_metrics(project, name)
        size = "ngram_counts" if name == "plain-markov" else "parameters"
        assert set(metrics) == shared | keys | {size}
        assert list(metrics) == sorted(metrics)
    table = project.run("dvc", "metrics", "show")
    assert "metrics/days-attention.json" in table
    assert "test_exact_match" in table
    assert "index.html" in project.run("dvc", "plots", "show", "plots/plain-lstm.csv")


def test_members_of_ensembles_and_components_of_mixtures_are_evaluated_too(finished):
    project, _ = finished
    ensemble, mixture = (read_metrics(project, name) for name in ("moods-tuned", "phrases-rnn"))
    assert parts.names(ensemble) == ["member"]
    assert ensemble["member/seeds"] == 2
    assert ensemble["member/test_accuracy_sd"] >= 0
    assert ensemble["parameters"] == 2 * ensemble["member/parameters"]
    assert parts.names(mixture) == ["network", "ngram"]
    assert mixture["network/test_perplexity"] != mixture["ngram/test_perplexity"]
    assert mixture["ngram_counts"] > 0
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        keys = {key for (key,) in store.execute("select distinct key from metrics")}
    assert {"member/test_accuracy", "network/test_perplexity"} <= keys
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    table = project.run("seqproof", "results")
    for title in ("single model, mean of 2 seeds", "network alone", "n-grams alone"):
        assert f"<td>{title}</td>" in page
        assert title in table


def test_predictions_have_a_row_and_a_score_for_each_test_item(finished):
    project, _ = finished
    for name in FAMILIES:
        rows = pd.read_parquet(project.folder / paths.predictions(name))
        assert len(rows) == read_metrics(project, name)["test_examples"]
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


def test_a_logged_model_predicts_like_the_command(finished):
    """In a new process and another folder, through MLflow alone."""
    project, _ = finished
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
    texts = {"days-attention": "march 5, 2004", "plain-lstm": "the", "moods-rnn": "the cat likes"}
    texts |= {"slots-tagger": "the cat sees", "moods-logistic": "the cat likes"}
    uri = f"sqlite:///{project.folder / 'mlflow.db'}"
    output = project.run("python", "-c", script, uri, json.dumps(texts))
    logged = dict(json.loads(line) for line in output.splitlines() if line.startswith("["))
    assert set(logged) == set(texts)
    for name, text in texts.items():
        prediction = project.run("seqproof", "predict", name, text).strip()
        if name.startswith("moods"):  # a table; its first cell below the header is the label
            prediction = prediction.splitlines()[1].split()[0]
        assert prediction == logged[name].strip() != ""
    assert not list((project.folder / "mlartifacts").rglob("*.pkl"))


def test_a_fine_tuned_classifier_starts_with_the_embedding_of_its_language_model(finished):
    project, output = finished
    vocabulary = json.loads((project.folder / paths.vocabulary("moods")).read_text("utf-8"))
    size = len(vocabulary["columns"]["text"]["tokens"]) - 4
    assert f"moods-tuned: {size} of {size} words start from phrases-rnn" in output
    first, second = (
        pd.read_csv(project.folder / paths.history(name)) for name in ("moods-rnn", "moods-tuned")
    )
    assert first["train_loss"][0] != second["train_loss"][0]


def test_generate_writes_the_sample_of_evaluate_and_other_text_with_another_seed(finished):
    project, _ = finished
    analysis = json.loads((project.folder / paths.analysis("plain-lstm")).read_text("utf-8"))
    sample = analysis["sample"]
    assert project.run("seqproof", "generate", "plain-lstm") == f"{sample}\n"
    command = ("seqproof", "generate", "plain-lstm", "--seed", "5", "--length", "30")
    text = project.run(*command, "--beginning", "a cat")
    assert text.startswith("a cat")
    assert len(text) == len("a cat") + 30 + 1
    assert text == project.run(*command, "--beginning", "a cat")
    assert text[5:25] != sample[3:]
    error = project.run("seqproof", "generate", "moods-rnn", ok=False)
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


def test_results_have_all_models_and_the_cost_of_every_stage(finished):
    project, _ = finished
    table = project.run("seqproof", "results")
    for name in FAMILIES:
        assert re.search(rf"(?m)^\W*{name}\b", table)
    for stage in DATA | TRAININGS | EVALUATIONS | {"check", "report", "memory@adding"}:
        assert re.search(rf"(?m)^\W*{stage}\s.*\d", table), stage
    assert "report.html" in table
    assert re.search(r"(?i)sum", table)


def test_models_are_compared_by_their_stored_predictions(copy):
    output = copy.run("seqproof", "compare", "plain-markov", "plain-lstm", "--json")
    (comparison,) = json.loads(output)
    (finding,) = comparison["findings"]
    for name, score in (("plain-markov", "first"), ("plain-lstm", "second")):
        bits = read_metrics(copy, name)["test_bits_per_character"]
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


# What runs again -------------------------------------------------------------------------------


def test_a_forced_repro_writes_the_same_bytes(finished, copy):
    project, _ = finished
    # In another folder, and with another number of threads to read the data: Arrow's.
    copy.run("dvc", "repro", "--force", "--no-run-cache", OMP_NUM_THREADS="1")
    assert copy.outs() == project.outs()


def test_outdated_stages_are_found_from_another_folder(copy):
    targets = ["evaluate_baseline@moods-perceptron", "evaluate_baseline@plain-markov"]
    assert dvc_project.outdated(targets, copy.folder) == []
    trainer = copy.folder / "pipelines" / "training" / "trainer.py"
    trainer.write_text(trainer.read_text(encoding="utf-8") + "# later\n", encoding="utf-8")
    assert "train_baseline@plain-markov" in dvc_project.outdated(targets, copy.folder)
    assert dvc_project.outdated(targets, copy.folder, earlier_code=["pipelines"]) == []
    metrics = copy.folder / paths.metrics("plain-markov")
    metrics.write_text(metrics.read_text(encoding="utf-8").replace("1", "2"), encoding="utf-8")
    outdated_stages = dvc_project.outdated(targets, copy.folder, earlier_code=["pipelines"])
    assert outdated_stages == ["evaluate_baseline@plain-markov"]
    (copy.folder / paths.train_frame("moods")).unlink()
    outdated_stages = dvc_project.outdated(targets, copy.folder, earlier_code=["pipelines"])
    assert "preprocess@moods" in outdated_stages


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            [
                *("pipelines/tracking/runs.py", "pipelines/verification/verify.py"),
                *("pipelines/config/params.py", "pipelines/config/models.py"),
                *("pipelines/diagnostics/machine.py", "pipelines/lineage/git.py"),
                *("pipelines/console.py", "pipelines/paths.py", "commands/app.py"),
            ],
            set(),
        ),
        (["pipelines/reporting/plots.py"], {"report"}),
        (["pipelines/evaluation/metrics.py"], EVALUATIONS | {"report"}),
        (["pipelines/training/schedules.py"], TRAININGS),
        (["pipelines/data/readers/table.py"], {f"preprocess@{corpus}" for corpus in CORPORA}),
    ],
    ids=["observers", "reporting", "metrics", "training", "a reader"],
)
def test_edited_code_reruns_only_the_stages_that_it_can_change(copy, files, expected):
    for name in files:
        with (copy.folder / name).open("a", encoding="utf-8") as file:
            file.write("# A comment.\n")
    assert outdated(copy) == expected


def test_another_seed_reruns_no_data_stage(copy):
    copy.edit_params(lambda tree: tree.update(seed=2))
    assert outdated(copy) == {"check", "report", "memory@adding"} | TRAININGS
    copy.edit_params(lambda tree: tree.update(seed=1, data_seed=2))
    data = {stage for stage in DATA if not stage.startswith("build_vocab")}
    assert outdated(copy) == {"check", "report"} | data


def test_a_text_file_reruns_the_stages_of_its_corpora_only(copy):
    texts = copy.folder / "texts"
    (texts / "unused.txt").write_text("the cat sees the cat .\n", encoding="utf-8")
    assert stages_run(copy.run("dvc", "repro", "check")) == {"check"}
    assert outdated(copy) == set()
    with (texts / "moods.csv").open("a", encoding="utf-8") as file:
        file.write("the cat likes the cat,good\n")
    assert stages_run(copy.run("dvc", "repro", "check")) == {"check"}
    assert outdated(copy) == {"fetch@moods"}
    data = {"fetch@moods", "preprocess@moods", "build_vocab@moods"}
    assert stages_run(copy.run("dvc", "repro", "build_vocab@moods")) == data
    trainings = {stage for stage in TRAININGS if "@moods-" in stage}
    evaluations = {stage for stage in EVALUATIONS if "@moods-" in stage}
    assert outdated(copy) == trainings | evaluations | {"report"}


def test_a_value_reruns_the_stages_that_read_it(copy):
    """A language model is trained again, and then the classifier that starts from it."""

    def edit(tree: dict[str, Any]) -> None:
        tree["models"]["lstm"]["phrases-rnn"]["epochs"] = 2
        tree["tracking"]["experiment_prefix"] = "other/"

    copy.edit_params(edit)
    assert outdated(copy) == {"check", "train_lstm@phrases-rnn", "report"}
    output = copy.run("dvc", "repro", "train_lstm@phrases-rnn")
    assert stages_run(output) == {"check", "train_lstm@phrases-rnn"}
    expected = {"fine_tune@moods-tuned", "evaluate_lstm@phrases-rnn", "report"}
    assert outdated(copy) == expected


def test_a_published_number_reruns_the_report_only(copy):
    goal = {"models": ["days-attention"], "metric": "test_exact_match", "published": 0.5}
    goal |= {"reference": "a model", "source": "a paper"}
    goal["protocol"] = {"kind": "single", "split": "another", "decoding": "greedy"}
    copy.edit_params(lambda tree: tree.update(goals=[goal]))
    assert stages_run(copy.run("dvc", "repro")) == {"check", "report"}
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    assert '<td class="text">0.5; a model; a paper</td>' in page


def test_an_earlier_result_comes_from_the_cache(copy):
    """DVC's run cache has the outs of every stage that ran with the same inputs."""
    stage, model = "train_baseline@plain-markov", copy.folder / paths.model("plain-markov")
    before = hashing.folder_sha256(model)

    def set_order(order: int) -> Callable[[dict[str, Any]], None]:
        return lambda tree: tree["models"]["baseline"]["plain-markov"].update(order=order)

    copy.edit_params(set_order(2))
    assert stages_run(copy.run("dvc", "repro", stage)) == {"check", stage}
    assert hashing.folder_sha256(model) != before
    copy.edit_params(set_order(3))
    assert stages_run(copy.run("dvc", "repro", stage)) == set()
    assert hashing.folder_sha256(model) == before


# Experiments -----------------------------------------------------------------------------------


def test_dvc_exp_run_changes_a_value_of_a_model(copy):
    commit_results(copy)
    change = "models.baseline.plain-markov.order=2"
    output = copy.run("dvc", "exp", "run", "-S", change)
    ran = {"check", "train_baseline@plain-markov", "evaluate_baseline@plain-markov", "report"}
    assert stages_run(output) == ran
    # Two stages for each model of the commit, and the two of the experiment.
    sealed = copy.run("seqproof", "seal")
    assert re.findall(r"\d+", sealed) == [str(2 * len(FAMILIES) + 2)] * 2
    for change in ("models.baseline.plain-markov.ordr=2", "models.lstm.plain-lstm.unitz=3"):
        error = copy.run("dvc", "exp", "run", "-S", change, "check", ok=False)
        assert change.partition("=")[0] in error


def test_dvc_exp_run_reaches_a_model_of_each_family(copy):
    commit_results(copy)
    changes = {
        "train_baseline@plain-markov": "models.baseline.plain-markov.order=4",
        "train_lstm@plain-lstm": "models.lstm.plain-lstm.units=9",
        "fine_tune@moods-tuned": "models.fine_tuned.moods-tuned.epochs=3",
        "train_seq2seq@days-attention": "models.seq2seq.days-attention.units=9",
    }
    options = [option for change in changes.values() for option in ("-S", change)]
    copy.run("dvc", "exp", "run", *options, "check")
    config = params.load(copy.folder / "params.yaml")
    assert config.models["plain-lstm"].units == config.models["days-attention"].units == 9
    assert outdated(copy) == {"report", *changes}


def test_queued_experiments_are_in_the_same_store(copy):
    """Two workers, each in a copy of the project that DVC deletes afterwards."""
    before = read_runs(copy)
    commit_results(copy)
    target = "evaluate_baseline@plain-markov"
    change = "models.baseline.plain-markov.order={}"
    orders = (1, 2)
    for order in orders:
        command = ("dvc", "exp", "run", "-q", "--queue", "-S", change.format(order))
        copy.run(*command, target)
    copy.run("dvc", "queue", "start", "-j", "2")
    deadline = time.monotonic() + 300
    while re.search("Queued|Running", copy.run("dvc", "queue", "status")):
        assert time.monotonic() < deadline, copy.run("dvc", "queue", "status")
        time.sleep(1)
    assert copy.run("dvc", "queue", "status").count("Success") == len(orders)
    copy.run("dvc", "exp", "run", "-q", "--temp", "-S", change.format(5), target)
    new = {run: found for run, found in read_runs(copy).items() if run not in before}
    assert sorted(values["order"] for values, _ in new.values()) == ["1", "2", "5"]
    for run, (_, uri) in new.items():
        folder = Path(uri.removeprefix("file://"))
        assert folder.parts[-3:] == ("mlartifacts", run, "artifacts")
        assert ".dvc" not in folder.parts  # the copies are deleted by now
        assert (folder / "provenance" / "training.json").is_file()
        assert (folder / "provenance" / "training.patch").is_file()  # params.yaml differs
    sealed = copy.run("seqproof", "seal")
    count = 2 * len(FAMILIES) + 2 * len(new)
    assert re.findall(r"\d+", sealed)[0] == str(count)


def read_runs(project: Project) -> dict[str, tuple[dict[str, str], str]]:
    """Parameters and artifact address of each finished run, by its id."""
    runs = {}
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        query = "select run_uuid, artifact_uri from runs where status = 'FINISHED'"
        for run, uri in store.execute(query).fetchall():
            values = store.execute("select key, value from params where run_uuid = ?", [run])
            runs[run] = (dict(values), uri)
    return runs


# Mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("ordr", 3, r"\.ordr .*'order'"), ("order", 0, r"\.order is 0: .* 1\b")],
    ids=["misspelt key", "value out of range"],
)
def test_an_invalid_value_stops_before_any_stage(copy, key, value, message):
    before = copy.outs()
    copy.edit_params(lambda tree: tree["models"]["baseline"]["plain-markov"].update({key: value}))
    output = copy.run("dvc", "repro", ok=False)
    assert re.search(rf"params\.yaml:\d+: models\.baseline\.plain-markov{message}", output)
    assert "Traceback" not in output
    assert stages_run(output) == {"check"}
    after = copy.outs()
    checked = paths.CHECKED.as_posix()
    lost = {path for path, content in before.items() if after.get(path) != content}
    assert all(path.startswith(checked) for path in lost)


def test_an_invalid_key_that_no_stage_reads_stops_too(copy):
    copy.edit_params(lambda tree: tree.update(sed=1))
    assert re.search(r"params\.yaml:\d+: sed .*'seed'", copy.run("dvc", "repro", ok=False))


def test_a_failed_expectation_stops_before_any_training(copy):
    with (copy.folder / "texts" / "moods.csv").open("a", encoding="utf-8") as file:
        file.write("the cat sees the sea,ugly\n")
    output = copy.run("dvc", "repro", ok=False)
    assert "moods.csv:92" in output
    assert "ugly" in output
    assert "Traceback" not in output
    assert not {stage for stage in stages_run(output) if stage in TRAININGS}


def test_stages_run_one_by_one(copy):
    assert "90 rows" in copy.run("seqproof", "preprocess", "plain")
    assert re.search(r"\d nats", copy.run("seqproof", "train-baseline", "plain-markov"))
    error = copy.run("seqproof", "train-lstm", "plain-lstn", ok=False)
    names = "plain-lstm, phrases-rnn, moods-rnn"
    assert re.fullmatch(rf"seqproof: params\.yaml .*models\.lstm.*'plain-lstm'.*{names}.*\n", error)


def test_a_stage_refuses_files_that_do_not_belong_to_its_model(copy):
    """Of another corpus, of another kind of model, and with other parameters."""
    before = copy.outs()
    train = copy.folder / paths.train_frame("plain")
    content = train.read_bytes()
    train.unlink()
    shutil.copy(copy.folder / paths.train_frame("days"), train)
    error = copy.run("seqproof", "train-baseline", "plain-markov", ok=False)
    assert re.fullmatch(r"seqproof: .*text.*\n", error)
    train.write_bytes(content)

    language_model = copy.folder / paths.model("phrases-rnn")
    language_model.rename(copy.folder / "saved")
    shutil.copytree(copy.folder / paths.model("moods-rnn"), language_model)
    error = copy.run("seqproof", "fine-tune", "moods-tuned", ok=False)
    assert re.fullmatch(r"seqproof: .*models/phrases-rnn .*classifier.*init_from.*\n", error)
    shutil.rmtree(language_model)
    (copy.folder / "saved").rename(language_model)

    copy.edit_params(lambda tree: tree["models"]["baseline"]["plain-markov"].update(order=2))
    error = copy.run("seqproof", "evaluate", "plain-markov", ok=False)
    assert re.fullmatch(
        r"seqproof: .*models/plain-markov .*params\.yaml has \(model\.order\).*\n", error
    )
    assert copy.outs() == before


def test_an_unwritable_folder_is_reported_in_one_line(copy):
    shutil.rmtree(copy.folder / "models")
    (copy.folder / "models").symlink_to("/proc")
    error = copy.run("seqproof", "train-baseline", "plain-markov", ok=False)
    assert re.search(r"(?m)^seqproof: .*models/.*plain-markov", error)
    assert "Traceback" not in error


def test_outside_a_project_commands_say_so(tmp_path, finished):
    project, _ = finished
    outside = Project(tmp_path)
    for command in (("fetch", "plain"), ("ui",)):
        error = outside.run("seqproof", *command, ok=False)
        assert re.fullmatch(r"seqproof: \S*params\.yaml does not exist.*\n", error)
    assert list(tmp_path.iterdir()) == []
    assert "65535" in project.run("seqproof", "ui", "--port", "99999999", ok=False)


def test_an_unreachable_tracking_server_loses_no_training(copy):
    """Nothing listens on that port: the stage succeeds, and its run is uploaded later."""
    history = copy.folder / paths.history("plain-markov")
    history.unlink()
    stage = ("dvc", "repro", "-f", "-s", "train_baseline@plain-markov")
    output = copy.run(*stage, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "127.0.0.1:9" in output
    assert "unreachable" in output
    assert history.is_file()
    before = read_runs(copy)
    assert "http://127.0.0.1:9" in copy.run("seqproof", "sync")
    assert read_runs(copy) == before
    assert "plain-markov" in copy.run("seqproof", "sync", "--here")
    assert len(read_runs(copy)) == len(before) + 1


# Seeds and verification ------------------------------------------------------------------------


def test_seeds_are_one_model_with_a_run_for_each(copy):
    def add_seeds(tree: dict[str, Any]) -> None:
        for family, name in (("baseline", "moods-perceptron"), ("lstm", "moods-rnn")):
            tree["models"][family][name]["seeds"] = [3, 1]

    copy.edit_params(add_seeds)
    copy.run("dvc", "repro", "evaluate_baseline@moods-perceptron", "evaluate_lstm@moods-rnn")
    metrics = read_metrics(copy, "moods-rnn")
    frame = pd.read_parquet(copy.folder / paths.predictions("moods-rnn"))
    accuracies = [(part["predicted"] == part["label"]).mean() for _, part in frame.groupby("seed")]
    assert metrics["test_accuracy"] == pytest.approx(sum(accuracies) / 2)
    assert metrics["seeds"] == frame["seed"].nunique() == 2
    store = run_store.open_store(copy.folder)
    runs = [run for run in store.runs if run.tags["corpus"] == "moods"]
    parent = next(run for run in runs if run.name == "moods-rnn")
    children = [run for run in runs if run.tags.get("mlflow.parentRunId") == parent.id]
    assert {run.name for run in children} == {"moods-rnn, seed 1", "moods-rnn, seed 3"}
    assert {run.metrics["test_accuracy"] for run in children} == set(accuracies)
    output = copy.run("seqproof", "compare", "moods-perceptron", "moods-rnn")
    assert "The verdict is about the recipes" in output
    assert re.match(r"\d+ ", copy.run("seqproof", "seal"))
    assert "level 0: identical" in copy.run("seqproof", "verify", "moods-rnn")


def test_results_are_sealed_traced_and_verified(copy):
    stages = 2 * len(FAMILIES)
    for new in (stages, 0):
        sealed = copy.run("seqproof", "seal")
        assert re.findall(r"\d+", sealed) == [str(stages), str(new)]
    traced = copy.run("seqproof", "trace", "analyses/moods-tuned.json")
    upstream = {"train_lstm@phrases-rnn", "fine_tune@moods-tuned"}
    for stage in upstream | {"evaluate_fine_tuned@moods-tuned"}:
        assert f"\n  {stage}\n" in traced
    trace = json.loads(copy.run("seqproof", "trace", "analyses/moods-tuned.json", "--json"))
    assert trace["problems"] == []
    assert trace["path"] == "analyses/moods-tuned.json"
    parts = {stage["stage"]: stage["part"] for stage in trace["stages"]}
    assert upstream <= {stage for stage, part in parts.items() if part == "upstream"}
    assert parts["evaluate_fine_tuned@moods-tuned"] == "target"
    assert parts["report"] == "downstream"
    states = {file["state"] for stage in trace["stages"] for file in stage["outs"]}
    assert states == {"unchanged"}

    verified = copy.run("seqproof", "verify", "--all")
    assert verified.count("level 0: identical") == len(FAMILIES)
    assert stages_run(copy.run("dvc", "repro")) == {"report"}
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("verified, level 0</span>") == len(FAMILIES)
    assert page.count(" tokens/s</span>") == len(FAMILIES)

    weights = copy.folder / paths.model("phrases-rnn") / "model.weights.h5"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    # The classifier that starts from this model is affected, too.
    output = copy.run("seqproof", "verify", "moods-tuned", ok=False)
    assert "moods-tuned: level 0: 1 finding" in output
    finding = r"models/phrases-rnn .*train_lstm@phrases-rnn .*: model\.weights\.h5 \("
    assert re.search(finding, output)
    output = copy.run("dvc", "repro", "--single-item", "report")
    assert stages_run(output) == {"report"}
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("verified, level 0</span>") == len(FAMILIES) - 1
    assert page.count("1 finding, level 0</span>") == 1


def test_a_result_is_reproduced_in_a_clean_checkout(copy, monkeypatch, capsys):
    """Level 2, which checks the levels below first; then again with code that trains otherwise."""
    name = "moods-perceptron"
    monkeypatch.chdir(copy.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = copy.outs()
    copy.run("seqproof", "seal")
    verify(name, 2)
    output = capsys.readouterr().out
    assert f"{name}: level 2: identical" in output
    assert re.search(rf"train_baseline@{name}: the first 18 steps", output)
    for stage in ("check", "fetch@moods", f"train_baseline@{name}", f"evaluate_baseline@{name}"):
        assert f"\n  {stage}: identical\n" in output

    run = sandbox.Sandbox.run

    def run_with_other_rate(self: sandbox.Sandbox, arguments: list[str]) -> str | None:
        schedules = self.root / "pipelines" / "training" / "schedules.py"
        text = schedules.read_text(encoding="utf-8")
        if "train_baseline" in " ".join(arguments):
            edited = text.replace("return rate\n", "return rate if step < 7 else 2 * rate\n")
            assert edited != text
            schedules.write_text(edited, encoding="utf-8")
        return run(self, arguments)

    monkeypatch.setattr(sandbox.Sandbox, "run", run_with_other_rate)
    monkeypatch.setattr(comparisons, "CLOSE_LIMIT", 1e-6)
    with pytest.raises(console.Exit):
        verify(name, 2)
    output = capsys.readouterr().out
    assert f"{name}: level 2: 1 finding" in output
    assert re.search(rf"\n  train_baseline@{name} is the first stage", output)
    assert re.search(r"first step that differs is 9 of 18", output)
    assert "\n  build_vocab@moods: identical\n" in output
    assert copy.outs() == before
    assert len(copy.run("git", "worktree", "list").splitlines()) == 1
    assert outdated(copy) == {"report"}
