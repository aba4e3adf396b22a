"""Loss of a batch whose rows are divided into shards, which TensorFlow runs side by side.

The sums are those of the whole batch but for their rounding; each shard draws its own dropout.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from pipelines.layers.scopes import scope
from pipelines.training.objectives import Objective


def sharded_loss(
    objective: Objective,
    model: keras.Model,
    batch: Any,
    states: Any,
    progress: tf.Tensor | None,
    count: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, Any]:
    """Compute the loss of a batch.

    Args:
        objective: the loss function.
        model: the model.
        batch: tensors whose first axis is that of the rows, B.
        states: carried states of each row.
        progress: fraction of the training that is done; None in validation.
        count: number of shards.

    Returns:
        Sum of nats, number of summands, losses that layers add (a mean over the rows), next states.
    """
    first = tf.nest.flatten(batch)[0]
    count = min(count, first.shape[0] or count)
    if count == 1:
        nats, summands, states = objective(model, batch, states, progress)
        return nats, summands, sum(model.losses), states
    rows = first.shape[0] or tf.shape(first)[0]
    all_nats, all_summands, all_added, all_states = [], [], [], []
    for number in range(count):
        with scope(f"shard_{number + 1}"):
            start, stop = rows * number // count, rows * (number + 1) // count
            shard, shard_states = tf.nest.map_structure(
                lambda part, start=start, stop=stop: part[start:stop], (batch, states)
            )
            nats, summands, next_states = objective(model, shard, shard_states, progress)
            share = tf.cast((stop - start) / rows, tf.float32)
            all_nats.append(nats)
            all_summands.append(summands)
            all_added.append(share * sum(model.losses))
            all_states.append(next_states)
    with scope("loss"):
        return (
            tf.add_n(all_nats),
            tf.add_n(all_summands),
            tf.add_n(all_added),
            tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *all_states),
        )
