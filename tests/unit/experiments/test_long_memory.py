"""Sweeps over lags: when a lag counts as learnt, and when a sweep ends."""

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


def sweep(monkeypatch, losses):
    """Return the LSTM's rows of a sweep whose trainings have these losses, by lag."""
    monkeypatch.setattr(network, "train", lambda net, task, lag, *rest: iter(losses[lag]))
    amounts = []
    trials = long_memory.lag_sweep(
        CELLS, ENTRY, TASKS["adding"], 1, lambda amount, remark: amounts.append(amount)
    )
    assert sum(amounts) == len(CELLS) * len(ENTRY.lags) * ENTRY.steps
    return trials[trials["cell"] == "lstm"]


def test_two_failures_in_a_row_end_a_sweep(monkeypatch):
    good, bad = [0.01] * network.LOSS_WINDOW, [0.2] * network.LOSS_WINDOW
    trials = sweep(monkeypatch, {2: bad, 3: good, 4: bad, 5: bad})
    assert list(trials["learnt"]) == [False, True, False, False]
    trials = sweep(monkeypatch, {2: good, 3: bad, 4: [math.nan], 5: good})
    assert list(trials["lag"]) == [2, 3, 4]  # NaN is a failure, too
    assert list(trials["learnt"]) == [True, False, False]


def test_a_training_stops_when_its_mean_loss_is_below_the_goal():
    below = repeat(0.1)
    assert long_memory.run_trial(below, 0.5) == (network.LOSS_WINDOW, 0.1)
    late = chain([0.9] * 30, [0.4, 0.3])
    assert long_memory.run_trial(late, 0.5) == (31, 0.4)
    assert long_memory.run_trial(iter([0.9] * 40), 0.5) == (40, 0.9)
    trial = long_memory.run_trial(iter([0.5] * 40), 0.5)
    assert trial.steps == 40  # equal to the goal is not below it


def test_a_gru_learns_to_add():
    entry = ENTRY.model_copy(update={"lags": (4,), "units": 16, "steps": 200, "batch_size": 32})
    cells = {"gru": params.CellConfig(cell="gru")}
    (row,) = long_memory.lag_sweep(cells, entry, TASKS["adding"], 1, lambda *_: None).to_dict(
        "records"
    )
    assert row["learnt"]
    assert row["loss"] < 0.5 * row["baseline"] == pytest.approx(1 / 12)
    assert network.LOSS_WINDOW <= row["steps"] < 200


def test_a_diverged_training_ends_with_nan():
    task, entry = TASKS["adding"], ENTRY.model_copy(update={"learning_rate": 1e30, "steps": 50})
    net = network.make_network(params.CellConfig(cell="irnn"), 4, task, 1)
    losses = list(network.train(net, task, 5, entry, 1, None))
    assert math.isnan(losses[-1])
    assert len(losses) < 50
