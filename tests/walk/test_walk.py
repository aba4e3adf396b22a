"""`dvc repro` from end to end in a tiny clone: complete, repeatable, quiet, as narrow as can be."""

import json
import re
import shutil
import sqlite3
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from commands.verify import verify
from pipelines import console
from pipelines.lineage import dvc_project, hashing
from pipelines.tracking import run_store
from pipelines.verification import rerun, sandbox

MODELS = [
    *("plain-markov", "moods-perceptron", "plain-lstm", "phrases-rnn", "moods-rnn"),
    *("moods-tuned", "days-attention"),
]
RUN = re.compile(r"Running stage '([^']+)'")


def _ran(printed):
    return set(RUN.findall(printed))


def _metrics(project, name):
    return json.loads((project.folder / "metrics" / f"{name}.json").read_text(encoding="utf-8"))


def test_every_stage_ran_once(walked):
    _, printed = walked
    corpora = ["plain", "phrases", "moods", "days"]
    expected = {"check", "report", "gradient_flow@adding"}
    expected |= {
        f"{stage}@{one}" for stage in ("fetch", "preprocess", "build_vocab") for one in corpora
    }
    expected |= {f"evaluate@{name}" for name in MODELS}
    expected |= {"train_baseline@plain-markov", "train_baseline@moods-perceptron"}
    expected |= {"train_lstm@plain-lstm", "train_lstm@phrases-rnn", "train_lstm@moods-rnn"}
    expected |= {"fine_tune@moods-tuned", "train_seq2seq@days-attention"}
    assert _ran(printed) == expected


def test_the_screen_is_free_of_library_noise(walked):
    _, printed = walked
    noise = re.findall(r"(?i).*(?:warning|oneDNN|absl|cuda|deprecat|alembic|traceback).*", printed)
    assert noise == []


def test_the_second_repro_does_nothing(walked):
    project, _ = walked
    before = project.outs()
    printed = project.run("dvc", "repro")
    assert _ran(printed) == set()
    assert "Data and pipelines are up to date" in printed
    assert project.outs() == before
    assert project.run("git", "status", "--porcelain").split() == [
        "??",
        "dvc.lock",
        "??",
        "metrics/",
    ]


def test_what_is_stale_is_found_by_what_it_depends_on(changed):
    targets = ["evaluate@moods-perceptron", "evaluate@plain-markov"]  # asked from another folder
    assert dvc_project.outdated(targets, changed.folder) == []
    metrics = changed.folder / "metrics" / "plain-markov.json"
    metrics.write_text(metrics.read_text(encoding="utf-8").replace("1", "2"), encoding="utf-8")
    assert dvc_project.outdated(targets, changed.folder) == ["evaluate@plain-markov"]
    frame = changed.folder / "data" / "prepared" / "moods" / "train.parquet"
    frame.unlink()
    assert "preprocess@moods" in dvc_project.outdated(targets, changed.folder)


def test_metrics_are_flat_sorted_and_complete(walked):
    project, _ = walked
    shared = {"task", "corpus", "test_examples", "test_tokens", "parameters", "train_tokens_seen"}
    own = {
        "plain-lstm": {"test_bits_per_character", "test_nats_per_character", "test_perplexity"},
        "plain-markov": {"test_bits_per_character", "test_nats_per_character", "test_perplexity"},
        "moods-rnn": {
            *("test_accuracy", "test_macro_f1", "majority_accuracy"),
            "test_calibration_error",
        },
        "days-attention": {"search", "test_exact_match", "test_perplexity"},
    }
    for name, keys in own.items():
        metrics = _metrics(project, name)
        assert set(metrics) == shared | keys
        assert list(metrics) == sorted(metrics)
    shown = project.run("dvc", "metrics", "show")
    assert "metrics/days-attention.json" in shown
    assert "test_exact_match" in shown
    plots = project.run("dvc", "plots", "show", "plots/plain-lstm.csv")
    assert "index.html" in plots


def test_predictions_have_a_row_and_a_score_for_each_test_item(walked):
    project, _ = walked
    for name in MODELS:
        rows = pd.read_parquet(project.folder / "predictions" / f"{name}.parquet")
        assert len(rows) == _metrics(project, name)["test_examples"]
        assert rows["nats"].notna().all()


