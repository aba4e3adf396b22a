"""Runs that have ended are read as they were logged, and only tags and artifacts are added."""

import time
import uuid
from pathlib import Path

import pytest
from filelock import FileLock

from pipelines.errors import UserError
from pipelines.tracking import run_store, runs, store


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three runs in two experiments, one of them deleted."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, experiment in (("one", "a"), ("two", "b"), ("gone", "b")):
        who = runs.Identity(f"seqproof/{experiment}", name, experiment, "translation")
        with runs.training(who, tmp_path, uuid.uuid4().hex) as run:
            run.log_params({"units": 3})
            run.log_metrics({"loss": 2.0}, step=1)
            run.log_metrics({"loss": 1.5}, step=2)
            run.set_tags({runs.KEY.format("training"): f"key of {name}"})
            run.log_text('{"name": "ü"}', "provenance/training.json")
        time.sleep(0.01)
    store.client(store.tracking_uri(tmp_path), tmp_path).delete_run(run.id)
    return tmp_path


def test_every_run_that_is_there_is_read_page_by_page(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_store, "PAGE", 1)
    two, one = run_store.of_project(root).runs
    assert (one.name, one.experiment, two.name) == ("one", "seqproof/a", "two")
    assert (one.params, one.metrics) == ({"units": "3"}, {"loss": 1.5})
    assert one.key("training") == "key of one"
    assert one.key("evaluation") is None
    assert one.folder is not None
    assert (one.folder / "provenance" / "training.json").is_file()
    assert run_store.of_project(root).of("training", "key of two") == [two]
    assert run_store.of_project(root).of("training", "key of gone") == []


def test_artifacts_and_tags_are_read_and_written(root: Path) -> None:
    kept = run_store.of_project(root)
    run = kept.runs[0]
    assert kept.text(run, "provenance/training.json") == '{"name": "ü"}'
    assert kept.text(run, "provenance/nothing.json") is kept.text(run, "nothing") is None
    assert kept.logged(run) is None
    kept.write(run, "text\n", "verify/level-0.json")
    kept.set_tags(run, {"verified": "yes"})
    again = run_store.of_project(root)
    assert again.text(again.runs[0], "verify/level-0.json") == "text\n"
    assert again.runs[0].tags["verified"] == "yes"


def test_where_there_is_no_store_there_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run_store.of_project(tmp_path).runs == ()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_none_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_text("this is no database " * 100, encoding="utf-8")
    with pytest.raises(UserError, match=r"^Tracking server sqlite:.* does not give its runs \("):
        _ = run_store.of_project(tmp_path).runs


def test_whoever_comes_second_waits_and_says_so_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_store, "PATIENCE", 0.1)
    with run_store.exclusive_lock(tmp_path):
        pass
    with (
        FileLock(tmp_path / "mlflow.db.seal"),
        pytest.raises(UserError, match=r"^Another `seqproof seal` does not come to its end"),
        run_store.exclusive_lock(tmp_path),
    ):
        pass
