"""One recurrent layer of the project's own and what reads it, trained on a task of `tasks`.

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

LAST = 20  # batches whose mean is the loss of now: one alone is too noisy


class Network(keras.Model):
    """A recurrent layer, and at each of the last steps a linear answer.

    Args:
        cell: its entry in params.yaml.
        units: U.
        task: what it is asked.
    """

    def __init__(self, cell: params.CellConfig, units: int, task: ToyTask) -> None:
        super().__init__()
        self.recurrent = Recurrent(cell.cell, units, forget_bias=cell.forget_bias)
        self.answer = keras.layers.Dense(task.outputs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights for inputs of shape (B, T, D)."""
        self.recurrent.build(input_shape)
        self.answer.build((None, None, self.recurrent.units))

    def call(self, inputs: tf.Tensor, answers: int) -> tf.Tensor:
        """Inputs (B, T, D) -> outputs of the last steps (B, A, width)."""
        outputs, _ = self.recurrent(inputs)
        return self.answer(outputs[:, -answers:])


def begin(cell: params.CellConfig, units: int, task: ToyTask, seed: int) -> Network:
    """A network before its first step; the same weights for the same seed."""
    seed_everything(seed)
    network = Network(cell, units, task)
    network.build((None, None, task.inputs))
    return network


def examples(task: ToyTask, lag: int, count: int, seed: int, step: int) -> Examples:
    """What a step of a training reads: a pure function of seed, lag and step."""
    return task.draw(np.random.default_rng([seed, lag, step]), count, lag)


def train(
    network: Network,
    task: ToyTask,
    lag: int,
    entry: params.GradientFlow | params.LongMemory,
    seed: int,
    clip_norm: float | None,
) -> Iterator[float]:
    """Train step by step, each on examples of its own.

    Yields:
        The loss after each step, as the mean over its last `LAST` batches; not a number, and no
        more steps, once it is not finite.
    """
    optimizer = keras.optimizers.Adam(entry.learning_rate, global_clipnorm=clip_norm)
    optimizer.build(network.trainable_variables)
    follow = _step(network, task, optimizer)
    recent: list[float] = []
    for step in range(entry.steps):
        batch = examples(task, lag, entry.batch_size, seed, step + 1)
        recent = [*recent, float(follow(*map(tf.convert_to_tensor, batch)))][-LAST:]
        if not math.isfinite(recent[-1]):
            yield math.nan
            return
        yield sum(recent) / len(recent)


def _step(network: Network, task: ToyTask, optimizer: keras.optimizers.Optimizer) -> Any:
    @tf.function
    def step(inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = network(inputs, answers=targets.shape[1])
            loss = tf.reduce_mean(task.losses(outputs, targets))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    return step
