"""Jobs in child processes, whose stages are functions of the test."""

import json
import os
import signal
import time

import pytest

from pipelines.lineage import epoch_rows, reproduction
from pipelines.scheduling import jobs
from pipelines.scheduling.children import Children
from pipelines.scheduling.jobs import STARTED, LockedOuts, StageJob
from pipelines.scheduling.local_jobs import LocalExecutor


@pytest.fixture
def executor(tmp_path, monkeypatch):
    """An executor whose stages train for five epochs, or wait for a signal."""

    def reproduce(root, stage, order, on_start):
        assert order == ["a", "b"]
        os.write(1, f"work on {stage} with {os.environ['KEY']}\n".encode())
        try:
            on_start()
            for epoch in range(5):
                epoch_rows.append({"epoch": epoch, "valid_loss": 0.1})
                time.sleep(0.01)
            while stage == "b":
                time.sleep(0.01)
        except KeyboardInterrupt:
            return "stopped"
        return "ran"

    monkeypatch.setattr(reproduction, "reproduce", reproduce)
    with Children(tmp_path / "logs") as children:
        yield LocalExecutor(tmp_path, children, ["a", "b"])


def wait(executor, names):
    """Return the messages and exit code of some jobs once all have ended."""
    messages, codes = {}, {}
    while codes.keys() != set(names):
        for name, new, code in executor.wait(0.05):
            messages[name] = messages.get(name, []) + new
            if code is not None:
                codes[name] = code
    return messages, codes


def test_epochs_and_states_are_messages_and_output_is_in_the_log(executor, tmp_path):
    executor.start("job", StageJob("a"), {"KEY": "value"})
    messages, codes = wait(executor, ["job"])
    rows = [row for message in messages["job"] if (row := jobs.epoch_row(message)) is not None]
    assert rows == [{"epoch": float(epoch), "valid_loss": 0.1} for epoch in range(5)]
    assert messages["job"][-1] == "ran"
    assert STARTED in messages["job"]
    assert codes == {"job": 0}
    assert executor.log("job").read_text() == "work on a with value\n"
    assert [file.name for file in (tmp_path / "logs").iterdir()] == ["job.log"]


def test_a_signal_reaches_one_job(executor):
    started = set()
    for name in ("first", "second"):
        executor.start(name, StageJob("b"), {"KEY": name})
    while len(started) < 2:
        for name, messages, code in executor.wait(0.05):
            assert code is None, executor.log(name).read_text()
            if STARTED in messages:
                started.add(name)
    executor.send_signal(signal.SIGINT, "first")
    messages, codes = wait(executor, ["first"])
    assert messages["first"][-1] == "stopped"
    assert codes == {"first": 0}
    executor.send_signal(signal.SIGKILL)
    _, codes = wait(executor, ["second"])
    assert codes == {"second": -signal.SIGKILL}


def test_messages_hold_rows_and_outs():
    outs = LockedOuts({"cmd": "true", "outs": [{"path": "a"}]}, {"metrics/a.json": '{"x": 1}'})
    assert jobs.locked_outs(outs.message()) == outs
    assert jobs.locked_outs(STARTED) is None
    assert jobs.epoch_row("epoch " + json.dumps({"epoch": 1})) == {"epoch": 1}
    assert jobs.epoch_row("ran") is None
