"""Mistakes of users, and what stops them."""

import re
import shutil

import pytest

from pipelines import paths
from tests.walk.projects import (
    TRAININGS,
    Project,
    stages_run,
)


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


def test_outside_a_project_commands_say_so(tmp_path_factory, copy):
    outside = Project(tmp_path_factory.mktemp("outside"), copy.variables)
    for command in (("fetch", "plain"), ("ui",)):
        error = outside.run("seqproof", *command, ok=False)
        assert re.fullmatch(r"seqproof: \S*params\.yaml does not exist.*\n", error)
    assert list(outside.folder.iterdir()) == []
    assert "65535" in copy.run("seqproof", "ui", "--port", "99999999", ok=False)


def test_an_unreachable_tracking_server_loses_no_training(copy):
    """Nothing listens on that port: the stage succeeds, and its run is uploaded later."""
    history = copy.folder / paths.history("plain-markov")
    history.unlink()
    stage = ("dvc", "repro", "-f", "-s", "train_baseline@plain-markov")
    output = copy.run(*stage, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "127.0.0.1:9" in output
    assert "unreachable" in output
    assert history.is_file()
    before = copy.runs()
    assert "http://127.0.0.1:9" in copy.run("seqproof", "sync")
    assert copy.runs() == before
    assert "plain-markov" in copy.run("seqproof", "sync", "--here")
    assert len(copy.runs()) == len(before) + 1
