"""Messages about a search."""

import pytest

from pipelines.config.sweeps import Sweep
from pipelines.sweeps.result import Trial
from pipelines.sweeps.search_screen import SearchScreen
from tests.unit.sweeps.test_search import ENTRY


class Table:
    """A table in a terminal that records what it shows."""

    is_shown = True

    def __init__(self):
        self.rows, self.lines = [], []

    def draw(self, rows):
        self.rows = rows

    def echo(self, line):
        self.lines.append(line)


@pytest.fixture
def table():
    return Table()


def screen(table, jobs=2, earlier=(), **changes):
    return SearchScreen(table, Sweep.model_validate(ENTRY | changes), jobs, earlier)


def test_each_trial_has_a_line(table):
    shown = screen(table, trials=4)
    shown.end(Trial(0, "complete", {"units": 8, "cell": None}, (0.5, 0.25), 0.25), [], 62)
    shown.end(Trial(1, "pruned", {"units": 9, "cell": "gru"}, (0.125,), 0.125), [], 3)
    shown.end(Trial(2, "failed", {"units": 7, "cell": "gru"}, failure="diverged"), [], 3)
    shown.fail(3, "The disk is full.")
    assert table.lines == [
        "trial 0: valid_loss 0.25 after 2 epochs, in 1:02 (1 of 4, best 0.25 of trial 0): "
        "units 8, cell off",
        "trial 1: stopped after 1 epoch, valid_loss 0.125, in 0:03 (2 of 4, best 0.25 of trial 0): "
        "units 9, cell gru",
        "trial 2: diverged, in 0:03 (3 of 4, best 0.25 of trial 0): units 7, cell gru",
        "trial 3 failed: The disk is full.",
    ]


def test_the_table_has_the_running_trials_and_the_time_that_is_left(table):
    shown = screen(table, trials=5)
    shown.draw({0: []}, {0: 4.0})
    assert table.rows == [("trial 0", "0:04", ""), ("0 of 5 trials", "", "")]
    shown.end(Trial(0, "complete", {"units": 8}, (0.5,), 0.5), [], 60)
    rows = [{"epoch": 1, "valid_loss": 0.75}]
    shown.draw({1: rows, 2: []}, {1: 20.0, 2: 20.0})
    assert table.rows == [
        ("trial 1", "0:20", "epoch 1, valid_loss 0.75"),
        ("trial 2", "0:20", ""),
        ("1 of 5 trials", "", "best 0.5 of trial 0, about 1:40 left"),  # (4 * 60 - 40) / 2
    ]


def test_a_sweep_that_goes_on_counts_its_earlier_trials(table):
    earlier = [Trial(0, "complete", {"units": 8}, (0.5,), 0.5)]
    shown = screen(table, earlier=earlier, trials=3)
    assert table.lines == ["1 of 3 trials have ended already."]
    shown.end(Trial(1, "complete", {"units": 9}, (0.75,), 0.75), [], 1)
    assert "(2 of 3, best 0.5 of trial 0)" in table.lines[-1]
