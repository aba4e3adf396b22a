"""The watchdog of the tests: what makes no progress ends, and what is slow does not."""

import os
import subprocess
import sys

import pytest

from tests import watchdog
from tests.contract.imports import ROOT

SLEEPS = "import time; time.sleep(1000)"
# Waits for a child without an end; the child's work, if it does any, is progress.
WAITS = """
import subprocess, sys
from tests import watchdog
test = watchdog.CurrentTest()
watchdog.watch(sys.stderr, test, 3.0, float(sys.argv[2]))
subprocess.run([sys.executable, "-c", "import time; time.sleep(5)"])
def wait_for_child():
    subprocess.run([sys.executable, "-c", sys.argv[1]])
with test.running("a test"):
    wait_for_child()
print("ended")
"""


def run(child, limit=1000.0):
    command = [sys.executable, "-c", WAITS, child, str(limit)]
    variables = {key: x for key, x in os.environ.items() if key != "PYTEST_XDIST_WORKER"}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_hanging_child_is_named_and_killed():
    process = run(SLEEPS)
    assert process.returncode == 1
    assert "a test made no progress for 3 seconds." in process.stderr
    assert SLEEPS in process.stderr  # the child's command
    assert "in wait_for_child" in process.stderr


def test_a_working_child_is_progress():
    process = run("import time; t = time.process_time()\nwhile time.process_time() < t + 2: pass")
    assert process.stdout == "ended\n", process.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_working_child_ends_at_the_limit():
    process = run("while True: pass", limit=1.0)
    assert process.returncode == 1
    assert "a test has run for 1 seconds." in process.stderr
    assert "in wait_for_child" in process.stderr


def test_progress_is_the_work_of_all_processes(monkeypatch):
    clock, used = [0.0], {1: 5.0}
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: clock[0])
    progress = watchdog.Progress(lambda: dict(used), patience=100)
    for seconds, new, stalled in (
        (90, {1: 5.5}, False),
        (101, {1: 5.9}, True),  # less than one hundredth of a core
        (102, {1: 5.9, 2: 1.0}, False),  # a second process
        (190, {1: 5.9}, False),  # which has ended
        (203, {1: 5.9}, True),
    ):
        clock[0], used = seconds, new
        assert progress.has_stalled() == stalled, seconds
