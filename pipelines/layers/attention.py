"""Attention over encoder states. Shapes: B batch, T target steps, S source steps, D units."""

from __future__ import annotations

import keras
import tensorflow as tf

from pipelines.params import Score

MASKED = -1e9  # far below any score: exactly 0 after the softmax, and yet no gradient is NaN


class Attention(keras.layers.Layer):
    """Weights over all source steps, for every target step at once, and the context they give.

    Args:
        score: `additive` v . tanh(W query + U key) (Bahdanau et al. 2015, appendix A.1.2);
            `general` query . W key and `dot` query . key (Luong et al. 2015, section 3.1).
        units: width of the hidden layer of `additive`.
    """

    def __init__(self, score: Score, units: int) -> None:
        super().__init__()
        self.score, self.units = score, units

    def build(
        self, query_shape: tuple[int | None, ...], keys_shape: tuple[int | None, ...]
    ) -> None:
        """Make the weights for a query (B, T, D) and keys (B, S, K).

        Raises:
            ValueError: `dot` with D != K.
        """
        queries, keys = query_shape[-1], keys_shape[-1]
        if self.score == "additive":
            self.query_kernel = self.add_weight((queries, self.units), name="query_kernel")
            self.key_kernel = self.add_weight((keys, self.units), name="key_kernel")
            self.v = self.add_weight((self.units,), name="v", initializer="random_normal")
        elif self.score == "general":
            self.key_kernel = self.add_weight((keys, queries), name="key_kernel")
        elif queries != keys:
            raise ValueError(f"dot attention needs equal widths, not {queries} and {keys}")

    def call(
        self, query: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Attend.

        Args:
            query: (B, T, D), decoder states.
            keys: (B, S, K), encoder states.
            mask: (B, S), true on real source steps.

        Returns:
            Context (B, T, K) and weights (B, T, S): each row sums to 1 and is 0 on padding.
        """
        scores = tf.where(mask[:, None, :], self._scores(query, keys), MASKED)
        weights = tf.nn.softmax(scores)
        return tf.matmul(weights, keys), weights

    def _scores(self, query: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """(B, T, S)."""
        if self.score == "additive":
            query = tf.tensordot(query, self.query_kernel, 1)[:, :, None, :]
            keys = tf.tensordot(keys, self.key_kernel, 1)[:, None, :, :]
            return tf.einsum("btsu,u->bts", tf.tanh(query + keys), self.v)
        if self.score == "general":
            keys = tf.tensordot(keys, self.key_kernel, 1)
        return tf.matmul(query, keys, transpose_b=True)
