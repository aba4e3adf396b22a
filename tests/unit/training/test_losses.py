"""Cross entropy against TensorFlow's, values and gradients, and against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.training.losses import cross_entropy

RANDOM = np.random.default_rng(5)
V = 11


def make_example(*shape):
    logits = tf.constant(RANDOM.normal(0, 3, (*shape, V)), tf.float32)
    return tf.constant(RANDOM.integers(0, V, shape), tf.int32), logits


def gradient_of(loss, targets, logits):
    """Gradient of a sum in which every position has a weight of its own."""
    weights = tf.reshape(tf.range(1, tf.size(targets) + 1, dtype=tf.float32), targets.shape)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(weights * loss(targets, logits))
    return tape.gradient(total, logits)


def tensorflow_loss(targets, logits):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


@pytest.mark.parametrize("shape", [(6,), (4, 5)])
@pytest.mark.parametrize("compiled", [False, True])
def test_values_and_gradients_equal_tensorflows(shape, compiled):
    targets, logits = make_example(*shape)
    loss = tf.function(cross_entropy, jit_compile=True) if compiled else cross_entropy
    np.testing.assert_allclose(loss(targets, logits), tensorflow_loss(targets, logits), atol=1e-5)
    np.testing.assert_allclose(
        gradient_of(loss, targets, logits),
        gradient_of(tensorflow_loss, targets, logits),
        atol=1e-5,
    )


def test_label_smoothing_mixes_the_right_class_with_all_classes():
    targets, logits = make_example(4, 5)
    distribution = 0.7 * np.eye(V)[targets] + 0.3 / V

    def expected(targets, logits):
        return tf.nn.softmax_cross_entropy_with_logits(
            tf.constant(distribution, tf.float32), logits
        )

    def smoothed(targets, logits):
        return cross_entropy(targets, logits, 0.3)

    np.testing.assert_allclose(smoothed(targets, logits), expected(targets, logits), atol=1e-5)
    np.testing.assert_allclose(
        gradient_of(smoothed, targets, logits), gradient_of(expected, targets, logits), atol=1e-5
    )


def test_large_logits_do_not_overflow():
    logits = tf.constant([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
    targets = tf.constant([1, 2])
    np.testing.assert_allclose(cross_entropy(targets, logits), [1e4, np.log(3)], rtol=1e-6)
    assert np.isfinite(gradient_of(cross_entropy, targets, logits)).all()
