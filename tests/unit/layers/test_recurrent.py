"""Recurrent layers against an independent NumPy forward pass, Keras' own gradients, and padding."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.recurrent import Recurrent, RecurrentStack, kernel, lstm_steps

RANDOM = np.random.default_rng(0)
CELLS = ["rnn", "gru", "lstm"]


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _numpy_lstm(x, kernel_, recurrent, bias):
    """(B, T, D) -> hidden (B, T, U) and the last memory, one step at a time."""
    units = recurrent.shape[0]
    h, c = np.zeros((len(x), units)), np.zeros((len(x), units))
    hidden = []
    for t in range(x.shape[1]):
        z = x[:, t] @ kernel_ + h @ recurrent + bias
        i, f, g, o = np.split(z, 4, axis=1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        hidden.append(h)
    return np.stack(hidden, 1), c


def _layer(cell, units=5, inputs=3, **options):
    keras.utils.set_random_seed(3)
    layer = Recurrent(cell, units, **options)
    layer.build((None, None, inputs))
    return layer


def _inputs(batch=4, steps=7, inputs=3):
    return RANDOM.normal(size=(batch, steps, inputs)).astype(np.float32)


def test_lstm_is_the_numpy_lstm():
    layer, x = _layer("lstm"), _inputs()
    outputs, (h, c) = layer(x)
    weights = [weight.numpy() for weight in layer.recurrence.weights]
    hidden, memory = _numpy_lstm(x, *weights)
    np.testing.assert_allclose(outputs, hidden, atol=1e-6)
    np.testing.assert_allclose(h, hidden[:, -1], atol=1e-6)
    np.testing.assert_allclose(c, memory, atol=1e-6)


def test_rnn_is_the_numpy_rnn():
    layer, x = _layer("rnn"), _inputs()
    inward, recurrent, bias = (weight.numpy() for weight in layer.recurrence.weights)
    h = np.zeros((4, 5))
    for t in range(7):
        h = np.tanh(x[:, t] @ inward + h @ recurrent + bias)
    np.testing.assert_allclose(layer(x)[1][0], h, atol=1e-6)


def test_lstm_gradient_by_hand_is_the_gradient_of_keras():
    """Through outputs and both parts of the last state, with a first state that is not zero."""
    layer, x = _layer("lstm"), tf.constant(_inputs())
    first = [tf.constant(RANDOM.normal(size=(4, 5)), tf.float32) for _ in range(2)]
    weights = layer.recurrence.trainable_variables

    def gradients(run):
        with tf.GradientTape() as tape:
            tape.watch([x, *first])
            outputs, (h, c) = run()
            loss = tf.reduce_sum(outputs**2) + tf.reduce_sum(h**3) + tf.reduce_sum(tf.sin(c))
        return tape.gradient(loss, [x, *first, *weights])

    def by_keras():
        outputs, h, c = layer.recurrence(x, initial_state=first)
        return outputs, (h, c)

    ours = gradients(lambda: layer(x, state=first))
    for mine, theirs in zip(ours, gradients(by_keras), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_changes_nothing(cell, reverse):
    layer, x = _layer(cell, reverse=reverse), _inputs()
    alone, state = layer(x)
    padded = np.concatenate([x, 100 * np.ones((4, 3, 3), np.float32)], axis=1)
    mask = np.arange(10) < 7
    outputs, padded_state = layer(padded, mask=tf.constant(np.tile(mask, (4, 1))))
    np.testing.assert_allclose(outputs[:, :7], alone, atol=1e-6)
    assert not np.any(outputs[:, 7:])
    for mine, theirs in zip(padded_state, state, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_rows_of_different_length_are_as_alone(cell):
    layer, x = _layer(cell, reverse=True), _inputs()
    lengths = [7, 1, 4, 6]
    mask = tf.constant(np.arange(7) < np.array(lengths)[:, None])
    outputs, state = layer(x, mask=mask)
    for row, length in enumerate(lengths):
        alone, alone_state = layer(x[row : row + 1, :length])
        np.testing.assert_allclose(outputs[row, :length], alone[0], atol=1e-6)
        np.testing.assert_allclose(state[-1][row], alone_state[-1][0], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_state_carried_over_two_halves_is_one_run(cell):
    layer, x = _layer(cell), _inputs()
    whole, last = layer(x)
    first, state = layer(x[:, :3])
    second, end = layer(x[:, 3:], state=state)
    np.testing.assert_allclose(tf.concat([first, second], 1), whole, atol=1e-6)
    np.testing.assert_allclose(end[-1], last[-1], atol=1e-6)


def test_reverse_reads_from_the_last_real_step():
    layer, x = _layer("rnn", reverse=True), _inputs()
    forward = _layer("rnn")
    outputs, _ = layer(x)
    turned, _ = forward(x[:, ::-1])
    np.testing.assert_allclose(outputs, turned[:, ::-1], atol=1e-6)


def test_bidirectional_stack_concatenates_both_ways():
    keras.utils.set_random_seed(3)
    stack = RecurrentStack("lstm", 5, layers=2, dropout=0.0, bidirectional=True)
    outputs, states = stack(tf.constant(_inputs()))
    assert outputs.shape == (4, 7, 10)
    assert [[part.shape for part in state] for state in states] == [[(4, 10), (4, 10)]] * 2
    # The forward half of the state is its last output, the backward half its first.
    np.testing.assert_allclose(states[1][0][:, :5], outputs[:, -1, :5], atol=1e-6)
    np.testing.assert_allclose(states[1][0][:, 5:], outputs[:, 0, 5:], atol=1e-6)


def test_kernel_without_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert [kernel(cell) for cell in CELLS] == ["loop", "loop", "fused"]


def test_kernel_with_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"])
    assert [kernel(cell) for cell in CELLS] == ["loop", "cudnn", "cudnn"]
    assert _layer("lstm").recurrence.use_cudnn is True


def test_xla_gives_the_same_steps():
    layer, x = _layer("lstm"), _inputs()
    gates = tf.transpose(
        tf.tensordot(x, layer.recurrence.cell.kernel, 1) + layer.recurrence.cell.bias, (1, 0, 2)
    )
    arguments = (gates, tf.constant(layer.recurrence.cell.recurrent_kernel), *layer.zero_state(4))
    plain = lstm_steps(*arguments)
    compiled = tf.function(lstm_steps, jit_compile=True)(*arguments)
    np.testing.assert_allclose(plain[0], compiled[0], atol=1e-6)
