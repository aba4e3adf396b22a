"""Matrix products in reduced precision; everything else stays in float32."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

Precision = Literal["bfloat16"] | None


def matmul(left: tf.Tensor, right: tf.Tensor, precision: Precision) -> tf.Tensor:
    """Multiply (..., D) by (D, E) and return (..., E) in float32.

    With `bfloat16` both factors, the product and its gradients are rounded to 8 significant bits
    (Micikevicius et al. 2018, in a format that needs no loss scaling). Weights, states and sums
    stay in float32.
    """
    if precision is None:
        return tf.tensordot(left, right, 1)
    halves = (tf.cast(side, tf.bfloat16) for side in (left, right))
    return tf.cast(tf.tensordot(*halves, 1), tf.float32)
