"""The training loop on a line through a few points, where every step can be computed by hand."""

import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines import console
from pipelines.config import params
from pipelines.errors import Interrupted, UserError
from pipelines.training.callbacks import Callback
from pipelines.training.checkpoints import CheckpointManager
from pipelines.training.datasets import EpochBatches, TrainingData
from pipelines.training.progress import TrainingProgress
from pipelines.training.trainer import fit
from pipelines.training.validation import ValidationScore

X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], np.float32)
Y = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
INITIAL_WEIGHTS = np.array([[0.5], [-0.5]], np.float32)
SIGNATURE = (tf.TensorSpec((None, 2), tf.float32), tf.TensorSpec((None,), tf.float32))


class Line(keras.Model):
    """y = w . x; in training `penalty` times the sum of w is added to the loss."""

    def __init__(self, penalty=0.0):
        super().__init__()
        self.w = self.add_weight((2, 1), name="w")
        self.w.assign(INITIAL_WEIGHTS)
        self.penalty = penalty

    def call(self, x, training=False):
        """(B, 2) -> (B,)."""
        if training and self.penalty:
            self.add_loss(self.penalty * tf.reduce_sum(self.w.value))
        return tf.matmul(x, self.w.value)[:, 0]


def squared_error(model, batch, states, progress):
    """Half the squared error, summed."""
    x, y = batch
    errors = tf.square(y - model(x, training=progress is not None)) / 2
    return tf.reduce_sum(errors), tf.cast(tf.size(y), tf.float32), states


def make_data(batches, valid=((X, Y),), **changes):
    """Training data with the same batches in every epoch."""
    return TrainingData(
        train=lambda epoch: EpochBatches(len(batches), lambda: batches),
        valid=EpochBatches(len(valid), lambda: valid),
        tokens_per_epoch=len(batches),
        initial_state=(),
        valid_state=(),
        signature=SIGNATURE,
        valid_signature=SIGNATURE,
        unit="points",
        **changes,
    )


def make_config(epochs=1, optimizer=None, **changes):
    """A config with plain SGD without clipping by default."""
    sgd = {"name": "sgd", "learning_rate": 0.1, "schedule": "constant", "clip_norm": 1e9}
    fields = {"model": "bag_of_words", "corpus": "c", "hidden": (), "dropout": 0.0}
    fields |= {"batch_size": 4, "epochs": epochs, "optimizer": sgd | (optimizer or {})}
    return params.BagOfWordsConfig.model_validate(fields | changes)


def train(data, config, model=None, score=None, objective=squared_error):
    """Train, and return the weights (2,) and the history."""
    model, progress = model or Line(), TrainingProgress()
    fit(model, objective, data, config, progress, score=score)
    return model.w.numpy()[:, 0], progress.rows


def gradient_step(w, batches=((X, Y),), rate=0.1, penalty=0.0):
    """One step of plain gradient descent in NumPy; the batches' mean gradients are averaged."""
    gradients = [x.T @ (x @ w - y) / len(y) for x, y in batches]
    return w - rate * (np.mean(gradients, axis=0) + penalty)


HALVES = ((X[:2], Y[:2]), (X[2:], Y[2:]))
W = INITIAL_WEIGHTS[:, 0]


# Steps ------------------------------------------------------------------------------------------


def test_one_step_by_hand():
    weights, (row,) = train(make_data(((X, Y),)), make_config())
    np.testing.assert_allclose(weights, gradient_step(W), rtol=1e-6)
    assert row["train_loss"] == pytest.approx(np.mean((Y - X @ W) ** 2 / 2))
    assert row["valid_loss"] == pytest.approx(
        np.mean((Y - X @ gradient_step(W)) ** 2 / 2), rel=1e-5
    )
    assert (row["epoch"], row["tokens"]) == (1, 1)


