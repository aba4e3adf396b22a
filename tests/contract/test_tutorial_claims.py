"""What the tutorial says in words about results, asserted on the results.

Each function is named after a sentence and takes a folder of outs: `docs/tutorial/outs`, or a
project in which the stages have run.
"""

import inspect
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.contract.imports import ROOT

OUTS = ROOT / "docs" / "tutorial" / "outs"


def errors(outs: Path, task: str, lag: int) -> dict[str, pd.Series]:
    """Return the error of each cell as a fraction of that without memory, for all seeds."""
    table = pd.read_csv(outs / f"experiments/memory/{task}.csv")
    rows = table[table["chosen"] & (table["lag"] == lag)]
    return dict(iter((rows["test_loss"] / rows["baseline"]).groupby(rows["cell"])))


def recalled(outs: Path, task: str, column: str, value: object) -> dict[str, pd.Series]:
    """Return the share of symbols that each cell recalls, for all seeds."""
    table = pd.read_csv(outs / f"experiments/memory/{task}.csv")
    rows = table[table["chosen"] & (table[column].astype(str) == str(value))]
    return dict(iter(rows["recalled"].groupby(rows["cell"])))


def arrived(outs: Path, weights: str) -> dict[str, float]:
    """Return the share of the gradient that arrives 39 steps back in adding, median of seeds."""
    table = pd.read_csv(outs / "experiments/gradient_flow/adding.csv")
    norms = table[table["weights"] == weights].set_index(["cell", "seed", "steps_back"])["norm"]
    shares = norms.xs(39, level="steps_back") / norms.xs(0, level="steps_back")
    return dict(shares.groupby(level="cell").median())


# Chapter 3 ----------------------------------------------------------------------------------------


def gradients_vanish_with_initial_weights_in_gated_cells_too(outs: Path) -> None:
    shares = arrived(outs, "initial")
    assert all(shares[cell] < 1e-3 for cell in ("gru", "lstm-forget-0", "lstm-forget-1"))
    assert all(shares[cell] < 0.1 for cell in shares if cell != "relu-identity")


def after_training_gradients_vanish_in_tanh_cells_and_arrive_in_cells_that_learn(
    outs: Path,
) -> None:
    shares, loss = arrived(outs, "trained"), errors(outs, "adding", 40)
    assert shares["tanh-random"] < 1e-6
    assert shares["tanh-orthogonal"] < 1e-6
    learnt = [cell for cell in loss if (loss[cell] < 0.1).all()]
    assert learnt
    assert all(shares[cell] > 0.1 for cell in learnt)


def some_gradients_of_contrasts_lstm_are_several_times_above_the_limit(outs: Path) -> None:
    norms = np.load(outs / "models/contrasts-lstm/gradient-norms.npy")
    assert norms.max() > 3  # the limit is 1
    assert 0.01 < (norms > 1).mean() < 0.2


def tanh_cells_learn_something_of_10_numbers_and_nothing_of_40(outs: Path) -> None:
    short, long = errors(outs, "adding", 10), errors(outs, "adding", 40)
    for cell in ("tanh-random", "tanh-orthogonal"):
        assert short[cell].between(0.1, 0.9).all()
        assert (long[cell] > 0.97).all()


def the_gradient_must_reach_back_as_far_as_the_memory(outs: Path) -> None:
    for steps in (1, 5):
        shares = recalled(outs, "recall", "bptt_steps", steps)
        assert all((share < 0.2).all() for share in shares.values())
    shares = recalled(outs, "recall", "bptt_steps", 20)
    assert (shares["lstm-forget-1"] > 0.95).all()
    assert shares["tanh-orthogonal"].median() > 0.5


def relu_alone_helps(outs: Path) -> None:
    short, long = errors(outs, "adding", 10), errors(outs, "adding", 40)
    assert (short["relu-random"] < 0.1).all()
    assert (short["tanh-random"] >= 0.1).all()
    assert long["relu-random"].max() < long["tanh-random"].min() / 3


def the_identity_helps_relu_and_an_orthogonal_matrix_does_not_help_tanh(outs: Path) -> None:
    shares, long = arrived(outs, "initial"), errors(outs, "adding", 40)
    assert shares["relu-identity"] > 0.5
    assert shares["relu-random"] < 1e-3
    assert long["relu-identity"].max() < long["relu-random"].min()
    assert (long["tanh-orthogonal"] > 0.97).all()


def the_forget_bias_decides_whether_the_lstm_learns_40_numbers(outs: Path) -> None:
    long = errors(outs, "adding", 40)
    assert (long["lstm-forget-1"] < 0.1).all()
    assert (long["lstm-forget-0"] >= 0.1).any()
    assert arrived(outs, "trained")["lstm-forget-1"] > 0.1


def the_gru_is_the_best_at_40_numbers(outs: Path) -> None:
    long = errors(outs, "adding", 40)
    assert all(long["gru"].max() < error.min() for cell, error in long.items() if cell != "gru")


def no_cure_is_the_best_for_every_task(outs: Path) -> None:
    short, long = (recalled(outs, "copying", "lag", lag) for lag in (5, 20))
    assert all((share > 0.2).all() for share in short.values())
    medians = {cell: share.median() for cell, share in long.items()}
    assert max(medians["lstm-forget-0"], medians["lstm-forget-1"]) < 0.2
    assert min(medians["gru"], medians["relu-random"]) > 0.5
    assert medians["relu-identity"] < 0.5
    loss = {cell: error.median() for cell, error in errors(outs, "adding", 40).items()}
    simple = [cell for cell in loss if cell.startswith(("tanh", "relu"))]
    assert min(simple, key=lambda cell: loss[cell]) == "relu-identity"


CLAIMS = [
    function
    for function in vars(sys.modules[__name__]).values()
    if inspect.isfunction(function)
    and list(inspect.signature(function).parameters) == ["outs"]
    and not function.__name__.startswith("test_")
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_claims_hold_for_the_default_run(claim):
    claim(OUTS)
