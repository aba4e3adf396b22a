"""Whatever stops a training, and however often: in the end its files are the same bytes."""

import re
import signal
import warnings
from functools import partial

import pytest

from pipelines.tracking import store
from tests.faults import child, injector

KILLS = 20


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """All models trained without a fault, and the seconds that each took."""
    folder = tmp_path_factory.mktemp("faults") / "plain"
    injector.make(folder)
    return folder, {name: injector.timed(folder, name) for name in ("start", *injector.MODELS)}


@pytest.fixture(scope="module")
def tormented(tmp_path_factory, plain):
    """A folder for the same trainings with faults."""
    folder = tmp_path_factory.mktemp("faults") / "tormented"
    injector.make(folder)
    assert injector.train(folder, "start") == 0
    return folder


def _runs(folder, name):
    """The runs of a model in MLflow: how each ended, and every point of every metric but those of
    the machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow, of what SQLAlchemy will give up
        from mlflow import MlflowClient

        client = MlflowClient(store.tracking_uri(folder))
    experiment = client.get_experiment_by_name(injector.MODELS[name]["corpus"])
    named = f"attributes.run_name = '{name}'"
    for run in client.search_runs([experiment.experiment_id], named, max_results=100):
        points = [
            (key, point.step, point.value)
            for key in run.data.metrics
            for point in client.get_metric_history(run.info.run_id, key)
            if not key.startswith(("train_seconds", "train_tokens_per_second", "system/"))
        ]
        yield run.info.status, sorted(points)


@pytest.mark.parametrize("name", injector.MODELS)
def test_twenty_interruptions_change_no_byte_and_make_no_second_run(name, plain, tormented):
    folder, times = plain
    story = injector.torment(tormented, name, KILLS, times[name], seed=1)
    assert story.faults.total() == KILLS
    assert injector.outs(tormented, name) == injector.outs(folder, name)
    # A Ctrl-C in the middle of a __del__: Python says it and goes on.
    said = re.sub(r"Exception ignored in:.*?\nKeyboardInterrupt:? *\n", "", story.log, flags=re.S)
    assert "Traceback" not in said
    # A training that ended before it could be interrupted was done; the next one is another.
    assert list(_runs(tormented, name)) == list(_runs(folder, name)) * (1 + story.too_late)
    assert not list((tormented / ".seqproof" / "checkpoints").glob(f"*@{name}/*"))
    if name != "ngram":  # counted in one go
        assert story.went_on > KILLS // 4


def test_fresh_begins_again_in_a_run_of_its_own(plain, tormented):
    name, (folder, _) = "bag-of-words", plain
    before = list(_runs(tormented, name))
    assert injector.train(tormented, name, partial(child.dies_after, 10)) == -signal.SIGKILL
    log = tormented / f"{name}.log"
    printed = log.read_text(encoding="utf-8")
    assert injector.train(tormented, name, child.nothing, "--fresh") == 0
    assert "Goes on after" not in log.read_text(encoding="utf-8").removeprefix(printed)
    assert injector.outs(tormented, name) == injector.outs(folder, name)
    assert sorted(status for status, _ in _runs(tormented, name)) == sorted(
        [*(status for status, _ in before), "FINISHED", "RUNNING"]
    )


def test_other_parameters_never_take_up_its_checkpoint(tormented):
    name = "bag-of-words"
    assert injector.train(tormented, name, partial(child.dies_after, 10)) == -signal.SIGKILL
    path = tormented / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("dropout: 0.3", "dropout: 0.31"), encoding="utf-8")
    log = tormented / f"{name}.log"
    printed = log.read_text(encoding="utf-8")
    assert injector.train(tormented, name) == 0
    assert "Goes on after" not in log.read_text(encoding="utf-8").removeprefix(printed)
    path.write_text(text, encoding="utf-8")
    assert injector.train(tormented, name) == 0
    assert "Goes on after step 9" in log.read_text(encoding="utf-8").removeprefix(printed)
