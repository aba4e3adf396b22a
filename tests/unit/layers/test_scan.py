"""Each recurrence against NumPy, and against Keras' own layer with its gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.cells.gru import gru_scan
from pipelines.layers.cells.lstm import lstm_scan
from pipelines.layers.cells.rnn import rnn_scan
from pipelines.layers.recurrent import Recurrent

RANDOM = np.random.default_rng(0)
CELLS = ["rnn", "irnn", "gru", "lstm"]
B, T, D, U = 4, 7, 3, 5


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _numpy_lstm(x, kernel, recurrent, bias, h, c):
    z = x @ kernel + h @ recurrent + bias
    i, f, g, o = np.split(z, 4, axis=1)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


def _numpy_gru(x, kernel, recurrent, bias, h):
    update, reset, candidate = np.split(x @ kernel + bias[0], 3, axis=1)
    of_update, of_reset, of_candidate = np.split(h @ recurrent + bias[1], 3, axis=1)
    z = _sigmoid(update + of_update)
    h_new = np.tanh(candidate + _sigmoid(reset + of_reset) * of_candidate)
    return (z * h + (1 - z) * h_new,)


def _numpy_rnn(x, kernel, recurrent, bias, h):
    return (np.tanh(x @ kernel + h @ recurrent + bias),)


def _numpy_irnn(x, kernel, recurrent, bias, h):
    return (np.maximum(x @ kernel + h @ recurrent + bias, 0),)


NUMPY = {"lstm": _numpy_lstm, "gru": _numpy_gru, "rnn": _numpy_rnn, "irnn": _numpy_irnn}


def _layer(cell):
    """A layer none of whose weights is zero, least of all its biases."""
    keras.utils.set_random_seed(3)
    layer = Recurrent(cell, U)
    layer.build((None, None, D))
    layer.set_weights([RANDOM.normal(0, 0.5, weight.shape) for weight in layer.weights])
    return layer


def _inputs():
    return tf.constant(RANDOM.normal(size=(B, T, D)), tf.float32)


def _first(cell):
    parts = RANDOM.normal(size=(2 if cell == "lstm" else 1, B, U))
    return [tf.constant(part, tf.float32) for part in parts]


@pytest.mark.parametrize("cell", CELLS)
def test_all_steps_are_those_of_numpy(cell):
    layer, x, first = _layer(cell), _inputs(), _first(cell)
    outputs, last = layer(x, state=first)
    weights = [weight.numpy() for weight in layer.recurrence.weights]
    state = tuple(part.numpy() for part in first)
    for t in range(T):
        state = NUMPY[cell](x[:, t].numpy(), *weights, *state)
        np.testing.assert_allclose(outputs[:, t], state[0], atol=1e-5)
    for ours, expected in zip(last, state, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_keras(cell):
    """Through outputs and last state, with a first state that is not zero."""
    layer, x, first = _layer(cell), _inputs(), _first(cell)
    weights = layer.recurrence.trainable_variables

    def gradients(run):
        with tf.GradientTape() as tape:
            tape.watch([x, *first])
            outputs, state = run()
            loss = tf.reduce_sum(outputs**2) + sum(tf.reduce_sum(tf.sin(part)) for part in state)
        return tape.gradient(loss, [x, *first, *weights])

    def by_keras():
        outputs, *state = layer.recurrence(x, initial_state=first)
        return outputs, state

    theirs = gradients(by_keras)
    for mine, expected in zip(gradients(lambda: layer(x, state=first)), theirs, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_stepper_one_step_at_a_time_is_all_steps(cell):
    layer, x, first = _layer(cell), _inputs(), _first(cell)
    outputs, last = layer(x, state=first)
    step, state = layer.step_fn(training=False), first
    gates = tf.tensordot(x, tf.convert_to_tensor(layer.recurrence.cell.kernel), 1)
    for t in range(T):
        output, state = step(gates[:, t], state)
        np.testing.assert_allclose(output, outputs[:, t], atol=1e-5)
    for ours, expected in zip(state, last, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def _normal(*shape):
    return tf.constant(RANDOM.normal(size=shape), tf.float32)


RUNS = {
    "lstm": (
        lambda *given: lstm_scan(*given)[0],
        lambda: (_normal(T, B, 4 * U), _normal(U, 4 * U), *_first("lstm")),
    ),
    "gru": (
        gru_scan,
        lambda: (_normal(T, B, 3 * U), _normal(U, 3 * U), _normal(3 * U), *_first("gru")),
    ),
    "irnn": (
        lambda *given: rnn_scan(*given, "relu"),
        lambda: (_normal(T, B, U), _normal(U, U), *_first("irnn")),
    ),
}


@pytest.mark.parametrize("cell", RUNS)
def test_xla_gives_the_same_steps_and_gradients(cell):
    run, arguments = RUNS[cell]
    given = arguments()

    def steps(*given):
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = run(*given)
            loss = tf.reduce_sum(outputs**2)
        return outputs, tape.gradient(loss, given)

    plain, compiled = steps(*given), tf.function(steps, jit_compile=True)(*given)
    for mine, theirs in zip(*map(tf.nest.flatten, (plain, compiled)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
