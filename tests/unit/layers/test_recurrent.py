"""One recurrent layer: padding, direction, carried state, first weights, weight drop, and cuDNN."""

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
    alone, state = layer(x)
    padded = np.concatenate([x, 100 * np.ones((4, 3, 3), np.float32)], axis=1)
    outputs, padded_state = layer(padded, mask=_mask([7] * 4, 10))
    np.testing.assert_allclose(outputs[:, :7], alone, atol=1e-6)
    assert not np.any(outputs[:, 7:])
    for mine, theirs in zip(padded_state, state, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_rows_of_different_length_are_as_alone(cell):
    layer, x = _layer(cell, reverse=True), _inputs()
    lengths = [7, 1, 4, 6]
    outputs, state = layer(x, mask=_mask(lengths))
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


# First weights ----------------------------------------------------------------------------------


def test_a_relu_network_starts_from_the_identity():
    _, kernel, bias = _layer("irnn").get_weights()
    np.testing.assert_array_equal(kernel, np.eye(5))
    np.testing.assert_array_equal(bias, np.zeros(5))
    _, kernel, _ = _layer("rnn").get_weights()
    assert np.abs(kernel - np.eye(5)).max() > 0.1


@pytest.mark.parametrize(("given", "expected"), [(None, 1.0), (0.0, 0.0), (2.5, 2.5)])
def test_only_the_forget_gate_has_a_bias_at_first(given, expected):
    *_, bias = _layer("lstm", forget_bias=given).get_weights()
    np.testing.assert_array_equal(bias, np.repeat([0, expected, 0, 0], 5))


# Weight drop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_dropped_weights_get_no_gradient_and_all_others_do(cell):
    layer = _layer(cell, units=24, weight_drop=0.4)
    x, seed = tf.constant(_inputs()), layer.weight_drop.seed_generator
    state = np.array(seed.state)
    with tf.GradientTape() as tape:
        outputs, _ = layer(x, training=True)
        loss = tf.reduce_sum(outputs**2)
    inward, gradient, bias = tape.gradient(loss, layer.recurrence.trainable_variables)
    seed.state.assign(state)  # the same draw again
    kept = layer.weight_drop(tf.ones(gradient.shape), training=True) > 0
    np.testing.assert_array_equal(gradient != 0, kept)
    assert np.mean(kept) == pytest.approx(0.6, abs=0.05)
    assert np.all(inward != 0)
    assert np.all(bias[-1] != 0)


@pytest.mark.parametrize("cell", CELLS)
def test_dropped_weights_are_zero_and_the_others_larger(cell):
    layer = _layer(cell, weight_drop=0.4)
    x, seed = tf.constant(_inputs()), layer.weight_drop.seed_generator
    state = np.array(seed.state)
    dropped, _ = layer(x, training=True)
    seed.state.assign(state)
    inward, kernel, bias = layer.get_weights()
    by_hand = _layer(cell)
    by_hand.set_weights([inward, layer.weight_drop(tf.constant(kernel), training=True), bias])
    np.testing.assert_allclose(dropped, by_hand(x)[0], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_no_weight_is_dropped_without_training(cell):
    layer, x = _layer(cell, weight_drop=0.4), tf.constant(_inputs())
    plain = _layer(cell)
    np.testing.assert_array_equal(layer(x)[0], plain(x)[0])
    assert np.any(layer(x, training=True)[0] != plain(x)[0])


# cuDNN ------------------------------------------------------------------------------------------


def test_kernel_without_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert [recurrent.kernel(cell) for cell in CELLS] == ["fused"] * 4


def test_kernel_with_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"])
    assert [recurrent.kernel(cell) for cell in CELLS] == ["fused", "fused", "cudnn", "cudnn"]
    assert _layer("lstm").recurrence.use_cudnn is True
    assert _layer("gru").recurrence.use_cudnn is True


def _as_on_a_gpu(monkeypatch, cell, **options):
    """A layer on the path to cuDNN, but for the kernel itself: Keras' own loop stands for it."""
    monkeypatch.setattr(recurrent, "kernel", lambda cell: "cudnn")
    layer = _layer(cell, **options)
    monkeypatch.undo()
    layer.recurrence.use_cudnn = False
    return layer


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, [7, 1, 4, 6]])
def test_the_way_to_cudnn_gives_what_the_fused_steps_give(monkeypatch, cell, reverse, lengths):
    layers = [_as_on_a_gpu(monkeypatch, cell, reverse=reverse), _layer(cell, reverse=reverse)]
    assert [layer.kernel for layer in layers] == ["cudnn", "fused"]
    x, first = tf.constant(_inputs()), layers[1].zero_state(4)
    first = [part + 0.3 for part in first]
    mask = None if lengths is None else _mask(lengths)

    def found(layer):
        with tf.GradientTape() as tape:
            tape.watch([x, *first])
            outputs, state = layer(x, mask=mask, state=first)
            loss = tf.reduce_sum(outputs**2) + sum(tf.reduce_sum(tf.sin(part)) for part in state)
        weights = layer.recurrence.trainable_variables
        return [outputs, *state, *tape.gradient(loss, [x, *first, *weights])]

    for mine, theirs in zip(*map(found, layers), strict=True):
        assert np.any(theirs)
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_weights_are_dropped_on_the_way_to_cudnn(monkeypatch, cell):
    layer = _as_on_a_gpu(monkeypatch, cell, units=24, weight_drop=0.4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant(_inputs()), training=True)[0] ** 2)
    _, gradient, _ = tape.gradient(loss, layer.recurrence.trainable_variables)
    assert np.mean(gradient == 0) == pytest.approx(0.4, abs=0.05)