def test_one_mlflow_run_holds_training_and_evaluation(walked):
    project, _ = walked
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        runs = store.execute(
            "select r.name, e.name, r.status, r.run_uuid "
            "from runs r join experiments e using (experiment_id)"
        ).fetchall()
        assert sorted(run[0] for run in runs) == sorted(MODELS)
        for name, experiment, status, run in runs:
            assert experiment == f"seqproof/{name.partition('-')[0]}"
            assert status == "FINISHED"
            metrics = {
                key
                for (key,) in store.execute(
                    "select distinct key from metrics where run_uuid = ?", [run]
                )
            }
            assert {
                "train_loss",
                "valid_loss",
                "train_seconds",
                "test_tokens",
                "parameters",
            } <= metrics
            params = dict(store.execute("select key, value from params where run_uuid = ?", [run]))
            assert params["seed"] == "1"
            tags = dict(store.execute("select key, value from tags where run_uuid = ?", [run]))
            assert {"device", "kernel", "git", "cell", "template"} <= set(tags)


def test_datasets_carry_the_hash_that_dvc_gives(walked):
    project, _ = walked
    lock = yaml.safe_load((project.folder / "dvc.lock").read_text(encoding="utf-8"))
    hashes = {
        out["path"]: out["md5"] for out in lock["stages"]["preprocess@days"]["outs"] if "md5" in out
    }
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        digests = dict(store.execute("select name, digest from datasets"))
    for split in ("train", "valid", "test"):
        path = f"data/prepared/days/{split}.parquet"
        assert digests[f"days-{split}"] == hashes[path]
        assert hashing.file_md5(project.folder / path) == hashes[path]


def test_the_logged_model_loads_and_predicts_as_ours(walked):
    """In a fresh process and a foreign folder, through MLflow alone."""
    project, _ = walked
    script = (
        "import mlflow, sys; mlflow.set_tracking_uri(sys.argv[1]);"
        "found = mlflow.search_logged_models("
        "filter_string=f\"name = '{sys.argv[2]}'\", "
        "experiment_ids=[e.experiment_id for e in mlflow.search_experiments()], "
        "output_format='list');"
        "assert len(found) == 1, found;"
        "model = mlflow.pyfunc.load_model(found[0].model_uri);"
        "print('>>', model.predict([sys.argv[3]])[0])"
    )
    uri = f"sqlite:///{project.folder / 'mlflow.db'}"
    for name, text in (
        ("days-attention", "march 5, 2004"),
        ("plain-lstm", "the"),
        ("moods-rnn", "the cat likes"),
    ):
        ours = project.run("seqproof", "predict", name, text)
        theirs = project.run("python", "-c", script, uri, name, text)
        assert theirs.partition(">> ")[2].strip() == ours.strip()
        assert ours.strip()
    assert not list((project.folder / "mlartifacts").rglob("*.pkl"))


def test_a_classifier_starts_from_the_words_of_its_language_model(walked):
    project, printed = walked
    words = json.loads((project.folder / "data/vocabulary/moods.json").read_text(encoding="utf-8"))
    size = len(words["columns"]["text"]["tokens"]) - 4
    assert f"moods-tuned: {size} of {size} words start from phrases-rnn" in printed
    histories = [
        pd.read_csv(project.folder / f"plots/moods-{name}.csv") for name in ("rnn", "tuned")
    ]
    assert histories[0]["train_loss"][0] != histories[1]["train_loss"][0]


def test_a_start_that_is_no_language_model_writes_nothing(walked):
    project, _ = walked
    parts = [f"--{part}=data/prepared/moods/{part}.parquet" for part in ("train", "valid")]
    parts += [
        "--vocabulary=data/vocabulary/moods.json",
        "--model=models/x",
        "--history=plots/x.csv",
    ]
    stage = ("python", "-m", "stages.fine_tune", "moods-tuned", "--start=models/moods-rnn")
    assert project.run(*stage, *parts, ok=False) == (
        "seqproof: The model in models/moods-rnn is a classifier, and a classifier can start from "
        "a language model only: let 'init_from' name one.\n"
    )
    assert not (project.folder / "models" / "x").exists()


