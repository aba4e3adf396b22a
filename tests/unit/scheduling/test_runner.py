"""The runner, with jobs that only exist in the test."""

import signal
from pathlib import Path

import pytest

from pipelines.console import LiveTable
from pipelines.scheduling.children import StopSignals
from pipelines.scheduling.jobs import NOTICE, STARTED, StageJob
from pipelines.scheduling.runner import Runner
from pipelines.scheduling.schedule import Schedule, ScheduledStage
from pipelines.scheduling.screen import Screen

GRAPH = {"a": "", "b": "", "train_lstm@c": "a", "evaluate_lstm@c": "train_lstm@c", "d": "b c"}


class FakeExecutor:
    """Jobs that end one by one, in the order in which they started, as a script says.

    Args:
        script: messages and exit code of each job; by default it has run.
        on_wait: called before something happens.
    """

    def __init__(self, script=None, on_wait=lambda executor: None):
        self.script, self.on_wait = script or {}, on_wait
        self.running, self.started, self.signals, self.variables = [], [], [], {}

    def start(self, name, job, variables):
        assert job == StageJob(name)
        self.running.append(name)
        self.started.append(name)
        self.variables[name] = variables

    def wait(self, seconds):
        self.on_wait(self)
        if not self.running:
            return []
        name = self.running.pop(0)
        messages, code = self.script.get(name, ([STARTED, "ran"], 0))
        return [(name, messages, None), (name, [], code)]

    def send_signal(self, number, name=None):
        self.signals.append(number)


def run(tmp_path: Path, executor: FakeExecutor, stop=None, graph=GRAPH, jobs=2, gpus=()):
    schedule = Schedule(
        {
            name: ScheduledStage(frozenset(needs.split()), 1.0, True, name.startswith("evaluate"))
            for name, needs in graph.items()
        },
        jobs,
        gpus,
    )
    with LiveTable() as table:
        screen = Screen(table, schedule, lambda name: tmp_path / f"{name}.log")
        runner = Runner(
            schedule,
            executor,
            screen,
            stop or StopSignals(),
            lambda gpu: {} if gpu is None else {"GPU": gpu},
        )
        runner.run()
    return schedule, runner


def test_all_stages_run_and_are_reported(tmp_path, capsys):
    (tmp_path / "evaluate_lstm@c.log").write_text("> python\nc: accuracy 0.7\nUpdating\n")
    messages = [STARTED, f"{NOTICE}its worker was lost.", STARTED, "ran"]
    schedule, runner = run(tmp_path, FakeExecutor({"a": (messages, 0)}))
    assert set(schedule.states.values()) == {"ran"}
    assert set(runner.seconds) == set(GRAPH)
    output = capsys.readouterr().out
    assert "a: started\na: its worker was lost.\na: started\na: ran" in output
    assert "d: ran in 0:00" in output
    assert "c: accuracy 0.7\nevaluate_lstm@c: ran" in output
    assert "(5 of 5)" in output


@pytest.mark.parametrize(
    ("messages", "code", "state"),
    [
        (["restored"], 0, "restored"),
        (["unchanged"], 0, "unchanged"),
        ([STARTED, "failed"], 0, "failed"),
        ([STARTED, "ran"], 1, "failed"),  # killed while it ended
        ([STARTED], 0, "failed"),
        ([], -9, "failed"),
    ],
)
def test_states_are_what_the_process_reports(tmp_path, capsys, messages, code, state):
    schedule, runner = run(tmp_path, FakeExecutor({"b": (messages, code)}))
    assert schedule.states["b"] == state
    assert schedule.states["d"] == ("skipped" if state == "failed" else "ran")
    assert "b" not in runner.seconds
    words = {"restored": "b: restored from DVC's cache", "failed": "b failed after 0:00"}
    assert words.get(state, "b: unchanged") in capsys.readouterr().out


def test_a_failed_stage_shows_the_end_of_its_log(tmp_path, capsys):
    (tmp_path / "b.log").write_text("".join(f"line {number}\n\n" for number in range(99)))
    run(tmp_path, FakeExecutor({"b": (["failed"], 0)}))
    output = capsys.readouterr().out
    assert "b.log:\n    line 84\n" in output
    assert "line 98\n" in output
    assert "line 83" not in output


def test_a_stage_that_printed_an_error_message_alone_shows_that(tmp_path, capsys):
    log = "Running stage 'b':\n> python -m stages.b\n{}\nERROR: failed to reproduce 'b': ...\n"
    for lines in ("seqproof: goals.0 is wrong.", "a table\nseqproof: goals.0 is wrong."):
        (tmp_path / "b.log").write_text(log.format(lines))
        run(tmp_path, FakeExecutor({"b": (["failed"], 0)}))
    sentence, _, tail = capsys.readouterr().out.partition("b failed after 0:00. The end of ")
    assert "b failed after 0:00: goals.0 is wrong.\n" in sentence
    assert "stages.b\n    a table\n    seqproof: goals.0 is wrong.\n    ERROR" in tail


def test_after_a_signal_nothing_starts_and_a_second_one_kills(tmp_path):
    stop = StopSignals()

    def press(executor):
        stop.numbers.append(signal.SIGINT)

    script = {name: ([STARTED, "failed"], 0) for name in "ab"}
    executor = FakeExecutor(script, press)
    schedule, _ = run(tmp_path, executor, stop)
    assert executor.started == ["a", "b"]
    assert executor.signals == [signal.SIGINT, signal.SIGKILL]
    assert schedule.in_state("stopped") == ["b", "a"] or schedule.in_state("stopped") == ["a", "b"]
    assert len(schedule.in_state("waiting")) == 3


def test_a_stage_that_ends_well_after_a_signal_has_run(tmp_path):
    stop = StopSignals()
    stop.numbers.append(signal.SIGTERM)
    executor = FakeExecutor()
    schedule, _ = run(tmp_path, executor, stop)
    assert executor.started == []
    assert set(schedule.states.values()) == {"waiting"}


def test_gpus_reach_the_processes(tmp_path):
    executor = FakeExecutor()
    run(tmp_path, executor, jobs=9, gpus=["0", "1"])
    assert [executor.variables[name] for name in executor.started[:2]] == [
        {"GPU": "0"},
        {"GPU": "1"},
    ]


def test_an_empty_schedule_ends(tmp_path):
    run(tmp_path, FakeExecutor(), graph={})
