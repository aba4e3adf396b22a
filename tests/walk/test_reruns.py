"""What runs again after a change, and what does not."""

from collections.abc import Callable
from typing import Any

import pytest

from pipelines import fork_client, paths
from pipelines.lineage import dvc_project, hashing
from tests.walk.projects import (
    CORPORA,
    DATA,
    EVALUATIONS,
    EXPERIMENTS,
    TRAININGS,
    library_noise,
    stages_run,
)


def test_forced_stages_write_the_same_bytes_without_library_noise(finished, copy):
    """In another folder, and on one core.

    A stage of each kind starts without a fork server, and with another number of Arrow's threads.
    """
    project, _ = finished
    command = ("dvc", "repro", "--force", "--no-run-cache", "--single-item")
    cold = ["check", "fetch@days", "preprocess@days", "build_vocab@days"]
    cold += ["train_baseline@moods-logistic", "train_seq2seq@days-attention"]
    cold += ["evaluate_seq2seq@days-attention", "memory@adding", "report"]
    variables = {fork_client.ADDRESS: "", "OMP_NUM_THREADS": "1"}
    output = copy.run(*command, *cold, one_core=True, **variables)
    assert stages_run(output) == set(cold)
    assert library_noise(output) == []
    others = [
        stage
        for stages in (DATA, TRAININGS, EVALUATIONS, EXPERIMENTS)
        for stage in sorted(stages - set(cold))
    ]
    assert stages_run(copy.run(*command, *others, one_core=True)) == set(others)
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
    assert copy.outdated() == expected


def test_another_seed_reruns_no_data_stage(copy):
    copy.edit_params(lambda tree: tree.update(seed=2))
    assert copy.outdated() == {"check", "report"} | EXPERIMENTS | TRAININGS
    copy.edit_params(lambda tree: tree.update(seed=1, data_seed=2))
    data = {stage for stage in DATA if not stage.startswith("build_vocab")}
    assert copy.outdated() == {"check", "report"} | data


def test_a_text_file_reruns_the_stages_of_its_corpora_only(copy):
    texts = copy.folder / "texts"
    (texts / "unused.txt").write_text("the cat sees the cat .\n", encoding="utf-8")
    assert stages_run(copy.run("dvc", "repro", "check")) == {"check"}
    assert copy.outdated() == set()
    with (texts / "moods.csv").open("a", encoding="utf-8") as file:
        file.write("the cat likes the cat,good\n")
    assert stages_run(copy.run("dvc", "repro", "check")) == {"check"}
    assert copy.outdated() == {"fetch@moods"}
    data = {"fetch@moods", "preprocess@moods", "build_vocab@moods"}
    assert stages_run(copy.run("dvc", "repro", "build_vocab@moods")) == data
    trainings = {stage for stage in TRAININGS if "@moods-" in stage}
    evaluations = {stage for stage in EVALUATIONS if "@moods-" in stage}
    assert copy.outdated() == trainings | evaluations | {"report"}


def test_a_value_reruns_the_stages_that_read_it(copy):
    """A language model is trained again, and then the classifier that starts from it."""

    def edit(tree: dict[str, Any]) -> None:
        tree["models"]["lstm"]["phrases-rnn"]["epochs"] = 2
        tree["tracking"]["experiment_prefix"] = "other/"

    copy.edit_params(edit)
    assert copy.outdated() == {"check", "train_lstm@phrases-rnn", "report"}
    output = copy.run("dvc", "repro", "train_lstm@phrases-rnn")
    assert stages_run(output) == {"check", "train_lstm@phrases-rnn"}
    expected = {"fine_tune@moods-tuned", "evaluate_lstm@phrases-rnn", "report"}
    assert copy.outdated() == expected


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
