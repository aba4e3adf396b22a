"""The loop on a line through three points, whose every step can be computed by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines import console
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.training import trainer

X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], np.float32)
Y = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
FIRST = np.array([[0.5], [-0.5]], np.float32)
SHAPES = (tf.TensorSpec((None, 2), tf.float32), tf.TensorSpec((None,), tf.float32))


class Line(keras.Model):
    """y = w . x, and `extra` times the sum of w on top of the loss in training."""

    def __init__(self, extra=0.0):
        super().__init__()
        self.w = self.add_weight((2, 1), name="w")
        self.w.assign(FIRST)
        self.extra = extra

    def call(self, x, training=False):
        """(B, 2) -> (B,)."""
        if training and self.extra:
            self.add_loss(self.extra * tf.reduce_sum(self.w.value))
        return tf.matmul(x, self.w.value)[:, 0]


def squares(model, batch, states, share):
    """Half the squared distance, summed."""
    x, y = batch
    distances = tf.square(y - model(x, training=share is not None)) / 2
    return tf.reduce_sum(distances), tf.cast(tf.size(y), tf.float32), states


def data_of(batches, valid=((X, Y),), **changes):
    """Data of these batches in every epoch."""
    return trainer.TrainingData(
        train=lambda epoch: trainer.EpochBatches(len(batches), lambda: batches),
        valid=trainer.EpochBatches(len(valid), lambda: valid),
        tokens=len(batches),
        state=(),
        valid_state=(),
        signature=SHAPES,
        valid_signature=SHAPES,
        unit="points",
        **changes,
    )


def entry_of(epochs=1, optimizer=None, **changes):
    """An entry that asks for plain SGD without clipping, if for nothing else."""
    plain = {"name": "sgd", "learning_rate": 0.1, "schedule": "constant", "clip_norm": 1e9}
    fields = {"model": "bag_of_words", "corpus": "c", "hidden": (), "dropout": 0.0}
    fields |= {"batch_size": 4, "epochs": epochs, "optimizer": plain | (optimizer or {})}
    return params.BagOfWords.model_validate(fields | changes)


def fitted(data, entry, model=None, score=None, objective=squares):
    """The weights after a training (2,), and its history."""
    model, rows = model or Line(), []
    trainer.train_model(model, objective, data, entry, on_epoch=rows.append, score=score)
    return model.w.numpy()[:, 0], rows


def step(w, batches=((X, Y),), rate=0.1, extra=0.0):
    """One step of plain gradient descent in NumPy, the batches' mean gradients averaged."""
    gradients = [x.T @ (x @ w - y) / len(y) for x, y in batches]
    return w - rate * (np.mean(gradients, axis=0) + extra)


HALVES = ((X[:2], Y[:2]), (X[2:], Y[2:]))
W = FIRST[:, 0]


# Steps ------------------------------------------------------------------------------------------


def test_one_step_by_hand():
    found, (row,) = fitted(data_of(((X, Y),)), entry_of())
    np.testing.assert_allclose(found, step(W), rtol=1e-6)
    assert row["train_loss"] == pytest.approx(np.mean((Y - X @ W) ** 2 / 2))
    assert row["valid_loss"] == pytest.approx(np.mean((Y - X @ step(W)) ** 2 / 2), rel=1e-5)
    assert (row["epoch"], row["tokens"]) == (1, 1)


def test_accumulating_two_halves_is_one_step_of_the_whole():
    found, _ = fitted(data_of(HALVES), entry_of(gradient_accumulation_steps=2))
    np.testing.assert_allclose(found, step(W), rtol=1e-6)
    apart, _ = fitted(data_of(HALVES), entry_of())
    np.testing.assert_allclose(apart, step(step(W, HALVES[:1]), HALVES[1:]), rtol=1e-6)


def test_a_gradient_is_clipped_to_its_global_norm():
    found, _ = fitted(data_of(((X, Y),)), entry_of(optimizer={"clip_norm": 0.5}))
    gradient = (W - step(W)) / 0.1
    np.testing.assert_allclose(W - found, 0.1 * 0.5 * gradient / np.linalg.norm(gradient), 1e-5)


@pytest.mark.parametrize("changes", [{}, {"clip_norm": 0.5}, {"gradient_accumulation_steps": 2}])
def test_the_norm_of_each_steps_gradient_is_that_before_it_is_clipped(changes):
    """A rate of next to nothing: all steps see the first weights."""
    accumulate = {
        key: value for key, value in changes.items() if key == "gradient_accumulation_steps"
    }
    clipped = {key: value for key, value in changes.items() if key == "clip_norm"}
    entry = entry_of(epochs=2, optimizer={"learning_rate": 1e-9} | clipped, **accumulate)
    rows = []
    data = data_of(HALVES)
    losses, norms = trainer.train_model(Line(), squares, data, entry, on_epoch=rows.append)
    expected = [np.linalg.norm(W - step(W, (half,), rate=1.0)) for half in HALVES]
    np.testing.assert_allclose(norms, expected * 2, rtol=1e-5)
    assert len(losses) == len(norms)
    for row in rows:
        assert row["gradient_norm"] == pytest.approx(np.mean(expected))
        assert row["gradient_norm_max"] == pytest.approx(max(expected))


