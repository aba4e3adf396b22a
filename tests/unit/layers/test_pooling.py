"""Poolings computed by hand, with padding, and of both directions."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.pooling import Pool
from pipelines.layers.stack import RecurrentStack

POOLINGS = ["mean", "max", "attention"]
CELLS = ["rnn", "irnn", "gru", "lstm"]
# Two texts with two units; the padding of the second must not matter.
OUTPUTS = np.array([[[1, -1], [3, -5], [2, 0]], [[-4, 2], [-2, 6], [99, 99]]], np.float32)
MASK = tf.constant([[True, True, True], [True, True, False]])
LAST = tf.constant([[2.0, 0.0], [-2.0, 6.0]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("last", LAST), ("mean", [[2, -2], [-3, 4]]), ("max", [[3, 0], [-2, 6]])],
)
def test_poolings_by_hand(kind, expected):
    pooled = Pool(kind)(tf.constant(OUTPUTS), LAST, mask=MASK)
    np.testing.assert_allclose(pooled, expected)


def test_attention_by_hand():
    pool = Pool("attention")
    pool.build((None, None, 2))
    projection, bias, query = np.array([[1.0, 0.5], [0.0, -1.0]]), np.array([0.1, -0.2]), [2.0, 1.0]
    pool.projection.set_weights([projection, bias])
    pool.query.assign(np.array(query)[:, None])
    for outputs, length, pooled in zip(
        OUTPUTS, (3, 2), pool(OUTPUTS, LAST, mask=MASK), strict=True
    ):
        scores = np.tanh(outputs[:length] @ projection + bias) @ query
        weights = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(pooled, weights @ outputs[:length], rtol=1e-5)


def test_attention_with_a_zero_query_is_the_mean():
    pool = Pool("attention")
    pool.build((None, None, 2))
    pool.query.assign(np.zeros((2, 1)))
    mean = Pool("mean")(tf.constant(OUTPUTS), LAST, mask=MASK)
    np.testing.assert_allclose(pool(tf.constant(OUTPUTS), LAST, mask=MASK), mean, rtol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("residual", [False, True])
def test_last_outputs_are_those_of_each_direction_after_the_whole_text(cell, residual):
    stack = RecurrentStack(cell, 3, 2, 0.0, bidirectional=True, residual=residual)
    outputs, states = stack(tf.random.stateless_normal((2, 3, 6), (0, 1)), mask=MASK)
    expected = np.concatenate([[outputs[0, 2, :3], outputs[1, 1, :3]], outputs[:, 0, 3:]], axis=1)
    np.testing.assert_allclose(stack.last_output(states), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", POOLINGS)
def test_no_gradient_reaches_the_padding(kind):
    pool = Pool(kind)
    outputs = tf.constant(OUTPUTS)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        loss = tf.reduce_sum(pool(outputs, LAST, mask=MASK) ** 2)
    gradient = tape.gradient(loss, outputs).numpy()
    assert not gradient[1, 2].any()
    assert gradient[0].any()
    assert np.isfinite(gradient).all()