def test_accumulated_gradients_of_two_halves_equal_one_step_on_the_whole():
    accumulated, _ = train(make_data(HALVES), make_config(gradient_accumulation_steps=2))
    np.testing.assert_allclose(accumulated, gradient_step(W), rtol=1e-6)
    separate, _ = train(make_data(HALVES), make_config())
    two_steps = gradient_step(gradient_step(W, HALVES[:1]), HALVES[1:])
    np.testing.assert_allclose(separate, two_steps, rtol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [{}, {"name": "adamw", "weight_decay": 0.3}, {"weight_decay": 0.3}],
    ids=["sgd", "adamw", "sgd-decay"],
)
def test_accumulated_gradients_are_clipped_and_decay_as_one_batch_of_their_size(optimizer):
    """The mean is clipped, not each gradient: those of the halves have norms of 1.3 and 4.6."""
    optimizer = {"clip_norm": 0.5} | optimizer
    whole, _ = train(make_data(((X, Y),)), make_config(epochs=3, optimizer=optimizer))
    accumulating = make_config(epochs=3, optimizer=optimizer, gradient_accumulation_steps=2)
    accumulated, _ = train(make_data(HALVES), accumulating)
    np.testing.assert_allclose(accumulated, whole, rtol=1e-5)
    separate, _ = train(make_data(HALVES), make_config(epochs=3, optimizer=optimizer))
    assert np.abs(separate - whole).max() > 0.01


def test_weight_decay_of_sgd_is_an_l2_penalty_beside_the_clipped_gradient():
    """As PyTorch's SGD after `clip_grad_norm_`: the penalty is not clipped."""
    optimizer = {"clip_norm": 0.5, "weight_decay": 0.3}
    weights, _ = train(make_data(((X, Y),)), make_config(optimizer=optimizer))
    gradient = W - gradient_step(W, rate=1.0)
    clipped = 0.5 * gradient / np.linalg.norm(gradient)
    np.testing.assert_allclose(weights, W - 0.1 * (clipped + 0.3 * W), rtol=1e-5)


def test_a_gradient_is_clipped_to_its_global_norm():
    weights, _ = train(make_data(((X, Y),)), make_config(optimizer={"clip_norm": 0.5}))
    gradient = (W - gradient_step(W)) / 0.1
    np.testing.assert_allclose(W - weights, 0.1 * 0.5 * gradient / np.linalg.norm(gradient), 1e-5)


@pytest.mark.parametrize(
    ("optimizer", "changes"),
    [({}, {}), ({"clip_norm": 0.5}, {}), ({}, {"gradient_accumulation_steps": 2})],
    ids=["plain", "clipped", "accumulated"],
)
def test_gradient_norms_are_recorded_before_clipping(optimizer, changes):
    """The learning rate is almost zero, so that all steps see the initial weights."""
    config = make_config(epochs=2, optimizer={"learning_rate": 1e-9} | optimizer, **changes)
    progress = TrainingProgress()
    fit(Line(), squared_error, make_data(HALVES), config, progress)
    expected = [np.linalg.norm(W - gradient_step(W, (half,), rate=1.0)) for half in HALVES]
    np.testing.assert_allclose(progress.norms, expected * 2, rtol=1e-5)
    assert len(progress.losses) == len(progress.norms)
    for row in progress.rows:
        assert row["gradient_norm"] == pytest.approx(np.mean(expected))
        assert row["gradient_norm_max"] == pytest.approx(max(expected))


def test_losses_added_by_layers_are_in_the_gradient_but_not_in_the_history():
    weights, (row,) = train(make_data(((X, Y),)), make_config(), Line(penalty=3.0))
    np.testing.assert_allclose(weights, gradient_step(W, penalty=3.0), rtol=1e-5)
    assert row["train_loss"] == pytest.approx(np.mean((Y - X @ W) ** 2 / 2))
    assert row["valid_loss"] == pytest.approx(np.mean((Y - X @ weights) ** 2 / 2), rel=1e-5)


def test_the_learning_rate_is_scaled_for_each_batch():
    data = make_data(HALVES, learning_rate_scale=lambda batch: 0.5 if batch[1][0] == 1 else 2.0)
    weights, _ = train(data, make_config())
    expected = gradient_step(gradient_step(W, HALVES[:1], 0.05), HALVES[1:], 0.2)
    np.testing.assert_allclose(weights, expected, rtol=1e-5)


def test_a_linear_schedule_decays_within_an_epoch():
    weights, _ = train(make_data(HALVES), make_config(optimizer={"schedule": "linear"}))
    expected = gradient_step(gradient_step(W, HALVES[:1]), HALVES[1:], 0.05)
    np.testing.assert_allclose(weights, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [{"name": "adam"}, {"name": "adamw", "weight_decay": 0.5}, {"name": "sgd"}],
    ids=lambda optimizer: optimizer["name"],
)
def test_first_step_of_each_optimizer(optimizer):
    weights, _ = train(make_data(((X, Y),)), make_config(optimizer=optimizer))
    # Adam's first step is the learning rate, whatever the gradient; both weights must rise here.
    expected = {
        "sgd": gradient_step(W),
        "adam": W + 0.1,
        "adamw": W * (1 - 0.1 * 0.5) + 0.1,
    }
    np.testing.assert_allclose(weights, expected[optimizer["name"]], rtol=1e-5)


