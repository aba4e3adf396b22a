"""The search, with trainings that are functions of their parameters."""

import json
import re
import signal

import pytest

from pipelines.config.sweeps import NumericRange, Sweep
from pipelines.errors import UserError
from pipelines.scheduling.children import StopSignals
from pipelines.scheduling.jobs import StageJob
from pipelines.sweeps.job_pool import JobPool
from pipelines.sweeps.journal import Journal
from pipelines.sweeps.search import SweepSearch
from tests.unit.sweeps.fake_training import HISTORY, FakeExecutor, Killed, World

SPACE = {
    "units": NumericRange(8, 64, True, None, True),
    "rate": NumericRange(0.001, 1.0, True, None, False),
    "cell": ("lstm", "gru"),
}
START = {"units": 32, "rate": 0.1, "cell": "lstm"}
ENTRY = {
    "model": "m",
    "parameters": {"units": {"low": 8, "high": 64, "log": True}},
    "trials": 14,
    "metric": "valid_loss",
    "seed": 7,
    "confirm_seeds": [11, 12, 13],
}


def curve(values):
    """Return five epochs that end the lower the nearer the values are to 20 and 0.05."""
    end = abs(values["units"] - 20) / 20 + abs(values["rate"] - 0.05) + (values["cell"] == "gru")
    return [end + 1 / epoch for epoch in range(1, 6)]


class Observer:
    """Records what it is told."""

    def __init__(self):
        self.ended, self.problems, self.discarded, self.drawn = [], [], [], 0

    def draw(self, running, elapsed):
        assert running.keys() == elapsed.keys()
        self.drawn += 1

    def end(self, trial, rows, seconds):
        self.ended.append(trial)

    def discard(self, values):
        self.discarded.append(values)

    def fail(self, number, problem):
        self.problems.append((number, problem))


def search(
    world, folder="sweep", jobs=1, stop=None, executor=None, space=SPACE, start=START, **changes
):
    """Run a search; return its trials, and the executor and the observer."""
    sweep = Sweep.model_validate(ENTRY | changes)
    executor = executor or FakeExecutor(world)
    observer = Observer()
    journal = Journal(world.folder / folder / "journal.log", sweep, space, start, epochs=5)
    pool = JobPool(executor, stop or StopSignals(), {"A": "1"})

    def job(values):
        if values.get("units") == "odd":
            raise UserError("units must be even.")
        return StageJob("train_lstm@m", json.dumps(values, sort_keys=True))

    SweepSearch("wide", sweep, space, journal, pool, jobs, job, HISTORY, observer).run()
    return journal, executor, observer


@pytest.fixture
def world(tmp_path):
    return World(curve, tmp_path)


def test_the_same_seed_proposes_the_same_trials(world, tmp_path):
    journal, executor, observer = search(world)
    trials = journal.results()
    assert len(trials) == ENTRY["trials"]
    assert trials[0].values == START
    assert [trial.number for trial in observer.ended] == list(range(len(trials)))
    assert all(trial.state == "complete" for trial in trials)
    assert all(
        trial.epochs == tuple(float(f"{x:.9g}") for x in curve(trial.values)) for trial in trials
    )
    assert all(trial.value == min(trial.epochs) for trial in trials)
    assert executor.most == 1
    assert set(map(str, executor.variables.values())) == {"{'A': '1'}"}
    again, *_ = search(World(curve, tmp_path), "again")
    assert again.results() == trials
    other, *_ = search(World(curve, tmp_path), "other", seed=8)
    assert [trial.values for trial in other.results()[1:]] != [t.values for t in trials[1:]]
    assert sum(journal.importances().values()) == pytest.approx(1)
    assert journal.stage == {"cmd": "train m", "deps": [{"path": "data", "md5": "d"}]}


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_search_that_is_killed_at_any_point_ends_like_any_other(world, tmp_path, pruner):
    expected, _, observer = search(world, pruner=pruner)
    assert {"pruned", "complete"} == {trial.state for trial in expected.results()}
    pruned = [trial.values for trial in expected.results() if trial.state == "pruned"]
    assert observer.discarded == pruned
    assert world.epochs_run < 5 * ENTRY["trials"]
    killed = World(curve, tmp_path)
    deaths = 0
    while True:
        try:
            journal, *_ = search(
                killed,
                "killed",
                pruner=pruner,
                executor=FakeExecutor(killed, kill_after=deaths % 5),
            )
            break
        except Killed:
            deaths += 1
    assert deaths > 10
    assert journal.results() == expected.results()
    assert killed.epochs_run == world.epochs_run  # from the checkpoints on