def test_generate_writes_what_evaluate_wrote_and_other_text_from_another_seed(walked):
    project, _ = walked
    sample = (project.folder / "pictures/plain-lstm/sample.txt").read_text(encoding="utf-8")
    assert project.run("seqproof", "generate", "plain-lstm") == f"{sample}\n"
    other = ("seqproof", "generate", "plain-lstm", "--seed", "5", "--length", "30")
    written = project.run(*other, "--beginning", "a cat")
    assert written.startswith("a cat")
    assert len(written) == len("a cat") + 30 + 1
    assert written == project.run(*other, "--beginning", "a cat")
    assert written[5:25] != sample[3:]
    refused = project.run("seqproof", "generate", "moods-rnn", ok=False)
    assert refused.startswith("seqproof: 'moods-rnn' is a classifier, and only a language model")


def test_the_whole_walk_again_gives_the_same_bytes(walked, changed):
    project, _ = walked
    # In another folder, and with another number of threads to read the data: Arrow's.
    changed.run("dvc", "repro", "--force", "--no-run-cache", OMP_NUM_THREADS="1")
    assert changed.outs() == project.outs()


def test_one_value_reruns_exactly_what_it_touches(changed):
    """Of a language model: the classifier that starts from it too, and no other."""

    def edit(tree):
        tree["models"]["phrases-rnn"]["epochs"] = 2
        tree["train_lstm models"]["phrases-rnn"] = tree["models"]["phrases-rnn"]
        tree["tracking"]["experiment_prefix"] = "other/"

    changed.change(edit)
    ran = _ran(changed.run("dvc", "repro"))
    trained = {"train_lstm@phrases-rnn", "fine_tune@moods-tuned"}
    assert ran == {"check", *trained, "evaluate@phrases-rnn", "evaluate@moods-tuned", "report"}


def test_a_published_number_reruns_the_report_alone(changed):
    goal = {"models": ["days-attention"], "metric": "test_exact_match", "published": 0.5}
    goal |= {"reference": "a model", "source": "a paper"}
    changed.change(lambda tree: tree.update(goals=[goal]))
    assert _ran(changed.run("dvc", "repro")) == {"check", "report"}
    page = (changed.folder / "report.html").read_text(encoding="utf-8")
    assert '<td class="words">[1] a model<span class="source">a paper</span></td>' in page


def test_the_report_has_the_chain_of_every_number(walked):
    project, _ = walked
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    lock = dvc_project.parse_lock((project.folder / "dvc.lock").read_text(encoding="utf-8"))
    parts = page.split("<summary>How the numbers of ")[1:]
    chains = {name: chain for name, _, chain in (part.partition(" ") for part in parts)}
    assert sorted(chains) == sorted(MODELS)
    for name, chain in chains.items():
        shown = chain.partition("</details>")[0]
        assert "failed" not in shown
        assert f"seqproof trace metrics/{name}.json" in shown
        corpus = name.partition("-")[0]
        stages = [f"fetch@{corpus}", f"preprocess@{corpus}", f"build_vocab@{corpus}"]
        stages += [stage for stage in lock if stage.endswith(f"@{name}")]
        stages += ["train_lstm@phrases-rnn"] if name == "moods-tuned" else []
        for stage in stages:
            for path, md5 in lock[stage].outs.items():
                assert f"<p>{path} <code>{md5[:8]}</code></p>" in shown


def test_text_of_ones_own_reruns_its_corpus_only(changed):
    with (changed.folder / "texts" / "moods.csv").open("a", encoding="utf-8") as file:
        file.write("the cat likes the cat,good\n")
    ran = _ran(changed.run("dvc", "repro"))
    assert {"fetch@moods", "preprocess@moods", "train_lstm@moods-rnn", "report"} <= ran
    # `fetch` cannot know whose file changed; what it finds unchanged stops there.
    assert not {one for one in ran if one.endswith(("plain", "days")) and "fetch" not in one}
    assert not {"train_lstm@plain-lstm", "evaluate@days-attention"} & ran


def test_an_experiment_by_dvc(changed):
    changed.run("git", "add", "dvc.lock", "metrics")
    changed.run("git", "commit", "-qm", "first")
    printed = changed.run("dvc", "exp", "run", "-S", "models.plain-markov.order=2")
    assert {"train_baseline@plain-markov", "evaluate@plain-markov"} <= _ran(printed)
    assert not {"train_lstm@plain-lstm"} & _ran(printed)
    # Those of the commit, and the two of the experiment.
    sealed = changed.run("seqproof", "seal")
    assert sealed == "16 stages are sealed, 16 of them newly.\n"
    refused = changed.run("dvc", "exp", "run", "-S", "models.plain-markov.ordr=2", ok=False)
    assert "ordr" in refused