def test_objectives_receive_the_progress_of_the_training():
    received = []

    def objective(model, batch, states, progress):
        if progress is not None:
            tf.py_function(lambda value: received.append(float(value)), [progress], [])
        return squared_error(model, batch, states, progress)

    train(make_data(HALVES), make_config(epochs=2), objective=objective)
    assert received == [0.0, 0.25, 0.5, 0.75]


# Epochs -----------------------------------------------------------------------------------------


def make_score(values):
    """A score that returns these values in turn."""
    values = iter(values)
    return ValidationScore("f1", lambda model: next(values))


def weights_by_epoch(epochs):
    """The weights before the first epoch and after each."""
    weights = [W]
    for _ in range(epochs):
        weights.append(gradient_step(weights[-1]))
    return weights


def test_training_stops_after_patience_epochs_without_a_better_one():
    config = make_config(epochs=9, patience=2)
    score = make_score([1.0, 3.0, 2.0, 3.0, 9.0])
    weights, rows = train(make_data(((X, Y),)), config, score=score)
    assert [row["valid_f1"] for row in rows] == [1.0, 3.0, 2.0, 3.0]
    np.testing.assert_allclose(weights, weights_by_epoch(2)[2], rtol=1e-5)


def test_without_patience_all_epochs_are_trained_and_the_best_is_kept():
    score = make_score([1, 5, 2, 3, 4])
    weights, rows = train(make_data(((X, Y),)), make_config(epochs=5), score=score)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["tokens"] for row in rows] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(weights, weights_by_epoch(2)[2], rtol=1e-5)


def test_without_a_score_the_lowest_validation_loss_is_best():
    """The validation targets are -y, so every epoch is worse than the one before."""
    weights, rows = train(make_data(((X, Y),), valid=((X, -Y),)), make_config(epochs=3))
    losses = [row["valid_loss"] for row in rows]
    assert losses == sorted(losses)
    np.testing.assert_allclose(weights, gradient_step(W), rtol=1e-5)


def test_averaged_weights_are_kept_if_they_score_higher():
    scores = [5.0, 1.0, 4.0, 5.5]  # of three epochs, then of the average of the best two
    config = make_config(epochs=3, average_epochs=2)
    weights, _ = train(make_data(((X, Y),)), config, score=make_score(scores))
    _, epoch_1, _, epoch_3 = weights_by_epoch(3)
    np.testing.assert_allclose(weights, (epoch_1 + epoch_3) / 2, rtol=1e-5)


def test_the_best_epoch_is_kept_if_averaged_weights_score_lower(monkeypatch):
    messages = []
    monkeypatch.setattr(console, "echo", messages.append)
    config = make_config(epochs=3, average_epochs=2)
    score = make_score([5.0, 1.0, 4.0, 4.5])
    weights, _ = train(make_data(((X, Y),)), config, score=score)
    np.testing.assert_allclose(weights, weights_by_epoch(1)[1], rtol=1e-5)
    assert "best epoch" in messages[-1]


def test_the_learning_rate_is_lowered_on_a_plateau():
    optimizer = {"schedule": "plateau", "factor": 0.5, "patience": 1}
    config = make_config(epochs=3, optimizer=optimizer)
    weights, _ = train(make_data(((X, Y),)), config, score=make_score([2.0, 1.0, 3.0]))
    expected = gradient_step(gradient_step(gradient_step(W)), rate=0.05)
    np.testing.assert_allclose(weights, expected, rtol=1e-5)


def nt_asgd(scores, interval, epochs):
    """Algorithm 1 of Merity et al. (2017) on HALVES, where an epoch has two steps.

    Returns:
        The weights that are validated after each epoch.
    """
    w, iterates, logs, trigger, validated = W, [W], [], None, []
    for epoch in range(epochs):
        for half in HALVES:
            w = gradient_step(w, (half,))
            iterates.append(w)
        validated.append(w if trigger is None else np.mean(iterates[trigger:], axis=0))
        t = len(logs)
        if trigger is None and t > interval and scores[epoch] < max(logs[: t - interval]):
            trigger = len(iterates) - 1
        logs.append(scores[epoch])
    return validated