def test_what_layers_add_is_in_the_gradient_and_not_in_the_loss():
    found, (row,) = fitted(data_of(((X, Y),)), entry_of(), Line(extra=3.0))
    np.testing.assert_allclose(found, step(W, extra=3.0), rtol=1e-5)
    assert row["train_loss"] == pytest.approx(np.mean((Y - X @ W) ** 2 / 2))
    assert row["valid_loss"] == pytest.approx(np.mean((Y - X @ found) ** 2 / 2), rel=1e-5)


def test_a_short_batch_is_a_short_step():
    data = data_of(HALVES, weight=lambda batch: 0.5 if batch[1][0] == 1 else 2.0)
    found, _ = fitted(data, entry_of())
    np.testing.assert_allclose(found, step(step(W, HALVES[:1], 0.05), HALVES[1:], 0.2), rtol=1e-5)


def test_the_rate_falls_within_an_epoch():
    found, _ = fitted(data_of(HALVES), entry_of(optimizer={"schedule": "linear"}))
    np.testing.assert_allclose(found, step(step(W, HALVES[:1]), HALVES[1:], 0.05), rtol=1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [{"name": "adam"}, {"name": "adamw", "weight_decay": 0.5}, {"name": "sgd"}],
    ids=lambda optimizer: optimizer["name"],
)
def test_every_method_makes_its_first_step(optimizer):
    found, _ = fitted(data_of(((X, Y),)), entry_of(optimizer=optimizer))
    # Adam's first step is the rate, whatever the gradient: here both weights are to rise.
    expected = {
        "sgd": step(W),
        "adam": W + 0.1,
        "adamw": W * (1 - 0.1 * 0.5) + 0.1,
    }
    np.testing.assert_allclose(found, expected[optimizer["name"]], rtol=1e-5)


def test_objectives_are_told_how_far_the_training_is():
    seen = []

    def objective(model, batch, states, share):
        if share is not None:
            tf.py_function(lambda part: seen.append(float(part)), [share], [])
        return squares(model, batch, states, share)

    fitted(data_of(HALVES), entry_of(epochs=2), objective=objective)
    assert seen == [0.0, 0.25, 0.5, 0.75]


# Epochs -----------------------------------------------------------------------------------------


def _scored(merits):
    """A score that says these in turn."""
    said = iter(merits)
    return "merit", lambda: next(said)


def _weights_by_epoch(epochs):
    weights = [W]
    for _ in range(epochs):
        weights.append(step(weights[-1]))
    return weights


def test_training_stops_after_so_many_epochs_without_a_better_one():
    merits = [1.0, 3.0, 2.0, 3.0, 9.0]
    entry = entry_of(epochs=9, patience=2)
    found, rows = fitted(data_of(((X, Y),)), entry, score=_scored(merits))
    assert [row["valid_merit"] for row in rows] == [1.0, 3.0, 2.0, 3.0]
    np.testing.assert_allclose(found, _weights_by_epoch(2)[2], rtol=1e-5)


def test_without_patience_all_epochs_are_trained_and_the_best_is_kept():
    found, rows = fitted(data_of(((X, Y),)), entry_of(epochs=5), score=_scored([1, 5, 2, 3, 4]))
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["tokens"] for row in rows] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(found, _weights_by_epoch(2)[2], rtol=1e-5)


def test_without_a_score_the_lowest_validation_loss_is_best():
    """Validation wants -w . x, so that every epoch is worse than the one before."""
    found, rows = fitted(data_of(((X, Y),), valid=((X, -Y),)), entry_of(epochs=3))
    losses = [row["valid_loss"] for row in rows]
    assert losses == sorted(losses)
    np.testing.assert_allclose(found, step(W), rtol=1e-5)


def test_the_mean_of_the_best_epochs_is_kept_where_it_is_better():
    merits = [5.0, 1.0, 4.0, 5.5]  # of three epochs and then of the mean of the best two
    entry = entry_of(epochs=3, average_epochs=2)
    found, _ = fitted(data_of(((X, Y),)), entry, score=_scored(merits))
    one, _, three = _weights_by_epoch(3)[1:]
    np.testing.assert_allclose(found, (one + three) / 2, rtol=1e-5)


def test_the_best_epoch_is_kept_where_the_mean_is_worse(monkeypatch):
    said = []
    monkeypatch.setattr(console, "echo", said.append)
    merits = [5.0, 1.0, 4.0, 4.5]
    entry = entry_of(epochs=3, average_epochs=2)
    found, _ = fitted(data_of(((X, Y),)), entry, score=_scored(merits))
    np.testing.assert_allclose(found, _weights_by_epoch(1)[1], rtol=1e-5)
    assert "mean of the best epochs is no better" in said[-1]


def test_the_rate_is_lowered_on_a_plateau():
    optimizer = {"schedule": "plateau", "factor": 0.5, "patience": 1}
    entry = entry_of(epochs=3, optimizer=optimizer)
    found, _ = fitted(data_of(((X, Y),)), entry, score=_scored([2.0, 1.0, 3.0]))
    np.testing.assert_allclose(found, step(step(step(W)), rate=0.05), rtol=1e-5)


# Divergence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 50])
def test_a_training_that_diverges_is_refused(epochs):
    """After the only step of one epoch too, when nothing but validation can see it."""
    entry = entry_of(epochs=epochs, optimizer={"learning_rate": 1e30, "clip_norm": 1e30})
    with pytest.raises(UserError, match=r"Lower optimizer\.learning_rate"):
        fitted(data_of(((X, Y),)), entry)
