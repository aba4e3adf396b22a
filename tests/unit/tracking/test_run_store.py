"""Ended runs are read as they were logged; only tags and artifacts are added."""

import errno
import time
import uuid
from pathlib import Path

import pytest
from filelock import FileLock

from pipelines.errors import UserError
from pipelines.lineage import run_tags
from pipelines.tracking import connection, run_store, runs


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three runs in two experiments, one of them deleted."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, experiment in (("first", "a"), ("second", "b"), ("deleted", "b")):
        identity = runs.RunIdentity(f"seqproof/{experiment}", name, experiment, "translation")
        with runs.training(identity, tmp_path, uuid.uuid4().hex) as run:
            run.log_params({"units": 3})
            run.log_metrics({"loss": 2.0}, step=1)
            run.log_metrics({"loss": 1.5}, step=2)
            run.set_tags({run_tags.INPUT_HASH.format("training"): f"hash of {name}"})
            run.log_text('{"name": "ü"}', "provenance/training.json")
        time.sleep(0.01)
    connection.client(connection.tracking_uri(tmp_path), tmp_path).delete_run(run.id)
    return tmp_path


def test_all_runs_are_read_page_by_page(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_store, "PAGE_SIZE", 1)
    second, first = run_store.open_store(root).runs
    assert (first.name, first.experiment, second.name) == ("first", "seqproof/a", "second")
    assert (first.params, first.metrics) == ({"units": "3"}, {"loss": 1.5})
    assert first.input_hash("training") == "hash of first"
    assert first.input_hash("evaluation") is None
    assert first.artifact_folder is not None
    assert (first.artifact_folder / "provenance" / "training.json").is_file()
    assert run_store.open_store(root).find("training", "hash of second") == [second]
    assert run_store.open_store(root).find("training", "hash of deleted") == []


def test_artifacts_and_tags_are_read_and_written(root: Path) -> None:
    store = run_store.open_store(root)
    run = store.runs[0]
    assert store.read_text(run, "provenance/training.json") == '{"name": "ü"}'
    assert store.read_text(run, "provenance/nothing.json") is None
    assert store.read_text(run, "nothing") is None
    assert store.logged_model(run) is None
    store.log_text(run, "text\n", "verify/level-0.json")
    store.set_tags(run, {"verified": "yes"})
    reopened = run_store.open_store(root)
    assert reopened.read_text(reopened.runs[0], "verify/level-0.json") == "text\n"
    assert reopened.runs[0].tags["verified"] == "yes"


def test_a_store_that_does_not_exist_has_no_runs_and_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run_store.open_store(tmp_path).runs == ()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_text("this is no database " * 100, encoding="utf-8")
    message = r"^The runs in .*/mlflow\.db cannot be read \(file is not a database\)\. Restore"
    with pytest.raises(UserError, match=message):
        _ = run_store.open_store(tmp_path).runs
    (tmp_path / "mlflow.db").unlink()
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(UserError, match="unable to open database file"):
        _ = run_store.open_store(tmp_path).runs
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(UserError, match="cannot be read"):
        _ = run_store.open_store(tmp_path / "other").runs


def test_a_full_disk_is_no_reason_to_move_a_sound_store_away(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())

    def fail(uri: str, root: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(connection, "client", fail)
    with pytest.raises(UserError, match=r"\(No space left on device\)\. The file itself is sound"):
        run_store.open_store(tmp_path)


def test_a_second_writer_waits_and_then_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_store, "TIMEOUT", 0.1)
    with run_store.exclusive_lock(tmp_path):
        pass
    with (
        FileLock(tmp_path / "mlflow.db.seal"),
        pytest.raises(UserError, match=r"Another `seqproof seal` .*Stop it"),
        run_store.exclusive_lock(tmp_path),
    ):
        pass
