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
    part: int = 0,
    parts: int = 1,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, Any]:
    """Compute the loss of a batch, or of one of several parts of its rows.

    Args:
        objective: the loss function.
        model: the model.
        batch: tensors whose first axis is that of the rows, B.
        states: carried states of each row of the part.
        progress: fraction of the training that is done; None in validation.
        count: number of shards of the part.
        part: number of the part.
        parts: number of parts.

    Returns:
        Sum of nats, number of summands, losses that layers add (the part's share of a mean over all
        rows), next states.
    """
    first = tf.nest.flatten(batch)[0]
    count = min(count, first.shape[0] or count)
    if count * parts == 1:
        nats, summands, states = objective(model, batch, states, progress)
        return nats, summands, sum(model.losses), states
    rows = first.shape[0] or tf.shape(first)[0]
    shards = count * parts
    origin = rows * part // parts if part else 0  # first row of the part, and of its states
    all_nats, all_summands, all_added, all_states = [], [], [], []
    for number in range(part * count, (part + 1) * count):
        with scope(f"shard_{number + 1}"):
            start, stop = rows * number // shards, rows * (number + 1) // shards
            shard = tf.nest.map_structure(
                lambda tensor, start=start, stop=stop: tensor[start:stop], batch
            )
            shard_states = tf.nest.map_structure(
                lambda tensor, start=start, stop=stop: tensor[start - origin : stop - origin],
                states,
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
