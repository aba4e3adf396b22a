"""Poolings computed by hand, with padding, and of both directions."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.pooling import Pool
from pipelines.layers.stack import RecurrentStack

POOLINGS = ["last", "mean", "max", "attention"]
CELLS = ["rnn", "irnn", "gru", "lstm"]
# Two texts with two units; the padding of the second must not matter.
OUTPUTS = np.array([[[1, -1], [3, -5], [2, 0]], [[-4, 2], [-2, 6], [99, 99]]], np.float32)
MASK = tf.constant([[True, True, True], [True, True, False]])


@pytest.mark.parametrize(
    ("kind", "units", "expected"),
    [
        ("last", 2, [[2, 0], [-2, 6]]),
        ("last", 1, [[2, -1], [-2, 2]]),  # the second unit is of the backward layer
        ("mean", 2, [[2, -2], [-3, 4]]),
        ("max", 2, [[3, 0], [-2, 6]]),
    ],
)
def test_poolings_by_hand(kind, units, expected):
    pooled = Pool(kind, units)(tf.constant(OUTPUTS), mask=MASK)
    np.testing.assert_allclose(pooled, expected)


def test_attention_by_hand():
    pool = Pool("attention", 2)
    pool.build((None, None, 2))
    projection, bias, query = np.array([[1.0, 0.5], [0.0, -1.0]]), np.array([0.1, -0.2]), [2.0, 1.0]
    pool.projection.set_weights([projection, bias])
    pool.query.assign(np.array(query)[:, None])
    for outputs, length, pooled in zip(OUTPUTS, (3, 2), pool(OUTPUTS, mask=MASK), strict=True):
        scores = np.tanh(outputs[:length] @ projection + bias) @ query
        weights = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(pooled, weights @ outputs[:length], rtol=1e-5)


def test_attention_with_a_zero_query_is_the_mean():
    pool = Pool("attention", 2)
    pool.build((None, None, 2))
    pool.query.assign(np.zeros((2, 1)))
    mean = Pool("mean", 2)(tf.constant(OUTPUTS), mask=MASK)
    np.testing.assert_allclose(pool(tf.constant(OUTPUTS), mask=MASK), mean, rtol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_last_is_the_last_state_of_the_top_layer(cell, bidirectional):
    stack = RecurrentStack(cell, 3, 2, 0.0, bidirectional)
    inputs = tf.random.stateless_normal((2, 3, 4), (0, 1))
    outputs, states = stack(inputs, mask=MASK)
    pooled = Pool("last", 3)(outputs, mask=MASK)
    np.testing.assert_array_equal(pooled, states[-1][0])


def test_last_of_a_residual_stack_includes_the_layers_below():
    stack = RecurrentStack("lstm", 3, 2, 0.0, residual=True)
    outputs, states = stack(tf.random.stateless_normal((2, 3, 3), (0, 1)), mask=MASK)
    pooled = Pool("last", 3)(outputs, mask=MASK)
    np.testing.assert_allclose(pooled, states[0][0] + states[1][0], rtol=1e-6)


@pytest.mark.parametrize("kind", POOLINGS)
def test_no_gradient_reaches_the_padding(kind):
    pool = Pool(kind, 2)
    outputs = tf.constant(OUTPUTS)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        loss = tf.reduce_sum(pool(outputs, mask=MASK) ** 2)
    gradient = tape.gradient(loss, outputs).numpy()
    assert not gradient[1, 2].any()
    assert gradient[0].any()
    assert np.isfinite(gradient).all()