def test_queued_experiments_arrive_in_the_one_store(changed):
    """Two workers, each in a copy of the project that DVC takes away afterwards."""
    before = _runs(changed)
    changed.run("git", "add", "dvc.lock", "metrics")
    changed.run("git", "commit", "-qm", "first")
    orders = (1, 2, 4)
    for order in orders:
        change = f"models.plain-markov.order={order}"
        changed.run("dvc", "exp", "run", "-q", "--queue", "-S", change, "evaluate@plain-markov")
    changed.run("dvc", "queue", "start", "-j", "2")
    deadline = time.monotonic() + 300
    while re.search("Queued|Running", changed.run("dvc", "queue", "status")):
        assert time.monotonic() < deadline, changed.run("dvc", "queue", "status")
        time.sleep(1)
    assert changed.run("dvc", "queue", "status").count("Success") == len(orders)
    change = "models.plain-markov.order=5"
    changed.run("dvc", "exp", "run", "-q", "--temp", "-S", change, "evaluate@plain-markov")
    fresh = {run: found for run, found in _runs(changed).items() if run not in before}
    assert sorted(params["order"] for params, _ in fresh.values()) == ["1", "2", "4", "5"]
    for run, (_, place) in fresh.items():
        folder = Path(place.removeprefix("file://"))
        assert folder.parts[-3:] == ("mlartifacts", run, "artifacts")
        assert ".dvc" not in folder.parts  # the copies are gone by now
        assert (folder / "provenance" / "training.json").is_file()
        assert (folder / "provenance" / "training.patch").is_file()  # params.yaml is another
    sealed = changed.run("seqproof", "seal")
    assert f"{2 * len(MODELS) + 2 * len(fresh)} stages are sealed" in sealed


def _runs(project):
    """Parameters and address of the artifacts of each finished run, by its id."""
    found = {}
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        asked = "select run_uuid, artifact_uri from runs where status = 'FINISHED'"
        for run, place in store.execute(asked).fetchall():
            params = store.execute("select key, value from params where run_uuid = ?", [run])
            found[run] = (dict(params), place)
    return found


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("ordr", 3, "models.plain-markov.ordr is not a valid key; did you mean 'order'?"),
        ("order", 0, "models.plain-markov.order is 0: it must be greater than or equal to 1"),
    ],
)
def test_a_wrong_value_stops_at_once_and_loses_nothing(changed, key, value, sentence):
    before = changed.outs()

    def edit(tree):
        tree["models"]["plain-markov"][key] = value
        tree["train_baseline models"]["plain-markov"] = tree["models"]["plain-markov"]

    changed.change(edit)
    printed = changed.run("dvc", "repro", ok=False)
    assert sentence in printed
    assert "Traceback" not in printed
    assert _ran(printed) == {"check"}
    after = changed.outs()
    assert {path: after.get(path) for path in before if path != "data/params.checked"} == {
        path: content for path, content in before.items() if path != "data/params.checked"
    }


def test_a_value_that_no_stage_reads_stops_too(changed):
    changed.change(lambda tree: tree.update(sed=1))
    assert "sed is not a valid key; did you mean 'seed'?" in changed.run("dvc", "repro", ok=False)


def test_a_failed_expectation_stops_before_any_training(changed):
    with (changed.folder / "texts" / "moods.csv").open("a", encoding="utf-8") as file:
        file.write("the cat sees the sea,ugly\n")
    printed = changed.run("dvc", "repro", ok=False)
    assert "moods.csv:92" in printed
    assert "ugly" in printed
    assert "Traceback" not in printed
    assert not {one for one in _ran(printed) if "train" in one}


def test_single_stages_by_the_command_line(changed):
    assert "90 rows read" in changed.run("seqproof", "preprocess", "plain")
    assert "nats in validation" in changed.run("seqproof", "train-baseline", "plain-markov")
    refused = changed.run("seqproof", "train-lstm", "plain-lstn", ok=False)
    assert refused == (
        "seqproof: params.yaml has no entry for train_lstm 'plain-lstn'; "
        "did you mean 'plain-lstm'? known: moods-rnn, phrases-rnn, plain-lstm.\n"
    )
    table = changed.run("seqproof", "results")
    for name in MODELS:
        assert name in table
    assert "report.html" in table
    assert re.search(r"(?i)sum", table)


