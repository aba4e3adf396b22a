"""Processes of several workers: how they start, fail, start again and end. None trains."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.training import supervisor

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, os, pathlib, signal, sys, time
from pipelines import console
from pipelines.training import supervisor
from tests.unit.training.test_supervisor import CONFIG
supervisor.MAX_RESTARTS = 1
supervisor.GRACE_SECONDS = float("inf")  # each worker ends, however slow the machine is
def main(fresh: console.Restart = False) -> None:
    supervisor.start(CONFIG, ())
    cluster = json.loads(os.environ["TF_CONFIG"])
    number, attempts = cluster["task"]["index"], pathlib.Path("attempts")
    attempt = len(attempts.read_text())
    BODY
app = console.Typer()
app.command()(main)
console.run_app(app)
"""
CONFIG = params.BagOfWordsConfig.model_validate(
    {
        "model": "bag_of_words",
        "corpus": "c",
        "hidden": (),
        "dropout": 0.0,
        "batch_size": 8,
        "epochs": 1,
        "workers": 2,
        "optimizer": {
            "name": "sgd",
            "learning_rate": 1.0,
            "schedule": "constant",
            "clip_norm": 1.0,
        },
    }
)
FIRST_ADDS_AN_ATTEMPT = "attempts.write_text('x' * (attempt + 1)) if number == 0 else None"


