"""Pooling of the outputs of all steps into one vector. B batch, T steps, D units."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from pipelines.config.params import Pooling
from pipelines.layers.scopes import Unscoped


class Pool(Unscoped, keras.layers.Layer):
    """Pooling over time that ignores padding.

    - `last`: the output of each direction after the whole text, `RecurrentStack.last_output`.
    - `mean`, `max`: mean or maximum of each unit over time (Collobert et al. 2011, section 3.3).
    - `attention`: a weighted mean, softmax(query . tanh(W h + b)) over the steps
      (Yang et al. 2016, section 2.2, of words).

    Args:
        kind: one of these four.
    """

    def __init__(self, kind: Pooling) -> None:
        super().__init__()
        self.kind = kind
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of `attention` for outputs of shape (B, T, D)."""
        if self.kind == "attention":
            width = input_shape[-1]
            self.projection = keras.layers.Dense(width, activation="tanh")
            self.projection.build(input_shape)
            self.query = self.add_weight((width, 1), name="query")

    def call(self, outputs: tf.Tensor, last: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Pool the outputs.

        Args:
            outputs: (B, T, D).
            last: (B, D), the output after the whole text.
            mask: (B, T), true on real steps; padding is on the right, no row is all padding.

        Returns:
            (B, D).
        """
        pools: dict[Pooling, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
            "last": lambda outputs, mask: last,
            "mean": _mean,
            "max": _max,
            "attention": self._attention,
        }
        return pools[self.kind](outputs, mask)

    def _attention(self, outputs: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        scores = tf.squeeze(tf.matmul(self.projection(outputs), self.query), axis=2)  # (B, T)
        weights = tf.nn.softmax(tf.where(mask, scores, scores.dtype.min), axis=1)
        return tf.einsum("bt,btd->bd", weights, outputs)


def _mean(outputs: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    real = tf.cast(mask, outputs.dtype)[:, :, None]
    return tf.reduce_sum(outputs * real, axis=1) / tf.reduce_sum(real, axis=1)


def _max(outputs: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(tf.where(mask[:, :, None], outputs, outputs.dtype.min), axis=1)