def test_models_are_compared_by_what_evaluate_stored(changed):
    said = changed.run("seqproof", "compare", "plain-markov", "plain-lstm", "--json")
    (found,) = json.loads(said)
    (finding,) = found["findings"]
    for name, score in (("plain-markov", "first"), ("plain-lstm", "second")):
        metrics = json.loads((changed.folder / "metrics" / f"{name}.json").read_text())
        assert finding[score] == pytest.approx(metrics["test_bits_per_character"])
    assert found["differences"]["parameters"]["model.model"] == ["ngram", "language_model"]
    assert found["differences"]["data"] == {}
    assert found["unknown"] == []
    page = (changed.folder / "report.html").read_text(encoding="utf-8")
    best = "plain-lstm" if finding["second"] < finding["first"] else "plain-markov"
    assert f"Each model beside {best}, on the same {found['items']} test items" in page


@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed")
def test_seeds_are_one_model_with_a_run_for_each(changed):
    def seed(tree):
        for family, model in (
            ("train_baseline models", "moods-perceptron"),
            ("train_lstm models", "moods-rnn"),
        ):
            for place in (tree[family], tree["models"]):
                place[model] = {**place[model], "seeds": [3, 1]}

    changed.change(seed)
    changed.run("dvc", "repro", "evaluate@moods-perceptron", "evaluate@moods-rnn")
    metrics = _metrics(changed, "moods-rnn")
    frame = pd.read_parquet(changed.folder / "predictions" / "moods-rnn.parquet")
    each = [(part["predicted"] == part["label"]).mean() for _, part in frame.groupby("seed")]
    assert metrics["test_accuracy"] == pytest.approx(sum(each) / 2)
    assert metrics["seeds"] == frame["seed"].nunique() == 2
    found = [
        run for run in run_store.open_store(changed.folder).runs if run.tags["corpus"] == "moods"
    ]
    above = next(run for run in found if run.name == "moods-rnn")
    below = [run for run in found if run.tags.get("mlflow.parentRunId") == above.id]
    assert {run.name for run in below} == {"moods-rnn, seed 1", "moods-rnn, seed 3"}
    assert {run.metrics["test_accuracy"] for run in below} == set(each)
    said = changed.run("seqproof", "compare", "moods-perceptron", "moods-rnn")
    assert "over the seeds by Welch's t test" in said
    sealed = changed.run("seqproof", "seal")
    assert "stages are sealed" in sealed
    assert "level 0: identical" in changed.run("seqproof", "verify", "moods-rnn")