def program(folder: Path, *lines: str) -> list[str]:
    """Write the program of the workers and return its command; `number` is that of a worker."""
    (folder / "attempts").write_text("", encoding="utf-8")
    file = folder / "program.py"
    file.write_text(PROGRAM.replace("BODY", "\n    ".join(lines)), encoding="utf-8")
    return [sys.executable, str(file)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def run(folder: Path, *lines: str, options=()) -> subprocess.CompletedProcess:
    """Run the program of the workers in this folder."""
    return subprocess.run(
        [*program(folder, *lines), *options],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_workers_know_the_addresses_of_all_and_the_first_one_prints(tmp_path):
    process = run(tmp_path, "print(number, len(set(cluster['cluster']['worker'])))")
    assert (process.returncode, process.stdout, process.stderr) == (0, "0 2\n", "")


def test_a_killed_worker_starts_all_again_without_the_option_fresh(tmp_path):
    process = run(
        tmp_path,
        "if fresh and number == 1: time.sleep(0.5); os.kill(os.getpid(), signal.SIGKILL)",
        "print(fresh, flush=True)",
        "if fresh: time.sleep(3600)",
        options=["--fresh"],
    )
    again = "A worker was lost. All start again from the last checkpoint."
    assert process.stdout.splitlines()[-2:] == [again, "False"]
    assert process.returncode == 0


def test_workers_that_are_always_lost_end_with_a_sentence(tmp_path):
    process = run(tmp_path, FIRST_ADDS_AN_ATTEMPT, f"sys.exit({supervisor.LOST})")
    assert process.returncode == 1
    assert (tmp_path / "attempts").read_text(encoding="utf-8") == "xx"
    assert process.stderr.startswith("seqproof: A worker was lost 2 times. Is there enough memory")


def test_an_error_of_another_worker_is_printed_and_starts_nothing_again(tmp_path):
    """The first worker loses the second, which is the consequence."""
    process = run(
        tmp_path,
        FIRST_ADDS_AN_ATTEMPT,
        f"if number == 0: sys.exit({supervisor.LOST})",
        "raise console.UserError('The disk is full.')",
    )
    assert process.returncode == 1
    assert process.stderr == "worker 1: seqproof: The disk is full.\n"
    assert (tmp_path / "attempts").read_text(encoding="utf-8") == "x"


def test_an_error_of_the_first_worker_is_printed_once(tmp_path):
    process = run(tmp_path, "raise console.UserError('The training diverged.')")
    assert process.returncode == 1
    assert process.stderr == "seqproof: The training diverged.\n"


def started(folder: Path, *lines: str) -> tuple[subprocess.Popen, list[psutil.Process]]:
    """Start the program; return it and its workers when the first one has begun."""
    ignore = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    command = program(folder, ignore, FIRST_ADDS_AN_ATTEMPT, "time.sleep(3600)")
    process = subprocess.Popen(command, cwd=folder, env=environment())
    workers: list[psutil.Process] = []
    while len(workers) < 2 or not (folder / "attempts").read_text(encoding="utf-8"):
        assert process.poll() is None
        time.sleep(0.05)
        workers = psutil.Process(process.pid).children()
    return process, workers


def test_a_signal_reaches_all_workers_and_the_exit_code_is_that_of_the_first(tmp_path):
    process, workers = started(tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 7
    assert len(workers) == 2
    assert not psutil.wait_procs(workers, timeout=600)[1]


def test_workers_end_with_a_killed_supervisor(tmp_path):
    process, workers = started(tmp_path)
    process.kill()
    process.wait()
    assert len(workers) == 2
    assert not psutil.wait_procs(workers, timeout=600)[1]


def test_too_few_gpus_are_refused(monkeypatch):
    monkeypatch.delenv(supervisor.CLUSTER, raising=False)
    with pytest.raises(UserError, match=r"'workers: 2' needs as many GPUs, and this stage has 1"):
        supervisor.start(CONFIG, ["0"])


def test_one_process_drives_all_gpus(monkeypatch):
    monkeypatch.delenv(supervisor.CLUSTER, raising=False)
    monkeypatch.setattr(supervisor, "run_workers", None)
    supervisor.start(CONFIG, ["0", "1"])


def test_accumulated_gradients_need_a_process_for_each_gpu(monkeypatch):
    monkeypatch.delenv(supervisor.CLUSTER, raising=False)
    calls = []
    monkeypatch.setattr(supervisor, "run_workers", lambda *arguments: calls.append(arguments))
    accumulating = CONFIG.model_copy(update={"gradient_accumulation_steps": 2})
    supervisor.start(accumulating, ["0", "1"])
    assert calls == [(2, ["0", "1"])]


def test_more_processes_than_a_machine_can_hold_are_refused(monkeypatch):
    monkeypatch.delenv(supervisor.CLUSTER, raising=False)
    monkeypatch.setattr(supervisor.os, "sched_getaffinity", lambda process: {0, 1})
    many = CONFIG.model_copy(update={"workers": 9})
    with pytest.raises(UserError, match=r"which has 2 cores\. Lower 'workers' to 8 or less"):
        supervisor.start(many, ())


def cluster(workers, index="0", kind="worker"):
    task = f'{{"type": "{kind}", "index": {index}}}'
    return f'{{"cluster": {{"worker": {workers}}}, "task": {task}}}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        cluster('["a:1"]'),
        cluster('["a:1", "b:2", "c:3"]'),
        cluster('["a:1", "a:1"]'),
        cluster('["a", "b"]'),
        cluster('["a:1", "b:99999"]'),
        cluster('["a:1", "b:0"]'),
        cluster("[1, 2]"),
        cluster('{"a:1": 0, "b:2": 1}'),
        cluster('["a:1", "b:2"]', index="2"),
        cluster('["a:1", "b:2"]', index='"x"'),
        cluster('["a:1", "b:2"]', kind="ps"),
        cluster('["a:1", "b:2"], "chief": ["c:3"]'),
    ],
)
def test_an_invalid_cluster_is_refused_before_anything_waits_for_it(monkeypatch, text):
    monkeypatch.setenv(supervisor.CLUSTER, text)
    with pytest.raises(UserError, match="TF_CONFIG must name 2 different addresses HOST:PORT"):
        supervisor.start(CONFIG, ())


def test_a_worker_of_several_machines_says_for_whom_it_waits(monkeypatch, capsys):
    monkeypatch.setenv(supervisor.CLUSTER, cluster('["a:1", "[::1]:2"]', index="1"))
    supervisor.start(CONFIG, ())
    assert capsys.readouterr().out == "Worker 1 of 2 waits for the others: a:1.\n"


def test_ctrl_c_ends_a_worker_that_waits_for_others_unless_it_has_a_supervisor(monkeypatch):
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.delenv(supervisor.SUPERVISED, raising=False)
    with supervisor.ended_by_ctrl_c():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is handler
    monkeypatch.setenv(supervisor.SUPERVISED, "1")
    with supervisor.ended_by_ctrl_c():
        assert signal.getsignal(signal.SIGINT) is handler
