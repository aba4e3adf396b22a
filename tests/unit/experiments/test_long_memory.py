"""Ladders of lags: what counts as learnt, and where a cell stops."""

import math
from itertools import chain, repeat

import pytest

from pipelines.config import params
from pipelines.experiments import long_memory, network
from pipelines.experiments.synthetic_tasks import TASKS

CELLS = {"tanh": params.CellConfig(cell="rnn"), "lstm": params.CellConfig(cell="lstm")}
ENTRY = params.LongMemory(
    lags=(2, 3, 4, 5),
    threshold=0.5,
    units=4,
    batch_size=4,
    steps=3,
    learning_rate=0.01,
    clip_norm=1.0,
)


def ladder(monkeypatch, losses):
    """A ladder on which a training's losses are given: by units of the lag."""
    monkeypatch.setattr(network, "train", lambda net, task, lag, *rest: iter(losses[lag]))
    told = []
    found = long_memory.lag_sweep(
        CELLS, ENTRY, TASKS["adding"], 1, lambda one, what: told.append(one)
    )
    assert sum(told) == len(CELLS) * len(ENTRY.lags) * ENTRY.steps
    return found[found["cell"] == "lstm"]


def test_two_failures_in_a_row_end_a_ladder(monkeypatch):
    good, bad = [0.01] * network.LAST, [0.2] * network.LAST
    found = ladder(monkeypatch, {2: bad, 3: good, 4: bad, 5: bad})
    assert list(found["learnt"]) == [False, True, False, False]
    found = ladder(monkeypatch, {2: good, 3: bad, 4: [math.nan], 5: good})
    assert list(found["lag"]) == [2, 3, 4]  # not a number is a failure, too
    assert list(found["learnt"]) == [True, False, False]


def test_a_training_stops_once_the_loss_is_below_the_goal_for_sure():
    below = repeat(0.1)
    assert long_memory.attempt(below, 0.5) == (network.LAST, 0.1)
    late = chain([0.9] * 30, [0.4, 0.3])
    assert long_memory.attempt(late, 0.5) == (31, 0.4)
    assert long_memory.attempt(iter([0.9] * 40), 0.5) == (40, 0.9)
    assert long_memory.attempt(iter([0.5] * 40), 0.5).steps == 40  # at the goal is not below it


def test_a_gru_learns_to_add_and_a_share_of_the_baseline_is_the_measure():
    entry = ENTRY.model_copy(update={"lags": (4,), "units": 16, "steps": 200, "batch_size": 32})
    cells = {"gru": params.CellConfig(cell="gru")}
    (row,) = long_memory.lag_sweep(cells, entry, TASKS["adding"], 1, lambda *_: None).to_dict(
        "records"
    )
    assert row["learnt"]
    assert row["loss"] < 0.5 * row["baseline"] == pytest.approx(1 / 12)
    assert network.LAST <= row["steps"] < 200


def test_what_diverges_ends_with_what_is_no_number():
    task, entry = TASKS["adding"], ENTRY.model_copy(update={"learning_rate": 1e30, "steps": 50})
    net = network.begin(params.CellConfig(cell="irnn"), 4, task, 1)
    losses = list(network.train(net, task, 5, entry, 1, None))
    assert math.isnan(losses[-1])
    assert len(losses) < 50
