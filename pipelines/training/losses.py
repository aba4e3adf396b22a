"""Cross entropy with a hand-written gradient: TensorFlow's is the slowest step of a wide softmax.

Shapes: N of any number of dimensions, V classes.
"""

from __future__ import annotations

import tensorflow as tf

from pipelines.layers.scopes import custom_gradient


def cross_entropy(targets: tf.Tensor, logits: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    """Compute the cross entropy of the right classes.

    Args:
        targets: (*N), the right classes.
        logits: (*N, V).
        smoothing: fraction of the probability spread evenly over all classes (Szegedy et al. 2016,
            section 7).

    Returns:
        Nats, (*N).
    """
    size = tf.shape(logits)[-1]
    right = tf.stack([tf.range(tf.size(targets)), tf.reshape(targets, (-1,))], axis=1)

    @custom_gradient
    def run(flat: tf.Tensor) -> tuple[tf.Tensor, object]:
        top = tf.reduce_max(flat, axis=1)
        # One operation of oneDNN; the highest probability is 1 / sum(exp(logit - top)).
        probabilities = tf.nn.softmax(flat)
        total = 1 / tf.reduce_max(probabilities, axis=1)
        # The largest logit is subtracted first: log(total) would vanish beside a large one.
        nats = tf.math.log(total) - (1 - smoothing) * (tf.gather_nd(flat, right) - top)
        if smoothing:
            nats -= smoothing * (tf.reduce_mean(flat, axis=1) - top)

        def gradient(d_nats: tf.Tensor) -> tf.Tensor:
            d_flat = probabilities * d_nats[:, None]
            if smoothing:
                d_flat -= (d_nats * smoothing / tf.cast(size, tf.float32))[:, None]
            return tf.tensor_scatter_nd_sub(d_flat, right, (1 - smoothing) * d_nats)

        return nats, gradient

    return tf.reshape(run(tf.reshape(logits, (-1, size))), tf.shape(targets))
