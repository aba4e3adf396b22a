"""Matrix products in bfloat16: only the products are rounded."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.matmul import matmul, multiplier
from pipelines.layers.recurrent import Recurrent

RANDOM = np.random.default_rng(0)


def _matrices():
    return (tf.constant(RANDOM.normal(size=(2, 3, 16)), tf.float32),
            tf.constant(RANDOM.normal(size=(16, 5)), tf.float32))  # fmt: skip


def test_without_a_precision_the_product_is_exact():
    left, right = _matrices()
    np.testing.assert_allclose(matmul(left, right, None), left.numpy() @ right, atol=1e-5)


def test_bfloat16_is_close_and_returns_float32():
    left, right = _matrices()
    exact, rounded = left.numpy() @ right.numpy(), matmul(left, right, "bfloat16")
    assert rounded.dtype == tf.float32
    error = np.abs(rounded - exact).max() / np.abs(exact).max()
    assert 1e-4 < error < 2e-2


@pytest.mark.parametrize("columns", [5, 256, 512])
def test_the_product_of_a_loop_equals_a_plain_product(columns):
    left, right = (RANDOM.normal(size=shape).astype(np.float32) for shape in ((2, 6), (6, columns)))
    product = multiplier(tf.constant(right), None)(tf.constant(left))
    assert product.shape == (2, columns)
    np.testing.assert_allclose(product, left @ right, atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "irnn", "gru", "lstm"])
def test_a_bfloat16_layer_is_close_and_its_weights_stay_float32(cell):
    inputs = tf.constant(RANDOM.normal(size=(4, 7, 8)), tf.float32)
    layers = [Recurrent(cell, 16, precision=precision) for precision in (None, "bfloat16")]
    results = []
    for layer in layers:
        layer.build((None, None, 8))
        layer.set_weights(layers[0].get_weights())
        with tf.GradientTape() as tape:
            outputs, _ = layer(inputs)
            loss = tf.reduce_mean(outputs**2)
        results.append((outputs, *tape.gradient(loss, layer.recurrence.trainable_variables)))
        assert {weight.dtype for weight in layer.weights} == {"float32"}
    for exact, rounded in zip(*results, strict=True):
        assert rounded.dtype == tf.float32
        error = np.abs(rounded - exact).max() / np.abs(exact).max()
        assert 1e-6 < error < 3e-2