def test_models_in_dvcs_cache_are_judged_as_if_they_were_trained(world):
    first, *_ = search(world, "first")  # trains all of them to their end
    world.trained.clear()
    expected, *_ = search(World(curve, world.folder), "expected", pruner="median")
    journal, *_ = search(world, "second", pruner="median")
    assert journal.results() == expected.results()
    assert len(world.trained) < len(first.results())


def test_trials_run_side_by_side_and_none_twice(world):
    journal, executor, _ = search(world, jobs=4)
    assert executor.most == 4
    values = [json.dumps(trial.values) for trial in journal.results()]
    assert len(set(values)) == len(values) == ENTRY["trials"]
    assert len(world.trained) == ENTRY["trials"]


def test_a_small_space_ends_the_search(world):
    space = {"units": NumericRange(8, 24, False, 8, True), "rate": (0.1, 0.2), "cell": ("lstm",)}
    journal, *_ = search(world, space=space, start={"units": 9, "rate": 0.1, "cell": "lstm"})
    assert len(journal.results()) == 6
    assert {trial.values["units"] for trial in journal.results()} == {8, 16, 24}


def test_more_trials_go_on_with_the_earlier_ones(world):
    expected, *_ = search(World(curve, world.folder), "at once")
    search(world, trials=6)
    world.trained.clear()
    journal, *_ = search(world)
    assert journal.results() == expected.results()
    assert len(world.trained) == ENTRY["trials"] - 6


