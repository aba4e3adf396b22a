"""Each recurrence compared with NumPy, and its gradients with those of Keras' layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.cells.gru import gru_scan
from pipelines.layers.cells.lstm import lstm_scan
from pipelines.layers.cells.rnn import rnn_scan
from pipelines.layers.loop import Loop
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
    h_update, h_reset, h_candidate = np.split(h @ recurrent + bias[1], 3, axis=1)
    z = _sigmoid(update + h_update)
    h_new = np.tanh(candidate + _sigmoid(reset + h_reset) * h_candidate)
    return (z * h + (1 - z) * h_new,)


def _numpy_rnn(x, kernel, recurrent, bias, h):
    return (np.tanh(x @ kernel + h @ recurrent + bias),)


def _numpy_irnn(x, kernel, recurrent, bias, h):
    return (np.maximum(x @ kernel + h @ recurrent + bias, 0),)


NUMPY = {"lstm": _numpy_lstm, "gru": _numpy_gru, "rnn": _numpy_rnn, "irnn": _numpy_irnn}


def _layer(cell):
    """Make a layer with random weights, biases included."""
    keras.utils.set_random_seed(3)
    layer = Recurrent(cell, U)
    layer.build((None, None, D))
    layer.set_weights([RANDOM.normal(0, 0.5, weight.shape) for weight in layer.weights])
    return layer


def _inputs():
    return tf.constant(RANDOM.normal(size=(B, T, D)), tf.float32)


def _initial_state(cell):
    tensors = RANDOM.normal(size=(2 if cell == "lstm" else 1, B, U))
    return [tf.constant(tensor, tf.float32) for tensor in tensors]


@pytest.mark.parametrize("cell", CELLS)
def test_steps_equal_numpy(cell):
    layer, x, initial_state = _layer(cell), _inputs(), _initial_state(cell)
    outputs, last = layer(x, state=initial_state)
    weights = [weight.numpy() for weight in layer.recurrence.weights]
    state = tuple(tensor.numpy() for tensor in initial_state)
    for t in range(T):
        state = NUMPY[cell](x[:, t].numpy(), *weights, *state)
        np.testing.assert_allclose(outputs[:, t], state[0], atol=1e-5)
    for tensor, expected in zip(last, state, strict=True):
        np.testing.assert_allclose(tensor, expected, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_equal_those_of_keras(cell):
    """The loss depends on outputs and last state; the initial state is not zero."""
    layer, x, initial_state = _layer(cell), _inputs(), _initial_state(cell)
    weights = layer.recurrence.trainable_variables

    def gradients(run):
        with tf.GradientTape() as tape:
            tape.watch([x, *initial_state])
            outputs, state = run()
            loss = tf.reduce_sum(outputs**2) + sum(tf.reduce_sum(tf.sin(s)) for s in state)
        return tape.gradient(loss, [x, *initial_state, *weights])

    def run_keras():
        outputs, *state = layer.recurrence(x, initial_state=initial_state)
        return outputs, state

    pairs = zip(gradients(lambda: layer(x, state=initial_state)), gradients(run_keras), strict=True)
    for gradient, expected in pairs:
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_step_fn_equals_all_steps_at_once(cell):
    layer, x, initial_state = _layer(cell), _inputs(), _initial_state(cell)
    outputs, last = layer(x, state=initial_state)
    step, state = layer.step_fn(training=False, loop=Loop()), initial_state
    gates = tf.tensordot(x, tf.convert_to_tensor(layer.recurrence.cell.kernel), 1)
    for t in range(T):
        output, state = step(gates[:, t], state)
        np.testing.assert_allclose(output, outputs[:, t], atol=1e-5)
    for tensor, expected in zip(state, last, strict=True):
        np.testing.assert_allclose(tensor, expected, atol=1e-5)


def _normal(*shape):
    return tf.constant(RANDOM.normal(size=shape), tf.float32)


SCANS = {
    "lstm": (
        lambda *inputs: lstm_scan(*inputs)[0],
        lambda: (_normal(T, B, 4 * U), _normal(U, 4 * U), *_initial_state("lstm")),
    ),
    "gru": (
        gru_scan,
        lambda: (_normal(T, B, 3 * U), _normal(U, 3 * U), _normal(3 * U), *_initial_state("gru")),
    ),
    "irnn": (
        lambda *inputs: rnn_scan(*inputs, "relu"),
        lambda: (_normal(T, B, U), _normal(U, U), *_initial_state("irnn")),
    ),
}


@pytest.mark.parametrize("cell", SCANS)
def test_xla_computes_the_same_steps_and_gradients(cell):
    scan, make_inputs = SCANS[cell]
    inputs = make_inputs()

    def run(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = scan(*inputs)
            loss = tf.reduce_sum(outputs**2)
        return outputs, tape.gradient(loss, inputs)

    results = tf.function(run, jit_compile=True)(*inputs), run(*inputs)
    for compiled, expected in zip(*map(tf.nest.flatten, results), strict=True):
        np.testing.assert_allclose(compiled, expected, rtol=1e-4, atol=1e-5)
