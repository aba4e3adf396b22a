"""Cross entropy by hand against TensorFlow's own, values and gradients, and against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.training.losses import cross_entropy

RANDOM = np.random.default_rng(5)
V = 11


def _given(*shape):
    logits = tf.constant(RANDOM.normal(0, 3, (*shape, V)), tf.float32)
    return tf.constant(RANDOM.integers(0, V, shape), tf.int32), logits


def _gradient(loss, targets, logits):
    """Of a sum in which every place has a weight of its own."""
    weights = tf.reshape(tf.range(1, tf.size(targets) + 1, dtype=tf.float32), targets.shape)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(weights * loss(targets, logits))
    return tape.gradient(total, logits)


def _theirs(targets, logits):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


@pytest.mark.parametrize("shape", [(6,), (4, 5)])
@pytest.mark.parametrize("compiled", [False, True])
def test_values_and_gradients_are_tensorflows(shape, compiled):
    targets, logits = _given(*shape)
    ours = tf.function(cross_entropy, jit_compile=True) if compiled else cross_entropy
    np.testing.assert_allclose(ours(targets, logits), _theirs(targets, logits), atol=1e-5)
    np.testing.assert_allclose(
        _gradient(ours, targets, logits), _gradient(_theirs, targets, logits), atol=1e-5
    )


def test_smoothing_aims_at_a_mixture_of_the_right_class_and_all():
    targets, logits = _given(4, 5)
    aim = 0.7 * np.eye(V)[targets] + 0.3 / V

    def spread(targets, logits):
        return tf.nn.softmax_cross_entropy_with_logits(tf.constant(aim, tf.float32), logits)

    def ours(targets, logits):
        return cross_entropy(targets, logits, 0.3)

    np.testing.assert_allclose(ours(targets, logits), spread(targets, logits), atol=1e-5)
    np.testing.assert_allclose(
        _gradient(ours, targets, logits), _gradient(spread, targets, logits), atol=1e-5
    )


def test_logits_beyond_what_exp_can_hold():
    logits = tf.constant([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
    targets = tf.constant([1, 2])
    np.testing.assert_allclose(cross_entropy(targets, logits), [1e4, np.log(3)], rtol=1e-6)
    assert np.isfinite(_gradient(cross_entropy, targets, logits)).all()
