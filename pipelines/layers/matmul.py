"""Matrix products in reduced precision; everything else stays in float32."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import tensorflow as tf

Precision = Literal["bfloat16"] | None

STRIDE, SPARE = 256, 16  # columns of a kernel


class LoopFactor(ABC):
    """Right factor of a product in a loop, which multiplies in its own way."""

    @abstractmethod
    def __call__(self, left: tf.Tensor) -> tf.Tensor:
        """Multiply (B, D) by the factor."""


def matmul(left: tf.Tensor, right: tf.Tensor | LoopFactor, precision: Precision) -> tf.Tensor:
    """Multiply (..., D) by (D, E) and return (..., E) in float32.

    With `bfloat16` both factors, the product and its gradients are rounded to 8 significant bits
    (Micikevicius et al. 2018, in a format that needs no loss scaling). Weights, states and sums
    stay in float32.
    """
    if isinstance(right, LoopFactor):
        return right(left)
    if precision is None:
        return tf.tensordot(left, right, 1)
    halves = (tf.cast(side, tf.bfloat16) for side in (left, right))
    return tf.cast(tf.tensordot(*halves, 1), tf.float32)


def multiplier(right: tf.Tensor, precision: Precision) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function that multiplies (B, D) by (D, E) at every step of a loop.

    The kernel is cast and laid out once. Rows that are a multiple of 1024 bytes apart fall on the
    same cache lines, which halves the speed of such a product with AVX2: 16 unused columns of zeros
    keep them apart. No gradient passes through the function.
    """
    columns = right.shape[1]
    if precision is not None:
        right = tf.cast(right, precision)
    elif columns is not None and columns % STRIDE == 0:
        right = tf.pad(right, [[0, 0], [0, SPARE]])
    return lambda left: matmul(left, right, precision)[:, :columns]