def test_the_report_is_printed(changed):
    assert "report.pdf" in changed.run("seqproof", "report", "--pdf")
    assert (changed.folder / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_outside_a_project_one_sentence(tmp_path, walked):
    project, _ = walked
    outside = type(project)(tmp_path)
    assert outside.run("seqproof", "fetch", "plain", ok=False) == (
        "seqproof: params.yaml is missing: run this in the project's root.\n"
    )
    assert not list(Path(tmp_path).rglob("*.yaml"))


def test_a_lost_tracking_server_loses_no_training(changed):
    """Nothing listens on that port: the stage ends well, says so, and its outs are written."""
    (changed.folder / "plots" / "plain-markov.csv").unlink()
    printed = changed.run(
        "dvc",
        "repro",
        "-f",
        "-s",
        "train_baseline@plain-markov",
        MLFLOW_TRACKING_URI="http://127.0.0.1:9",
    )
    assert "is unreachable" in printed
    assert (changed.folder / "plots" / "plain-markov.csv").is_file()


def test_files_of_another_corpus_and_a_full_disk_are_one_sentence(changed):
    stage = ("python", "-m", "stages.train_baseline", "plain-markov")
    outs = ("--model", "models/x", "--history", "plots/x.csv")
    days = "data/prepared/days/train.parquet"
    words = ("--vocabulary", "data/vocabulary/days.json")
    printed = changed.run(*stage, "--train", days, "--valid", days, *words, *outs, ok=False)
    assert "give the files of its own corpus" in printed
    assert "Traceback" not in printed
    assert not (changed.folder / "models" / "x").exists()
    plain = "data/prepared/plain/train.parquet"
    words = ("--vocabulary", "data/vocabulary/plain.json")
    nowhere = ("--model", "/proc/x/y", "--history", "plots/x.csv")
    printed = changed.run(*stage, "--train", plain, "--valid", plain, *words, *nowhere, ok=False)
    assert "/proc/x" in printed
    assert "Traceback" not in printed


def test_a_model_that_is_not_that_of_params_is_not_evaluated(changed):
    evaluate = "python -m stages.evaluate plain-lstm --test data/prepared/plain/test.parquet"
    evaluate += " --vocabulary data/vocabulary/plain.json --model models/plain-markov"
    evaluate += " --history plots/plain-markov.csv --metrics metrics/x.json"
    evaluate += " --predictions predictions/x.parquet --pictures pictures/x"
    printed = changed.run(*evaluate.split(), ok=False)
    assert "is not what params.yaml says of 'plain-lstm'" in printed
    assert not (changed.folder / "metrics" / "x.json").exists()


def test_ui_outside_a_project_starts_nothing(tmp_path, walked):
    project, _ = walked
    outside = type(project)(tmp_path)
    assert "params.yaml is missing" in outside.run("seqproof", "ui", ok=False)
    assert list(tmp_path.iterdir()) == []
    assert "65535" in project.run("seqproof", "ui", "--port", "99999999", ok=False)


def test_what_was_walked_is_sealed_traced_and_verified(changed):
    stages = 2 * len(MODELS)
    for new in (stages, 0):
        sealed = changed.run("seqproof", "seal")
        assert sealed == f"{stages} stages are sealed, {new} of them newly.\n"
    traced = changed.run("seqproof", "trace", "analyses/moods-tuned.json")
    assert traced.endswith("No problems.\n")
    for stage in (
        "train_lstm@phrases-rnn",
        "fine_tune@moods-tuned",
        "evaluate_fine_tuned@moods-tuned",
    ):
        assert f"\n  {stage}\n" in traced
    verified = changed.run("seqproof", "verify", "--all")
    assert verified.count("level 0: identical") == len(MODELS)
    assert _ran(changed.run("dvc", "repro")) == {"report"}
    page = (changed.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("verified, level 0</span>") == len(MODELS)
    assert page.count(" tokens/s</span>") == len(MODELS)
    weights = changed.folder / "models" / "phrases-rnn" / "model.weights.h5"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    # Of the classifier that starts from it, too.
    found = changed.run("seqproof", "verify", "moods-tuned", ok=False)
    assert "moods-tuned: level 0: 1 finding" in found
    modified = "models/phrases-rnn was modified after train_lstm@phrases-rnn wrote it"
    assert f"{modified}: model.weights.h5 (" in found
    assert _ran(changed.run("dvc", "repro", "--single-item", "report")) == {"report"}
    page = (changed.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("verified, level 0</span>") == len(MODELS) - 1
    assert page.count("1 finding, level 0</span>") == 1


def test_what_was_trained_is_trained_again_in_a_clean_copy(changed, monkeypatch, capsys):
    """Level 2, which asks the levels below first; then again with a copy whose code is spoilt."""
    name = "moods-perceptron"
    monkeypatch.chdir(changed.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = changed.outs()
    changed.run("seqproof", "seal")
    verify(name, 2)
    said = capsys.readouterr().out
    assert f"{name}: level 2: identical" in said
    assert f"train_baseline@{name}: the first 18 steps have the same losses." in said
    for stage in ("check", "fetch@moods", f"train_baseline@{name}", f"evaluate_baseline@{name}"):
        assert f"\n  {stage}: identical\n" in said

    run = sandbox.Sandbox.run

    def spoilt(copy, words):
        rates = copy.root / "pipelines" / "training" / "rates.py"
        text = rates.read_text(encoding="utf-8")
        if "train_baseline" in " ".join(words):
            text = text.replace("return rate\n", "return rate if step < 7 else 2 * rate\n")
            rates.write_text(text, encoding="utf-8")
        return run(copy, words)

    monkeypatch.setattr(sandbox.Sandbox, "run", spoilt)
    monkeypatch.setattr(rerun, "TOLERANCE", 1e-6)
    with pytest.raises(console.Exit):
        verify(name, 2)
    said = capsys.readouterr().out
    assert f"{name}: level 2: 1 finding" in said
    assert f"train_baseline@{name} is the first stage with different outs" in said
    assert "the first step that differs is 9 of 18" in said
    assert "\n  build_vocab@moods: identical\n" in said
    assert changed.outs() == before
    assert len(changed.run("git", "worktree", "list").splitlines()) == 1
    assert _ran(changed.run("dvc", "repro", "--dry")) == {"report"}
