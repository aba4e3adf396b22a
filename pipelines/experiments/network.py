"""Network of one recurrent layer, trained on a synthetic task.

Shapes: B batch, T steps, D inputs, U units, A answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.config import params
from pipelines.experiments.synthetic_tasks import Examples, ToyTask
from pipelines.layers.recurrent import Recurrent
from pipelines.training.seeding import seed_everything

LOSS_WINDOW = 20  # batches over which the loss is averaged, because one batch is too noisy


class Network(keras.Model):
    """Recurrent layer with a linear output layer, which is read at the last steps.

    Args:
        cell: the cell's entry in params.yaml.
        units: U.
        task: the task, which determines the width of the outputs.
    """

    def __init__(self, cell: params.CellConfig, units: int, task: ToyTask) -> None:
        super().__init__()
        self.recurrent = Recurrent(cell.cell, units, forget_bias=cell.forget_bias)
        self.output_layer = keras.layers.Dense(task.outputs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of shape (B, T, D)."""
        self.recurrent.build(input_shape)
        self.output_layer.build((None, None, self.recurrent.units))

    def call(self, inputs: tf.Tensor, answers: int) -> tf.Tensor:
        """Compute the outputs of the last A steps: (B, T, D) -> (B, A, width)."""
        outputs, _ = self.recurrent(inputs)
        return self.output_layer(outputs[:, -answers:])


def make_network(cell: params.CellConfig, units: int, task: ToyTask, seed: int) -> Network:
    """Create a network; the same seed gives the same weights."""
    seed_everything(seed)
    network = Network(cell, units, task)
    network.build((None, None, task.inputs))
    return network


def draw_examples(task: ToyTask, lag: int, count: int, seed: int, step: int) -> Examples:
    """Draw the examples of a training step, which depend only on the arguments."""
    return task.draw(np.random.default_rng([seed, lag, step]), count, lag)


def train(
    network: Network,
    task: ToyTask,
    lag: int,
    entry: params.GradientFlow | params.LongMemory,
    seed: int,
    clip_norm: float | None,
) -> Iterator[float]:
    """Train a network by Adam, with new examples at each step.

    Args:
        network: the network to train.
        task: the task to train on.
        lag: lag of the examples.
        entry: the experiment's entry in params.yaml.
        seed: seed of the examples.
        clip_norm: maximal norm of the gradient; None for no clipping.

    Yields:
        Mean loss of the last `LOSS_WINDOW` batches after each step. If the loss is not finite,
        yields NaN and stops.
    """
    optimizer = keras.optimizers.Adam(entry.learning_rate, global_clipnorm=clip_norm)
    optimizer.build(network.trainable_variables)
    train_step = _make_train_step(network, task, optimizer)
    losses: list[float] = []
    for step in range(entry.steps):
        batch = draw_examples(task, lag, entry.batch_size, seed, step + 1)
        losses = [*losses, float(train_step(*map(tf.convert_to_tensor, batch)))][-LOSS_WINDOW:]
        if not math.isfinite(losses[-1]):
            yield math.nan
            return
        yield sum(losses) / len(losses)


def _make_train_step(network: Network, task: ToyTask, optimizer: keras.optimizers.Optimizer) -> Any:
    """Compile the training step: inputs (B, T, D) and targets (B, A) -> mean loss."""

    @tf.function
    def step(inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = network(inputs, answers=targets.shape[1])
            loss = tf.reduce_mean(task.losses(outputs, targets))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    return step
