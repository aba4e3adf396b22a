"""Learning curves: their unit, their points, and paragraphs that follow the numbers."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.reporting.learning_curves import (
    LearningCurve,
    LossUnit,
    describe,
    loss_unit,
    make_curves,
)

BITS = LossUnit("bits per character", math.log(2))
CORPORA = params.load(Path(__file__).parents[3] / "params.yaml").corpora


def history(
    train: Sequence[float], valid: Sequence[float], scores: Sequence[float] = ()
) -> pd.DataFrame:
    """Return a history with losses in bits per character, with 1,000 tokens in each epoch."""
    epochs = np.arange(1, len(train) + 1)
    table = pd.DataFrame({"epoch": epochs, "tokens": 1000 * epochs})
    table["train_loss"] = np.array(train) * math.log(2)
    table["valid_loss"] = np.array(valid) * math.log(2)
    return table.assign(valid_bleu=scores) if scores else table


def curve(name: str, *columns: Sequence[float]) -> LearningCurve:
    (result,) = make_curves(name, history(*columns), np.zeros(0))
    return result


def test_the_unit_is_that_of_the_tables() -> None:
    assert loss_unit(CORPORA["shakespeare"]) == BITS
    assert loss_unit(CORPORA["opinions"]) == LossUnit("nats per text", 1.0)
    assert loss_unit(CORPORA["verses"]) == LossUnit("nats per token", 1.0)
    assert loss_unit(CORPORA["dates"]) == LossUnit("nats per token", 1.0)


def test_a_training_that_overfits() -> None:
    text = describe([curve("rnn", (3.0, 2.0, 1.0), (3.0, 2.5, 2.75))], BITS)[-1]
    assert text == (
        "rnn overfits: validation loss rises from 2.500 after epoch 2 to 2.750 after epoch 3, "
        "while training loss falls from 2.000 to 1.000."
    )


def test_the_opposite_endings() -> None:
    improving = describe([curve("rnn", (3.0, 2.0), (3.0, 2.5))], BITS)[-1]
    assert improving == "rnn: validation loss is lowest in the last epoch."
    diverging = describe([curve("rnn", (3.0, 4.0), (3.0, 3.5))], BITS)[-1]
    assert "validation loss rises from 3.000 after epoch 1 to 3.500 after epoch 2" in diverging
    assert "training loss does not fall either" in diverging
    assert "overfits" not in diverging


@pytest.mark.parametrize("lowest", ["rnn", "lstm"])
def test_models_are_ranked_by_their_loss_at_the_best_epoch(lowest: str) -> None:
    losses = {name: 2.0 if name == lowest else 2.25 for name in ("rnn", "lstm")}
    curves = [curve(name, (3.0, 2.0), (3.0, loss)) for name, loss in losses.items()]
    (other,) = set(losses) - {lowest}
    ranking = describe([*curves, curve("markov", (4.0,), (4.5,))], BITS)[1]
    assert ranking.endswith(f"lowest first: {lowest} 2.000, {other} 2.250, markov 4.500.")


def test_the_best_epoch_has_the_highest_score_or_else_the_lowest_loss() -> None:
    assert curve("m", (3.0, 2.0, 1.0), (3.0, 2.5, 2.75)).best == 1
    assert curve("m", (3.0, 2.0, 1.0), (3.0, 2.5, 2.75), (10.0, 20.0, 30.0)).best == 2
    mixture = history((3.0, 2.0, 1.0), (3.0, 2.5, 2.75)).assign(valid_mixture_loss=[1.0, 2.0, 3.0])
    assert make_curves("m", mixture, np.zeros(0))[0].best == 1


def test_the_training_loss_has_few_points_and_ends_at_the_last_step() -> None:
    losses = np.linspace(4, 2, 10_000)
    (long,) = make_curves("m", history((3.0, 2.0), (3.0, 2.5)), losses)
    assert 30 <= len(long.train_losses) <= 40
    assert long.train_tokens[-1] == 2000
    assert (np.diff(long.train_losses) < 0).all()
    assert long.train_losses[0] == pytest.approx(losses[:156].mean())
    (short,) = make_curves("m", history((3.0,), (3.0,)), losses[:3])
    assert list(short.train_losses) == list(losses[:3])
    assert list(short.train_tokens) == pytest.approx([1000 / 3, 2000 / 3, 1000])


def test_a_group_has_a_curve_for_each_seed() -> None:
    parts = [history((3.0,), (3.0,)), history((3.0, 2.0), (3.0, 2.5))]
    table = pd.concat([part.assign(seed=seed) for seed, part in enumerate(parts)])
    curves = make_curves("m", table, np.array([1.0, 1.0, 5.0, 5.0, 5.0, 5.0]))
    assert [set(curve.train_losses) for curve in curves] == [{1.0}, {5.0}]
    assert [len(curve.history) for curve in curves] == [1, 2]
    text = describe(curves, BITS)
    assert text[1].endswith("lowest first: m 3.000. Of groups, the first seed is described.")
