"""Gradients of embeddings by several workers: only the rows that a batch uses are summed.

The gradient of an embedding is 0 but for the rows of the ids of the batch. Each worker has the ids
of the whole batch, so that all know without a message which rows any of them uses.

Shapes: V vocabulary, D width, K used rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from pipelines.training.datasets import Batch


class UsedRows(NamedTuple):
    """The rows of an embedding that a batch uses.

    Attributes:
        ids: (K,), in ascending order.
        positions: (V,), the position of each id in `ids`.
    """

    ids: tf.Tensor
    positions: tf.Tensor

    def select(self, gradient: tf.IndexedSlices) -> tf.Tensor:
        """Return the used rows (K, D) of a gradient, which lists a row for each occurrence."""
        positions = tf.gather(self.positions, gradient.indices)
        return tf.math.unsorted_segment_sum(gradient.values, positions, tf.size(self.ids))

    def expand(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the whole gradient (V, D) from its used rows (K, D)."""
        return tf.math.unsorted_segment_sum(rows, self.ids, self.positions.shape[0])


def used_rows(gradients: Sequence[Any], batch: Batch) -> dict[int, UsedRows]:
    """Return the used rows of those gradients that look up ids of the batch and nothing else.

    Args:
        gradients: of a part of the batch, in the function that is being traced.
        batch: tensors of the whole batch.

    Returns:
        The used rows by the number of the gradient. All other gradients are dense, or look up ids
        that a model has computed.
    """
    leaves = {id(leaf) for leaf in tf.nest.flatten(batch)}
    rows = {}
    for number, gradient in enumerate(gradients):
        if isinstance(gradient, tf.IndexedSlices):
            origins = _origins(gradient.indices)
            if all(id(origin) in leaves for origin in origins):
                rows[number] = _rows(origins, gradient.shape[0])
    return rows


def _rows(ids: Sequence[tf.Tensor], size: int) -> UsedRows:
    """Return the rows that any of the ids selects, given V."""
    places = tf.concat([tf.reshape(part, (-1, 1)) for part in ids], axis=0)
    counts = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [size])
    is_used = counts > 0
    positions = tf.cumsum(tf.cast(is_used, tf.int32), exclusive=True)
    return UsedRows(tf.reshape(tf.where(is_used), [-1]), positions)


def _origins(ids: tf.Tensor) -> list[tf.Tensor]:
    """Return the tensors of which ids are parts, whatever their order and shape."""
    operation = ids.op
    inputs: Sequence[tf.Tensor] = ()
    if operation.type in ("Identity", "Reshape", "StridedSlice"):
        inputs = operation.inputs[:1]
    elif operation.type == "ConcatV2":
        inputs = operation.inputs[:-1]
    elif operation.type == "SelectV2" and _is_negative(*operation.inputs[::2]):
        inputs = operation.inputs[2:]  # Keras adds V to negative ids; no batch has any
    if not inputs:
        return [ids]
    origins = {id(origin): origin for part in inputs for origin in _origins(part)}
    return list(origins.values())


def _is_negative(condition: tf.Tensor, ids: tf.Tensor) -> bool:
    """Return True if a condition is `ids < 0`."""
    operation = condition.op
    return (
        operation.type == "Less"
        and operation.inputs[0] is ids
        and tf.get_static_value(operation.inputs[1]) == 0
    )
