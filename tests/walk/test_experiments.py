"""Experiments of DVC."""

import re
import time
from pathlib import Path

from pipelines.config import params
from tests import watchdog
from tests.walk.projects import FAMILIES, stages_run


def test_dvc_exp_run_changes_a_value_of_a_model(copy):
    copy.commit_results()
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
    copy.commit_results()
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
    assert copy.outdated() == {"report", *changes}


def test_queued_experiments_are_in_the_same_store(copy):
    """Two workers, each in a copy of the project that DVC deletes afterwards."""
    before = copy.runs()
    copy.commit_results()
    target = "evaluate_baseline@plain-markov"
    change = "models.baseline.plain-markov.order={}"
    orders = (1, 2)
    for order in orders:
        command = ("dvc", "exp", "run", "-q", "--queue", "-S", change.format(order))
        copy.run(*command, target)
    copy.run("dvc", "queue", "start", "-j", "2")
    progress = watchdog.Progress(lambda: watchdog.inside(copy.folder))  # of the workers
    # DVC reads the states one after the other: an experiment that begins meanwhile is missing.
    while (status := copy.run("dvc", "queue", "status")).count("Success") < len(orders):
        assert "Failed" not in status, status
        assert not progress.has_stalled(), status
        time.sleep(3)
    copy.run("dvc", "exp", "run", "-q", "--temp", "-S", change.format(5), target)
    new = {run: found for run, found in copy.runs().items() if run not in before}
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
