"""What a server was not there to hear is kept whole, and sent later, in order and once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands.sync import sync
from pipelines.console import Exit
from pipelines.tracking import log_events, offline_queue, runs, store
from pipelines.tracking.log_events import LogEvent
from tests.unit.tracking.work import METRICS, Work

AWAY = "http://127.0.0.1:9"


@pytest.fixture
def away(work: Work, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A project whose server is away: nothing can connect to it."""

    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as lost:
        lost.setattr(store, "connect", refuse)
        with pytest.raises(KeyboardInterrupt):
            work.train(stop_after=1)
        work.train()
        work.evaluate()
    return work


def _state(work: Work) -> dict[str, Any]:
    """All that MLflow has of the one run that there is."""
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
        "resumed": run.data.tags[runs.RESUMED],
    }


def test_two_works_at_a_run_that_was_never_made_become_one_run(
    away: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    training, evaluation = offline_queue.waiting(away.folder)
    assert [note.kind for note in training.notes()].count("begin") == 2
    # The models of the project may be others by the time that it is sent.
    (away.folder / away.model / "model.json").write_text("another", encoding="utf-8")
    away.history.unlink()
    sync(here=False)
    assert "kept of trainings and evaluations: 2 (" in capsys.readouterr().out
    state = _state(away)
    assert state["status"] == "FINISHED"
    assert state["resumed"] == "1"
    assert state["points"]["valid_bleu"] == [(1, 2.0), (2, 9.5)]
    assert state["points"]["test_bleu"] == [(0, 20.5)]
    assert state["points"]["system"] == 2
    assert (state["datasets"], state["models"]) == (3, [("READY", 2)])
    assert "artifacts/history/history.csv" in state["files"]
    (model,) = (away.folder / "mlartifacts" / "models").rglob("model.json")
    assert model.read_text(encoding="utf-8") == away.folder.name
    assert not training.folder.exists()
    assert not evaluation.folder.exists()
    sync(here=False)
    assert "Nothing is kept for a server" in capsys.readouterr().out
    assert _state(away) == state


def test_a_sender_killed_after_any_call_sends_all_of_it_once(
    away: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = store.connect, set[str]()

    def connect(*words: Any) -> tuple[Any, str]:
        client, experiment = real(*words)
        return _Mortal(client, made), experiment

    with monkeypatch.context() as dying:
        dying.setattr(store, "connect", connect)
        while offline_queue.waiting(away.folder):
            try:
                assert offline_queue.send(away.folder).lost is None
            except KeyboardInterrupt:
                assert len(made) < 100
    assert len(made) > 30
    state = _state(away)
    assert state["resumed"] == "1"
    assert state["points"]["by_tokens/valid_bleu"] == [(500, 2.0), (1000, 9.5)]
    assert state["points"]["test_bleu"] == [(0, 20.5)]
    assert state["points"]["system"] == 2
    assert (state["status"], state["datasets"]) == ("FINISHED", 3)
    assert state["models"] == [("READY", 2)]


class _Mortal:
    """A client whose process is killed after each call that writes and was not made before."""

    def __init__(self, client: Any, made: set[str]) -> None:
        self._client, self._made = client, made

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*words: Any, **options: Any) -> Any:
            found = getattr(self._client, name)(*words, **options)
            if name.startswith(("create", "log", "set", "update", "finalize")):
                told = words[:1] if name == "log_model_artifacts" else words  # a temporary folder
                lists = [one for one in options.values() if isinstance(one, list)]
                key = f"{name} {told} {[vars(one) for some in lists for one in some]}"
                if key not in self._made:
                    self._made.add(key)
                    raise KeyboardInterrupt
            return found

        return call


def test_a_line_that_was_torn_is_cut_off(tmp_path: Path) -> None:
    kept = offline_queue.of_run(tmp_path, "one", AWAY)
    kept.add(LogEvent(log_events.TAGS, {"a": "ü"}))
    with (kept.folder / "notes.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind": "ta')
    again = offline_queue.of_run(tmp_path, "one", AWAY)
    assert again.folder == kept.folder
    assert len(again.notes()) == 1
    again.add(LogEvent(log_events.TAGS, {"b": "c"}))
    assert [dict(note.said) for note in again.notes()] == [{"a": "ü"}, {"b": "c"}]


def test_what_is_for_another_server_waits_for_it(
    away: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for kept in offline_queue.waiting(away.folder):
        (kept.folder / "server").write_text(AWAY, encoding="utf-8")
    sync(here=False)
    said = capsys.readouterr().out
    assert f"2 are kept for {AWAY}: let MLFLOW_TRACKING_URI name it" in said
    assert len(offline_queue.waiting(away.folder)) == 2
    sync(here=True)
    assert offline_queue.waiting(away.folder) == []
    assert len(away.runs()) == 1


def test_a_server_that_is_still_away_is_said_and_nothing_is_lost(
    away: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [kept.notes() for kept in offline_queue.waiting(away.folder)]

    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(store, "connect", refuse)
    with pytest.raises(Exit):
        sync(here=False)
    assert "was lost (Connection refused); what it did not get is still kept." in (
        capsys.readouterr().out
    )
    assert [kept.notes() for kept in offline_queue.waiting(away.folder)] == before


def test_what_a_server_will_never_take_is_left_out_and_the_rest_is_sent(
    away: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    training, _ = offline_queue.waiting(away.folder)
    path = training.folder / "notes.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    wrong = {"kind": "tags", "said": {"x" * 300: "a name too long"}, "files": {}, "time": 1}
    path.write_text("".join([lines[0], json.dumps(wrong) + "\n", *lines[1:]]), encoding="utf-8")
    sync(here=False)
    assert "The server does not take tags of verses-attention, which is left out" in (
        capsys.readouterr().out
    )
    assert _state(away)["points"]["test_bleu"] == [(0, METRICS["test_bleu"])]


def test_a_run_under_way_is_left_to_its_own_process(
    away: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    training, _ = offline_queue.waiting(away.folder)
    with training.alone(patience=0):
        sync(here=False)
    assert "A stage is still at verses-attention" in capsys.readouterr().out
    assert [kept.folder for kept in offline_queue.waiting(away.folder)] == [training.folder]


def test_a_full_disk_stops_no_training(
    work: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "connect", full)
    monkeypatch.setattr(offline_queue.QueuedRun, "add", full)
    work.train()
    said = capsys.readouterr().out
    assert "cannot be kept either (No space left on device)." in said
    assert "seqproof sync" not in said
