"""The pools by hand, with padding and both ways."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.pooling import Pool
from pipelines.layers.stack import RecurrentStack

POOLS = ["last", "mean", "max", "attention"]
CELLS = ["rnn", "irnn", "gru", "lstm"]
# Two texts of two units, the second one step shorter; what stands on its padding must not matter.
OUTPUTS = np.array([[[1, -1], [3, -5], [2, 0]], [[-4, 2], [-2, 6], [99, 99]]], np.float32)
MASK = tf.constant([[True, True, True], [True, True, False]])


@pytest.mark.parametrize(
    ("kind", "units", "expected"),
    [
        ("last", 2, [[2, 0], [-2, 6]]),
        ("last", 1, [[2, -1], [-2, 2]]),  # the second unit is that of the backward layer
        ("mean", 2, [[2, -2], [-3, 4]]),
        ("max", 2, [[3, 0], [-2, 6]]),
    ],
)
def test_pools_by_hand(kind, units, expected):
    found = Pool(kind, units)(tf.constant(OUTPUTS), mask=MASK)
    np.testing.assert_allclose(found, expected)


def test_attention_by_hand():
    pool = Pool("attention", 2)
    pool.build((None, None, 2))
    projection, bias, query = np.array([[1.0, 0.5], [0.0, -1.0]]), np.array([0.1, -0.2]), [2.0, 1.0]
    pool.projection.set_weights([projection, bias])
    pool.query.assign(np.array(query)[:, None])
    for outputs, real, found in zip(OUTPUTS, (3, 2), pool(OUTPUTS, mask=MASK), strict=True):
        scores = np.tanh(outputs[:real] @ projection + bias) @ query
        weights = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(found, weights @ outputs[:real], rtol=1e-5)


def test_attention_that_asks_nothing_is_the_mean():
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
    found = Pool("last", 3)(outputs, mask=MASK)
    np.testing.assert_array_equal(found, states[-1][0])


def test_last_of_a_residual_stack_has_the_layers_below_in_it():
    stack = RecurrentStack("lstm", 3, 2, 0.0, residual=True)
    outputs, states = stack(tf.random.stateless_normal((2, 3, 3), (0, 1)), mask=MASK)
    found = Pool("last", 3)(outputs, mask=MASK)
    np.testing.assert_allclose(found, states[0][0] + states[1][0], rtol=1e-6)


@pytest.mark.parametrize("kind", POOLS)
def test_no_gradient_reaches_the_padding(kind):
    pool = Pool(kind, 2)
    outputs = tf.constant(OUTPUTS)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        found = tf.reduce_sum(pool(outputs, mask=MASK) ** 2)
    gradient = tape.gradient(found, outputs).numpy()
    assert not gradient[1, 2].any()
    assert gradient[0].any()
    assert np.isfinite(gradient).all()
