"""Compiled training and validation steps."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from pipelines.errors import UserError
from pipelines.layers.scopes import GRADIENTS, scope
from pipelines.layers.threads import shard_count
from pipelines.training.datasets import Batch, TrainingData
from pipelines.training.objectives import Objective
from pipelines.training.optimizers import clip, global_norm
from pipelines.training.shards import sharded_loss


def make_train_step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    objective: Objective,
    data: TrainingData,
    clip_norm: float | None,
) -> Any:
    """Compile the training step.

    Args:
        model: the model.
        optimizer: its optimizer.
        objective: the loss function.
        data: the batches, which give the signature.
        clip_norm: limit of the gradient's norm; None if the optimizer clips.

    Returns:
        A function (batch, states, progress) -> (sum of losses in nats, number of losses, gradient
        norm before clipping, next states).
    """

    shards = shard_count()

    @tf.function(autograph=False)
    def step(
        batch: Batch, states: Any, progress: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, Any]:
        with tf.GradientTape() as tape:
            nats, count, added, states = sharded_loss(
                objective, model, batch, states, progress, shards
            )
            with scope("loss"):
                loss = nats / count + added  # by layers: AR and TAR for instance
        with scope(GRADIENTS):
            gradients = tape.gradient(loss, model.trainable_variables)
            # The gradient of an embedding lists a word once per occurrence in the batch: only their
            # sum has the norm of the gradient.
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        with scope("clipping"):
            norm = global_norm(gradients)
            if clip_norm is not None:
                gradients = clip(gradients, norm, clip_norm)
        with scope("optimizer"):
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return nats, count, norm, states

    progress = tf.TensorSpec((), tf.float32)
    return step.get_concrete_function(data.signature, state_specs(data.initial_state), progress)


def make_validation_step(model: keras.Model, objective: Objective, data: TrainingData) -> Any:
    """Compile the validation step.

    Returns:
        A function (batch, states) -> (sum of losses in nats, number of losses, next states).
    """

    shards = shard_count()

    @tf.function(autograph=False)
    def step(batch: Batch, states: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
        nats, count, _, states = sharded_loss(objective, model, batch, states, None, shards)
        return nats, count, states

    return step.get_concrete_function(data.valid_signature, state_specs(data.valid_state))


def to_tensors(batch: Batch) -> Any:
    """Convert the arrays of a batch to tensors."""
    return tf.nest.map_structure(tf.convert_to_tensor, batch)


class MeanLoss:
    """Mean of losses over batches, in nats."""

    def __init__(self) -> None:
        self.nats, self.count = 0.0, 0.0

    def add(self, nats: tf.Tensor | float, count: tf.Tensor | float) -> float:
        """Add the losses of a batch and return their own mean.

        Raises:
            UserError: the loss is infinite or not a number.
        """
        nats, count = float(nats), float(count)
        self.nats, self.count = self.nats + nats, self.count + count
        if not math.isfinite(self.nats):
            raise UserError(
                "The training diverged: its loss is not finite. Lower "
                "optimizer.learning_rate or optimizer.clip_norm of this model in "
                "params.yaml. No file was written."
            )
        return nats / count

    @property
    def value(self) -> float:
        """Mean of the losses added so far."""
        return self.nats / self.count


def state_specs(states: Any) -> Any:
    """Return the tensor specs of carried states."""
    return tf.nest.map_structure(lambda state: tf.TensorSpec(state.shape, state.dtype), states)
