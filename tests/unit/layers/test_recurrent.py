"""One recurrent layer: padding, direction, carried state, initial weights, weight drop, cuDNN."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers import recurrent
from pipelines.layers.recurrent import Recurrent

RANDOM = np.random.default_rng(0)
CELLS = ["rnn", "irnn", "gru", "lstm"]


def _layer(cell, units=5, inputs=3, **options):
    keras.utils.set_random_seed(3)
    layer = Recurrent(cell, units, **options)
    layer.build((None, None, inputs))
    return layer


def _inputs(batch=4, steps=7, inputs=3):
    return RANDOM.normal(size=(batch, steps, inputs)).astype(np.float32)


def _mask(lengths, steps=7):
    return tf.constant(np.arange(steps) < np.array(lengths)[:, None])


# Padding, direction, state ----------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_changes_nothing(cell, reverse):
    layer, x = _layer(cell, reverse=reverse), _inputs()
    unpadded, state = layer(x)
    padded = np.concatenate([x, 100 * np.ones((4, 3, 3), np.float32)], axis=1)
    outputs, padded_state = layer(padded, mask=_mask([7] * 4, 10))
    np.testing.assert_allclose(outputs[:, :7], unpadded, atol=1e-6)
    assert not np.any(outputs[:, 7:])
    for tensor, expected in zip(padded_state, state, strict=True):
        np.testing.assert_allclose(tensor, expected, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_rows_of_different_lengths_are_independent(cell):
    layer, x = _layer(cell, reverse=True), _inputs()
    lengths = [7, 1, 4, 6]
    outputs, state = layer(x, mask=_mask(lengths))
    for row, length in enumerate(lengths):
        expected, expected_state = layer(x[row : row + 1, :length])
        np.testing.assert_allclose(outputs[row, :length], expected[0], atol=1e-6)
        np.testing.assert_allclose(state[-1][row], expected_state[-1][0], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_two_halves_with_carried_state_equal_the_whole(cell):
    layer, x = _layer(cell), _inputs()
    outputs, last_state = layer(x)
    first, state = layer(x[:, :3])
    second, state = layer(x[:, 3:], state=state)
    np.testing.assert_allclose(tf.concat([first, second], 1), outputs, atol=1e-6)
    np.testing.assert_allclose(state[-1], last_state[-1], atol=1e-6)


def test_reverse_reads_from_the_last_real_step():
    layer, x = _layer("rnn", reverse=True), _inputs()
    forward = _layer("rnn")
    outputs, _ = layer(x)
    reversed_outputs, _ = forward(x[:, ::-1])
    np.testing.assert_allclose(outputs, reversed_outputs[:, ::-1], atol=1e-6)


# Initial weights --------------------------------------------------------------------------------


def test_a_relu_network_starts_from_the_identity():
    _, kernel, bias = _layer("irnn").get_weights()
    np.testing.assert_array_equal(kernel, np.eye(5))
    np.testing.assert_array_equal(bias, np.zeros(5))
    _, kernel, _ = _layer("rnn").get_weights()
    assert np.abs(kernel - np.eye(5)).max() > 0.1


@pytest.mark.parametrize(("forget_bias", "expected"), [(None, 1.0), (0.0, 0.0), (2.5, 2.5)])
def test_only_the_forget_gate_has_an_initial_bias(forget_bias, expected):
    *_, bias = _layer("lstm", forget_bias=forget_bias).get_weights()
    np.testing.assert_array_equal(bias, np.repeat([0, expected, 0, 0], 5))


# Weight drop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_dropped_weights_have_no_gradient_and_all_others_have(cell):
    layer = _layer(cell, units=24, weight_drop=0.4)
    x, seed = tf.constant(_inputs()), layer.weight_drop.seed_generator
    state = np.array(seed.state)
    with tf.GradientTape() as tape:
        outputs, _ = layer(x, training=True)
        loss = tf.reduce_sum(outputs**2)
    input_gradient, gradient, bias_gradient = tape.gradient(
        loss, layer.recurrence.trainable_variables
    )
    seed.state.assign(state)  # draws the same mask
    mask = layer.weight_drop(tf.ones(gradient.shape), training=True) > 0
    np.testing.assert_array_equal(gradient != 0, mask)
    assert np.mean(mask) == pytest.approx(0.6, abs=0.05)
    assert np.all(input_gradient != 0)
    assert np.all(bias_gradient[-1] != 0)


@pytest.mark.parametrize("cell", CELLS)
def test_dropped_weights_are_zero_and_the_others_scaled(cell):
    layer = _layer(cell, weight_drop=0.4)
    x, seed = tf.constant(_inputs()), layer.weight_drop.seed_generator
    state = np.array(seed.state)
    dropped, _ = layer(x, training=True)
    seed.state.assign(state)
    input_kernel, kernel, bias = layer.get_weights()
    expected = _layer(cell)
    expected.set_weights(
        [input_kernel, layer.weight_drop(tf.constant(kernel), training=True), bias]
    )
    np.testing.assert_allclose(dropped, expected(x)[0], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_no_weight_is_dropped_without_training(cell):
    layer, x = _layer(cell, weight_drop=0.4), tf.constant(_inputs())
    without_drop = _layer(cell)
    np.testing.assert_array_equal(layer(x)[0], without_drop(x)[0])
    assert np.any(layer(x, training=True)[0] != without_drop(x)[0])


# cuDNN ------------------------------------------------------------------------------------------


def test_kernel_without_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert [recurrent.kernel(cell) for cell in CELLS] == ["fused"] * 4


def test_kernel_with_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"])
    assert [recurrent.kernel(cell) for cell in CELLS] == ["fused", "fused", "cudnn", "cudnn"]
    assert _layer("lstm").recurrence.use_cudnn is True
    assert _layer("gru").recurrence.use_cudnn is True


def _cudnn_layer(monkeypatch, cell, **options):
    """Make a layer that takes the path to cuDNN, with Keras' loop in place of the kernel."""
    monkeypatch.setattr(recurrent, "kernel", lambda cell: "cudnn")
    layer = _layer(cell, **options)
    monkeypatch.undo()
    layer.recurrence.use_cudnn = False
    return layer


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, [7, 1, 4, 6]])
def test_the_path_to_cudnn_equals_the_fused_steps(monkeypatch, cell, reverse, lengths):
    layers = [_cudnn_layer(monkeypatch, cell, reverse=reverse), _layer(cell, reverse=reverse)]
    assert [layer.kernel for layer in layers] == ["cudnn", "fused"]
    x = tf.constant(_inputs())
    initial_state = [tensor + 0.3 for tensor in layers[1].zero_state(4)]
    mask = None if lengths is None else _mask(lengths)

    def run(layer):
        with tf.GradientTape() as tape:
            tape.watch([x, *initial_state])
            outputs, state = layer(x, mask=mask, state=initial_state)
            loss = tf.reduce_sum(outputs**2) + sum(tf.reduce_sum(tf.sin(s)) for s in state)
        weights = layer.recurrence.trainable_variables
        return [outputs, *state, *tape.gradient(loss, [x, *initial_state, *weights])]

    for tensor, expected in zip(*map(run, layers), strict=True):
        assert np.any(expected)
        np.testing.assert_allclose(tensor, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_weights_are_dropped_on_the_path_to_cudnn(monkeypatch, cell):
    layer = _cudnn_layer(monkeypatch, cell, units=24, weight_drop=0.4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant(_inputs()), training=True)[0] ** 2)
    _, gradient, _ = tape.gradient(loss, layer.recurrence.trainable_variables)
    assert np.mean(gradient == 0) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_with_bfloat16_the_kernel_gets_bfloat16_and_everything_else_float32(monkeypatch, cell):
    layer = _cudnn_layer(monkeypatch, cell, precision="bfloat16")
    assert layer.recurrence.use_cudnn is False
    received = []
    steps = type(layer.recurrence).inner_loop

    def inner_loop(self, sequences, initial_state, mask, training=False):
        received.extend(tensor.dtype for tensor in (sequences, *initial_state))
        received.extend(tf.convert_to_tensor(w).dtype for w in self.cell.trainable_variables)
        return steps(self, sequences, initial_state, mask, training)

    monkeypatch.setattr(type(layer.recurrence), "inner_loop", inner_loop)
    x = tf.constant(_inputs())
    with tf.GradientTape() as tape:
        outputs, state = layer(x, mask=_mask([7, 1, 4, 6]))
        loss = tf.reduce_sum(outputs**2)
    gradients = tape.gradient(loss, layer.recurrence.trainable_variables)
    assert set(received) == {tf.bfloat16}
    weights = layer.recurrence.trainable_variables
    assert {tensor.dtype for tensor in (outputs, *state, *gradients)} == {tf.float32}
    assert {variable.dtype for variable in weights} == {"float32"}
    np.testing.assert_allclose(outputs, _layer(cell)(x, mask=_mask([7, 1, 4, 6]))[0], atol=0.03)