@pytest.mark.parametrize(
    ("scores", "interval", "begin"),
    [
        ([6.0, 5.5, 5.0, 7.0, 8.0, 9.0], 1, 4),  # epoch 3 is worse than epoch 1
        ([5.0, 6.0, 5.5, 4.0, 8.0, 9.0], 2, 5),
        ([5.0, 6.0, 7.0, 8.0, 7.5, 9.0], 3, None),  # epoch 5 is worse than epoch 4 only
    ],
)
def test_nt_asgd_averages_all_steps_since_the_score_stopped_improving(scores, interval, begin):
    config = make_config(epochs=6, optimizer={"nonmonotone_interval": interval})
    expected = nt_asgd(scores, interval, 6)
    validated, remaining = [], iter(scores)

    def compute(model):
        validated.append(model.w.numpy()[:, 0])
        return next(remaining)

    weights, _ = train(make_data(HALVES), config, score=ValidationScore("f1", compute))
    np.testing.assert_allclose(validated, expected, rtol=1e-5)
    np.testing.assert_allclose(weights, expected[-1], rtol=1e-5)
    plain = nt_asgd(scores, 99, 6)
    differences = np.abs(np.array(expected) - plain).max(axis=1) > 1e-3
    assert list(differences) == [begin is not None and epoch >= begin for epoch in range(1, 7)]


class InterruptAt(Callback):
    """Sends the signal of Ctrl-C after a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, step, loss, gradient_norm):
        if step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", [3, 6, 7, 9])
def test_averaging_resumes_exactly(tmp_path, step):
    """The validation targets are -y: it gets worse, and averaging begins after step 6."""
    data = make_data(HALVES, valid=((X, -Y),))
    config = make_config(epochs=6, optimizer={"nonmonotone_interval": 1, "weight_decay": 0.1})
    _, expected = train(data, config)
    _, plain = train(data, make_config(epochs=6, optimizer={"weight_decay": 0.1}))
    same = [
        row["valid_loss"] == other["valid_loss"] for row, other in zip(expected, plain, strict=True)
    ]
    assert same == [True, True, True, False, False, False]
    manager = CheckpointManager(tmp_path, interval=100)
    with pytest.raises(Interrupted):
        fit(Line(), squared_error, data, config, TrainingProgress([InterruptAt(step)], manager))
    progress = TrainingProgress([], manager)
    progress.resume()
    assert progress.steps == step
    fit(Line(), squared_error, data, config, progress)
    assert progress.rows == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threads": "intra 2, inter 1"}, "another threads setting"),
        ({"kernel": "cudnn"}, "another kernel setting"),
    ],
)
def test_a_checkpoint_of_another_kernel_or_number_of_threads_is_refused(tmp_path, changes, message):
    computation = {"kernel": "fused", "threads": "intra 1, inter 1"}
    manager = CheckpointManager(tmp_path, interval=1)
    progress = TrainingProgress([], manager, computation=computation)
    fit(Line(), squared_error, make_data(HALVES), make_config(), progress)
    TrainingProgress([], manager, computation=computation).resume()
    with pytest.raises(UserError, match=message):
        TrainingProgress([], manager, computation=computation | changes).resume()


# Callbacks --------------------------------------------------------------------------------------


class Recorder(Callback):
    """Records what a training reports."""

    def __init__(self):
        self.events = []

    def on_train_begin(self, graph):
        assert isinstance(graph, tf.Graph)
        self.events.append("begin")

    def on_step_end(self, step, loss, gradient_norm):
        self.events.append((step, loss, gradient_norm))

    def on_epoch_end(self, row, sample):
        self.events.append((row["epoch"], sample.text))


def test_every_callback_receives_steps_and_epochs_in_order():
    recorders = [Recorder(), Recorder()]
    progress = TrainingProgress(recorders)
    config = make_config(epochs=2)
    fit(Line(), squared_error, make_data(HALVES), config, progress, sample=lambda model: "text")
    steps = list(zip((1, 2, 3, 4), progress.losses, progress.norms, strict=True))
    for recorder in recorders:
        assert recorder.events == ["begin", *steps[:2], (1, "text"), *steps[2:], (2, "text")]
    assert [sample.epoch for sample in progress.samples] == [1, 2]


# Divergence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 50])
def test_a_training_that_diverges_is_refused(epochs):
    """With a single step only the validation notices it."""
    config = make_config(epochs=epochs, optimizer={"learning_rate": 1e30, "clip_norm": 1e30})
    with pytest.raises(UserError, match=r"optimizer\.learning_rate"):
        train(make_data(((X, Y),)), config)