def test_no_trial_starts_after_the_time_limit(world, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("pipelines.sweeps.search.time.monotonic", lambda: now[0])

    def wait():
        now[0] += 10

    journal, *_ = search(world, seconds=100, executor=FakeExecutor(world, on_wait=wait))
    assert len(journal.results()) == 2  # of 60 seconds each
    assert journal.seconds == 120
    journal, *_ = search(world, seconds=150)  # the time of the earlier process counts
    assert len(journal.results()) > 2


def test_a_training_that_diverges_is_recorded_as_such(world):
    world.curve = lambda values: [1.0, float("inf")] if values["rate"] > 0.2 else curve(values)
    journal, _, observer = search(world)
    failed = [trial for trial in journal.results() if trial.state == "failed"]
    assert failed
    assert all(trial.values["rate"] > 0.2 for trial in failed)
    assert all((t.failure, t.value, t.epochs) == ("diverged", None, (1.0,)) for t in failed)
    assert observer.problems == []


class Broken(FakeExecutor):
    """An executor on which some trainings fail for reasons of their own."""

    def __init__(self, world, numbers):
        super().__init__(world)
        self.numbers = numbers

    def _advance(self, name):
        if int(name.rpartition("-")[2]) not in self.numbers:
            return super()._advance(name)
        self.log(name).write_text("> python\nseqproof: No space left on device.\nERROR: exited\n")
        return self._end(name, [], "failed")


def test_a_few_errors_are_recorded_and_many_in_a_row_stop_the_search(world):
    journal, _, observer = search(world, executor=Broken(world, [3, 4]))
    failed = [trial for trial in journal.results() if trial.state == "failed"]
    assert [(trial.number, trial.failure) for trial in failed] == [(3, "error"), (4, "error")]
    assert observer.problems == [(3, "No space left on device."), (4, "No space left on device.")]

    world.cache.clear()
    with pytest.raises(UserError, match=r"3 trials in a row .* No space left on device\. After"):
        search(world, "full", executor=Broken(world, range(2, 99)))
    repaired, *_ = search(world, "full")
    assert {trial.state for trial in repaired.results()} == {"complete"}
    assert len(repaired.results()) == ENTRY["trials"]

    world.cache.clear()  # of a short search, too, no error of all trials is final
    for trials, start in ((2, "2 trials in a row have failed"), (1, "The only trial has failed")):
        with pytest.raises(UserError, match=rf"{start}.*: No space left on device\. After"):
            search(world, f"short-{trials}", executor=Broken(world, range(99)), trials=trials)
        repaired, *_ = search(world, f"short-{trials}", trials=trials)
        assert [trial.state for trial in repaired.results()] == ["complete"] * trials


def test_a_search_that_is_killed_while_a_trial_is_reported_reports_it_again(world, monkeypatch):
    expected, *_ = search(World(curve, world.folder), "expected", trials=4)
    reported = []

    def end(observer, trial, rows, seconds):
        reported.append(trial)
        if len(reported) == 2:
            raise Killed

    monkeypatch.setattr(Observer, "end", end)
    with pytest.raises(Killed):
        search(world, trials=4)
    journal, *_ = search(world, trials=4)
    assert journal.results() == expected.results()
    assert [trial.number for trial in reported] == [0, 1, 1, 2, 3]


def test_ctrl_c_leaves_the_running_trials_for_the_next_time(world):
    expected, *_ = search(World(curve, world.folder), "expected")
    stop = StopSignals()
    calls = []

    def press():
        calls.append(0)
        if len(calls) == 8:
            stop.numbers.append(signal.SIGINT)

    journal, executor, _ = search(world, stop=stop, executor=FakeExecutor(world, on_wait=press))
    assert executor.signals == [(signal.SIGINT, None)]
    assert 0 < len(journal.results()) < ENTRY["trials"]
    assert len(journal.trials) == len(journal.results()) + 1
    journal, *_ = search(world)
    assert journal.results() == expected.results()


def test_a_second_signal_kills(world):
    stop = StopSignals()
    stop_at = {3: signal.SIGTERM, 4: signal.SIGINT}
    calls = []

    def press():
        calls.append(0)
        if len(calls) in stop_at:
            stop.numbers.append(stop_at[len(calls)])

    class Deaf(FakeExecutor):
        def send_signal(self, number, name=None):
            self.signals.append((number, name))
            if number == signal.SIGKILL:
                self.running.clear()
                raise Killed

    executor = Deaf(world, on_wait=press)
    with pytest.raises(Killed):
        search(world, stop=stop, executor=executor)
    assert executor.signals == [(signal.SIGINT, None), (signal.SIGKILL, None)]


def test_values_that_params_yaml_refuses_are_not_proposed(world):
    space = SPACE | {"units": (16, "odd")}
    world.curve = lambda values: [values["rate"]]
    journal, *_ = search(world, space=space, start=START | {"units": 16})
    assert {trial.values["units"] for trial in journal.results()} == {16}
    with pytest.raises(UserError, match="units must be even"):
        search(world, "none", space=SPACE | {"units": ("odd", "odd")}, start=START)


def test_a_damaged_journal_is_an_error_of_one_sentence(world):
    search(world, trials=3)
    file = world.folder / "sweep" / "journal.log"
    content = file.read_bytes()
    file.write_bytes(content + b'{"op_code": 4, "stu')  # of a power failure
    journal, *_ = search(world, trials=4)
    assert len(journal.results()) == 4
    first, *lines = file.read_bytes().splitlines(keepends=True)
    outs = next(line for line in lines if b'"outs"' in line)
    for damaged in (
        b"garbage\n" + content,
        first.replace(b"[1]", b"[2]") + b"".join(lines),  # the other direction
        first + b"".join(line for line in lines if line != outs),
        re.sub(rb'("params":\s*{"units":\s*)', rb"\g<1>999", content),
    ):
        assert damaged != content
        file.write_bytes(damaged)
        with pytest.raises(UserError, match=r"journal\.log is damaged\. Delete it"):
            search(world, trials=5)
