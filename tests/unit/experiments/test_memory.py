"""The memory experiment on tiny trainings: tables, choice of the learning rate, divergence."""

import numpy as np
import pandas as pd

from pipelines.config import params
from pipelines.experiments import memory, tables

CELLS = {
    "tanh": params.CellConfig(cell="rnn"),
    "relu": params.CellConfig(cell="irnn"),
    "relu-random": params.CellConfig(cell="irnn", recurrent_initializer="glorot_uniform"),
}
ENTRY = params.Memory(
    lags=(4, 6),
    bptt_steps=(2, "full"),
    learning_rates=(0.01, 1e30),
    seeds=2,
    units=3,
    batch_size=2,
    steps=22,
    clip_norm=1.0,
    threshold=0.1,
)


def test_one_row_for_each_training_and_norms_of_the_chosen_ones():
    amounts = []
    losses, norms = memory.measure_memory(
        CELLS, ENTRY, "adding", 5, 2, lambda amount, _: amounts.append(amount)
    )
    assert sum(amounts) == 2 * len(ENTRY.lags) * ENTRY.steps  # two kinds of cells
    assert tuple(losses.columns) == tables.MEMORY
    keys = ["cell", "bptt_steps", "lag", "learning_rate", "seed"]
    assert len(losses) == len(losses[keys].drop_duplicates()) == 3 * 2 * 2 * 2 * 2
    assert set(losses["seed"]) == {5, 6}
    assert losses["recalled"].isna().all()
    diverged = losses[losses["learning_rate"] == 1e30]
    assert diverged["test_loss"].isna().any()
    assert not diverged["chosen"].any()
    assert losses["chosen"].sum() == len(losses) / 2
    assert losses["baseline"].between(0.05, 0.4).all()
    # Without truncation, at the longest lag: initial and trained weights, six steps.
    assert len(norms) == 3 * 2 * 2 * 6
    assert set(norms["weights"]) == {"initial", "trained"}
    assert list(norms["steps_back"][:6]) == [0, 1, 2, 3, 4, 5]
    trained = norms[norms["weights"] == "trained"].merge(losses[losses["lag"] == 6])
    assert not trained.empty
    again, norms_again = memory.measure_memory(CELLS, ENTRY, "adding", 5, 2, lambda *_: None)
    pd.testing.assert_frame_equal(losses, again, check_exact=True)
    pd.testing.assert_frame_equal(norms, norms_again, check_exact=True)


def test_a_gru_learns_to_add_and_its_share_of_symbols_is_counted():
    small = {"lags": (4,), "bptt_steps": ("full",), "learning_rates": (0.03,), "units": 12}
    entry = ENTRY.model_copy(update=small | {"steps": 300, "batch_size": 16})
    cells = {"gru": params.CellConfig(cell="gru")}
    losses, norms = memory.measure_memory(cells, entry, "adding", 1, 2, lambda *_: None)
    assert (losses["test_loss"] < 0.1 * losses["baseline"]).all()
    assert (norms["test_loss"] < 0.1 * norms["baseline"]).all()
    entry = entry.model_copy(update={"symbols": 1})
    losses, _ = memory.measure_memory(cells, entry, "copying", 1, 2, lambda *_: None)
    assert losses["recalled"].between(0.25, 1).all()  # one of eight by chance


def test_the_rate_with_the_lowest_mean_loss_is_chosen():
    rows = [
        ("a", "full", rate, seed, loss)
        for rate, pair in ((0.1, (0.1, 0.5)), (0.2, (0.2, 0.2)), (0.3, (0.0, np.nan)))
        for seed, loss in enumerate(pair)
    ]
    columns = ["cell", "bptt_steps", "learning_rate", "seed", "valid_loss"]
    table = pd.DataFrame(rows, columns=columns)
    other = table.assign(cell="b", valid_loss=table["valid_loss"][::-1].to_numpy())
    chosen = memory.choose_rates(pd.concat([table, other], ignore_index=True))
    assert list(chosen) == [False, False, True, True, False, False] * 2
    lost = table.assign(valid_loss=np.nan)
    assert memory.choose_rates(lost).sum() == 2  # all diverged: a rate is chosen, too


def test_validation_test_and_training_examples_differ():
    draws = [memory.generator(1, 10, step).random() for step in (1, 2, 1000, -1000, -2000)]
    assert len(set(draws)) == 5
