"""Attention over encoder states. Shapes: B batch, T target steps, S source steps, D units."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from pipelines.config.params import Score
from pipelines.layers.loop import Loop
from pipelines.layers.scopes import Unscoped

MASKED = -1e9  # exactly 0 after the softmax, without NaN gradients


class _Weights(NamedTuple):
    """Weights of the scores besides the kernels; None where a score has no such weight."""

    v: tf.Tensor | None
    scale: tf.Tensor | None
    coverage_kernel: tf.Tensor | None


class Attention(Unscoped, keras.layers.Layer):
    """Attention over all source steps, for every target step at once.

    Args:
        score: `additive` v . tanh(W query + U key) (Bahdanau et al. 2015, appendix A.1.2);
            `dot` query . key, `general` query . W key (Luong et al. 2015, section 3.1), `scaled`
            g (query . W key) with a trainable g (`scaled_luong` of tensorflow/nmt, Luong et al.
            2017: TensorFlow's LuongAttention with `scale=True`; Luong et al. 2015 have no g),
            `coverage` v . tanh(W query + U key + w c) where c is the sum of the previous attention
            weights of a source step (See et al. 2017, section 2.3, without the coverage loss).
        units: width of the hidden layer of `additive` and `coverage`.
    """

    def __init__(self, score: Score, units: int) -> None:
        super().__init__()
        self.score, self.units = score, units
        self.is_additive = score in ("additive", "coverage")

    def build(
        self, query_shape: tuple[int | None, ...], keys_shape: tuple[int | None, ...]
    ) -> None:
        """Create the weights for a query (B, T, D) and keys (B, S, K).

        Raises:
            ValueError: `dot` with D != K.
        """
        queries, keys = query_shape[-1], keys_shape[-1]
        if self.is_additive:
            self.query_kernel = self.add_weight((queries, self.units), name="query_kernel")
            self.key_kernel = self.add_weight((keys, self.units), name="key_kernel")
            self.v = self.add_weight((self.units,), name="v", initializer="random_normal")
        elif self.score in ("general", "scaled"):
            self.key_kernel = self.add_weight((keys, queries), name="key_kernel")
        elif queries != keys:
            raise ValueError(f"dot attention needs equal widths, not {queries} and {keys}")
        if self.score == "scaled":
            self.scale = self.add_weight((), name="scale", initializer="ones")
        if self.score == "coverage":
            self.coverage_kernel = self.add_weight((self.units,), name="coverage_kernel")

    def project(self, keys: tf.Tensor) -> tf.Tensor:
        """Project keys (B, S, K) to (B, S, D or units), once for all target steps."""
        if self.score == "dot":
            return keys
        return tf.tensordot(keys, self.key_kernel, 1)

    def call(
        self,
        query: tf.Tensor,
        keys: tf.Tensor,
        mask: tf.Tensor,
        projected: tf.Tensor | None = None,
        coverage: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Compute the context of each target step.

        Args:
            query: (B, T, D), decoder states.
            keys: (B, S, K), encoder states.
            mask: (B, S), true on real source steps.
            projected: result of `project(keys)`; computed if None.
            coverage: (B, S), sum of the weights of all previous steps, for `coverage`.

        Returns:
            Context (B, T, K) and weights (B, T, S): each row sums to 1 and is 0 on padding.
        """
        projected = self.project(keys) if projected is None else projected
        if self.is_additive:
            query = tf.tensordot(query, self.query_kernel, 1)
        weights = self._attend(query, projected, mask, coverage, self._weights())
        return tf.matmul(weights, keys), weights

    def step_fn(
        self, keys: tf.Tensor, mask: tf.Tensor, projected: tf.Tensor, loop: Loop
    ) -> Callable[[tf.Tensor, tf.Tensor | None], tuple[tf.Tensor, tf.Tensor]]:
        """Return a function that attends at one step of a loop.

        The function takes a query (B, D), and the coverage (B, S) or None, and returns the context
        (B, K) and the weights (B, S).
        """
        values, projected = loop.kernel(keys), loop.constant(projected)
        query_kernel = loop.kernel(self.query_kernel) if self.is_additive else None
        weights = _Weights(*(w if w is None else loop.constant(w) for w in self._weights()))

        def step(query: tf.Tensor, coverage: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
            query = query if query_kernel is None else query_kernel(query)
            attention = self._attend(query[:, None], projected, mask, coverage, weights)[:, 0]
            return values(attention), attention

        return step

    def _weights(self) -> _Weights:
        return _Weights(
            self.v if self.is_additive else None,
            self.scale if self.score == "scaled" else None,
            self.coverage_kernel if self.score == "coverage" else None,
        )

    def _attend(
        self,
        query: tf.Tensor,
        projected: tf.Tensor,
        mask: tf.Tensor,
        coverage: tf.Tensor | None,
        weights: _Weights,
    ) -> tf.Tensor:
        """Return the attention weights (B, T, S); the query of additive scores is projected."""
        if self.is_additive:
            hidden = query[:, :, None, :] + projected[:, None, :, :]
            if coverage is not None:
                hidden += coverage[:, None, :, None] * weights.coverage_kernel
            scores = tf.tensordot(tf.tanh(hidden), weights.v, 1)
        else:
            scores = tf.matmul(query, projected, transpose_b=True)
            scores = scores if weights.scale is None else weights.scale * scores
        return tf.nn.softmax(tf.where(mask[:, None, :], scores, MASKED))
