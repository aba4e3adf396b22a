"""Runs of an unreachable server are queued completely and uploaded later, in order and once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands.sync import sync
from pipelines import paths
from pipelines.console import Exit
from pipelines.tracking import connection, log_events, offline_queue, run_writer, runs
from pipelines.tracking.log_events import LogEvent
from tests.unit.tracking.work import METRICS, NAME, Work

OTHER_SERVER = "http://127.0.0.1:9"


@pytest.fixture
def offline(work: Work, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A project that was trained and evaluated while its server was unreachable."""

    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as context:
        context.setattr(connection, "connect", refuse)
        with pytest.raises(KeyboardInterrupt):
            work.train(stop_after=1)
        work.train()
        work.evaluate()
    return work


def _state(work: Work) -> dict[str, Any]:
    """Return everything that MLflow has of the only run."""
    (run,) = work.runs()
    folder = work.folder / "mlartifacts" / run.info.run_id
    return {
        "status": run.info.status,
        "params": len(run.data.params),
        "points": {
            key: work.points(key) for key in run.data.metrics if not key.startswith("train_")
        }
        | {"system": len(work.points("system/cpu_utilization_percentage"))},
        "tags": sorted(run.data.tags),
        "datasets": len(run.inputs.dataset_inputs),
        "models": [(str(model.status), len(model.metrics)) for model in work.models()],
        "files": sorted(str(file.relative_to(folder)) for file in folder.rglob("*.*")),
        "resumed": run.data.tags[run_writer.RESUMED],
    }


def test_runs_of_another_machine_are_taken_over(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(runs.TRACKING, runs.QUEUE)
    with pytest.raises(KeyboardInterrupt):
        work.train(stop_after=1)
    work.train()
    work.evaluate()
    assert not work.client().search_experiments(filter_string="name LIKE 'seqproof/%'")
    other = tmp_path / "other"  # the copy of the project there
    offline_queue.queue_folder(work.folder).rename(other)
    (offline_queue.queue_folder(work.folder) / "000001-mine").mkdir(parents=True)
    offline_queue.take_over(work.folder, other)
    monkeypatch.delenv(runs.TRACKING)
    sync(any_server=False)
    output = capsys.readouterr().out
    assert "Uploaded 2 queued runs to" in output
    assert "unreachable" not in output
    state = _state(work)
    assert state["status"] == "FINISHED"
    assert state["points"]["test_bleu"] == [(0, 20.5)]
    assert state["models"] == [("READY", 2)]


def test_queued_training_and_evaluation_become_one_run(
    offline: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    training, evaluation = offline_queue.queued_runs(offline.folder)
    assert [event.kind for event in training.events()].count("start") == 2
    # The files of the project may change before the upload.
    (offline.folder / offline.model / "model.json").write_text("another", encoding="utf-8")
    paths.history(NAME).unlink()
    sync(any_server=False)
    assert "Uploaded 2 queued runs to" in capsys.readouterr().out
    state = _state(offline)
    assert state["status"] == "FINISHED"
    assert state["resumed"] == "1"
    assert state["points"]["valid_bleu"] == [(1, 2.0), (2, 9.5)]
    assert state["points"]["test_bleu"] == [(0, 20.5)]
    assert state["points"]["system"] == 2
    assert (state["datasets"], state["models"]) == (3, [("READY", 2)])
    assert f"artifacts/history/{NAME}.csv" in state["files"]
    (model,) = (offline.folder / "mlartifacts" / "models").rglob("model.json")
    assert model.read_text(encoding="utf-8") == offline.folder.name
    assert not training.folder.exists()
    assert not evaluation.folder.exists()
    sync(any_server=False)
    assert "Nothing to upload" in capsys.readouterr().out
    assert _state(offline) == state


def test_an_upload_killed_after_any_request_has_each_effect_once(
    offline: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_connect, requests = connection.connect, set[str]()

    def connect(*arguments: Any) -> tuple[Any, str]:
        client, experiment = real_connect(*arguments)
        return _KilledClient(client, requests), experiment

    with monkeypatch.context() as context:
        context.setattr(connection, "connect", connect)
        while offline_queue.queued_runs(offline.folder):
            try:
                assert offline_queue.upload(offline.folder).failure is None
            except KeyboardInterrupt:
                assert len(requests) < 100
    assert len(requests) > 30
    state = _state(offline)
    assert state["resumed"] == "1"
    assert state["points"]["by_tokens/valid_bleu"] == [(500, 2.0), (1000, 9.5)]
    assert state["points"]["test_bleu"] == [(0, 20.5)]
    assert state["points"]["system"] == 2
    assert (state["status"], state["datasets"]) == ("FINISHED", 3)
    assert state["models"] == [("READY", 2)]


class _KilledClient:
    """A client whose process is killed after each new request that writes."""

    def __init__(self, client: Any, requests: set[str]) -> None:
        self._client, self._requests = client, requests

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            result = getattr(self._client, name)(*arguments, **options)
            if name.startswith(("create", "log", "set", "update", "finalize")):
                stable = (
                    arguments[:1] if name == "log_model_artifacts" else arguments
                )  # no temporary folder
                lists = [value for value in options.values() if isinstance(value, list)]
                key = f"{name} {stable} {[vars(item) for items in lists for item in items]}"
                if key not in self._requests:
                    self._requests.add(key)
                    raise KeyboardInterrupt
            return result

        return call


def test_a_partial_line_is_cut_off(tmp_path: Path) -> None:
    queued = offline_queue.open_run(tmp_path, "run", OTHER_SERVER)
    queued.add(LogEvent(log_events.TAGS, {"a": "ü"}))
    with (queued.folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind": "ta')
    reopened = offline_queue.open_run(tmp_path, "run", OTHER_SERVER)
    assert reopened.folder == queued.folder
    assert len(reopened.events()) == 1
    reopened.add(LogEvent(log_events.TAGS, {"b": "c"}))
    assert [dict(event.payload) for event in reopened.events()] == [{"a": "ü"}, {"b": "c"}]


def test_runs_of_another_server_stay_queued(
    offline: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for queued in offline_queue.queued_runs(offline.folder):
        (queued.folder / "server").write_text(OTHER_SERVER, encoding="utf-8")
    sync(any_server=False)
    output = capsys.readouterr().out
    assert f"2 runs are queued for {OTHER_SERVER}. Set MLFLOW_TRACKING_URI" in output
    assert len(offline_queue.queued_runs(offline.folder)) == 2
    sync(any_server=True)
    assert offline_queue.queued_runs(offline.folder) == []
    assert len(offline.runs()) == 1


def test_a_server_that_is_still_unreachable_loses_nothing(
    offline: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [queued.events() for queued in offline_queue.queued_runs(offline.folder)]

    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(connection, "connect", refuse)
    with pytest.raises(Exit):
        sync(any_server=False)
    assert "is unreachable (Connection refused). The remaining events stay queued" in (
        capsys.readouterr().out
    )
    assert [queued.events() for queued in offline_queue.queued_runs(offline.folder)] == before


def test_a_rejected_event_is_skipped_and_the_rest_is_uploaded(
    offline: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    training, _ = offline_queue.queued_runs(offline.folder)
    path = training.folder / "events.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    rejected = {"kind": "tags", "payload": {"x" * 300: "a name too long"}, "files": {}, "time": 1}
    path.write_text("".join([lines[0], json.dumps(rejected) + "\n", *lines[1:]]), encoding="utf-8")
    sync(any_server=False)
    assert "The tracking server rejected an event of verses-attention (tags: " in (
        capsys.readouterr().out
    )
    assert _state(offline)["points"]["test_bleu"] == [(0, METRICS["test_bleu"])]


def test_a_run_that_is_being_written_is_not_uploaded(
    offline: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    training, _ = offline_queue.queued_runs(offline.folder)
    with training.exclusive_lock(timeout=0):
        sync(any_server=False)
    assert "A stage is still writing verses-attention" in capsys.readouterr().out
    assert [queued.folder for queued in offline_queue.queued_runs(offline.folder)] == [
        training.folder
    ]


def test_a_full_disk_stops_no_training(
    work: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(connection, "connect", full)
    monkeypatch.setattr(offline_queue.QueuedRun, "add", full)
    work.train()
    output = capsys.readouterr().out
    assert "cannot be queued on disk (No space left on device)" in output
    assert "seqproof sync" not in output
