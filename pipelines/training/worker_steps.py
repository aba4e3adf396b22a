"""Compiled training and validation steps of several workers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from pipelines.layers.scopes import GRADIENTS, scope
from pipelines.layers.threads import shard_count
from pipelines.training.datasets import Batch, TrainingData
from pipelines.training.objectives import Objective
from pipelines.training.optimizers import clip, global_norm
from pipelines.training.shards import sharded_loss
from pipelines.training.steps import state_specs
from pipelines.training.used_rows import UsedRows, used_rows
from pipelines.training.worker_seeds import WorkerSeeds
from pipelines.training.workers import Workers, sum_over_replicas

SCALAR = tf.TensorSpec((), tf.float32)


class WorkerTrainStep:
    """Training step of several workers; it is called like that of one process.

    Args:
        model: the model.
        optimizer: its optimizer.
        objective: the loss function.
        data: the batches, with the carried states of this process.
        clip_norm: limit of the gradient's norm; None if the optimizer clips.
        workers: the workers.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        objective: Objective,
        data: TrainingData,
        clip_norm: float | None,
        workers: Workers,
    ) -> None:
        self._workers = workers
        # The gradients that the optimizer gets are sums over all workers already.
        optimizer._all_reduce_sum_gradients = lambda gradients: gradients
        shards, seeds = shard_count(), WorkerSeeds(model, workers.replicas)
        weights = model.trainable_variables

        def replica_step(
            part: int,
            batch: Batch,
            states: Any,
            progress: tf.Tensor,
            request: tf.Tensor,
            *seeding: Any,
        ) -> tuple[tuple[list[tf.Tensor], Any], Any]:
            with seeds.of_replica(part, *seeding), tf.GradientTape() as tape:
                nats, count, added, states = sharded_loss(
                    objective, model, batch, states, progress, shards, part, workers.replicas
                )
                loss = nats
                if model.losses:  # of language models, whose rows have equally many tokens
                    loss += added * count * _rows_per_own_row(batch, part, workers.replicas)
            with scope(GRADIENTS):
                gradients = tape.gradient(loss, weights)
                rows = used_rows(gradients, batch)
                gradients = [
                    rows[number].select(gradient)
                    if number in rows
                    else tf.convert_to_tensor(gradient)
                    for number, gradient in enumerate(gradients)
                ]
            with scope("workers"):
                sums = sum_over_replicas([*gradients, tf.stack([nats, count, request])])
            return (sums, rows), states

        def update(
            sums_and_rows: tuple[list[tf.Tensor], dict[int, UsedRows]],
        ) -> tuple[tf.Tensor, tf.Tensor]:
            (*gradients, totals), rows = sums_and_rows
            gradients = [gradient / totals[1] for gradient in gradients]
            with scope("clipping"):
                norm = global_norm(gradients)
                if clip_norm is not None:
                    gradients = clip(gradients, norm, clip_norm)
            with scope("optimizer"):
                gradients = [
                    rows[number].expand(gradient) if number in rows else gradient
                    for number, gradient in enumerate(gradients)
                ]
                optimizer.apply_gradients(zip(gradients, weights, strict=True))
            return totals, norm

        @tf.function(autograph=False)
        def step(
            batch: Batch, states: Any, progress: tf.Tensor, request: tf.Tensor, draws: Any
        ) -> tuple[tf.Tensor, tf.Tensor, Any]:
            seeding = (seeds.states(), draws)
            sums, states = workers.run(replica_step, batch, states, progress, request, *seeding)
            seeds.advance(*seeding)
            return *workers.run_on_sums(update, sums), states

        specs = (data.signature, state_specs(data.initial_state), SCALAR, SCALAR, seeds.specs)
        self._step = step.get_concrete_function(*specs)
        self._draws = seeds.draws

    @property
    def graph(self) -> tf.Graph:
        """Graph of the compiled step."""
        return self._step.graph

    def __call__(
        self, batch: Any, states: Any, progress: tf.Tensor
    ) -> tuple[float, float, tf.Tensor, Any]:
        """Run a step; return sum of losses, number of losses, gradient norm and next states."""
        request = tf.constant(self._workers.signals.request)
        totals, norm, states = self._step(batch, states, progress, request, self._draws)
        nats, count, requests = totals.numpy().tolist()
        self._workers.signals.agree(requests)
        return nats, count, norm, states


class WorkerValidationStep:
    """Validation step of several workers; it is called like that of one process."""

    def __init__(
        self, model: keras.Model, objective: Objective, data: TrainingData, workers: Workers
    ) -> None:
        self._workers, shards = workers, shard_count()

        def replica_step(
            part: int, batch: Batch, states: Any, request: tf.Tensor
        ) -> tuple[list[tf.Tensor], Any]:
            nats, count, _, states = sharded_loss(
                objective, model, batch, states, None, shards, part, workers.replicas
            )
            return sum_over_replicas([tf.stack([nats, count, request])]), states

        @tf.function(autograph=False)
        def step(batch: Batch, states: Any, request: tf.Tensor) -> tuple[tf.Tensor, Any]:
            sums, states = workers.run(replica_step, batch, states, request)
            return workers.run_on_sums(lambda sums: sums[0], sums), states

        specs = (data.valid_signature, state_specs(data.valid_state), SCALAR)
        self._step = step.get_concrete_function(*specs)

    def __call__(self, batch: Any, states: Any) -> tuple[float, float, Any]:
        """Run a step; return the sum of losses, their number, and the next states."""
        request = tf.constant(self._workers.signals.request)
        totals, states = self._step(batch, states, request)
        nats, count, requests = totals.numpy().tolist()
        self._workers.signals.agree(requests)
        return nats, count, states


def _rows_per_own_row(batch: Batch, part: int, parts: int) -> tf.Tensor:
    """Return the number of rows of a batch divided by that of one part."""
    rows = tf.shape(tf.nest.flatten(batch)[0])[0]
    own_rows = rows * (part + 1) // parts - rows * part // parts
    return tf.cast(rows, tf.float32) / tf.cast(own_rows, tf.float32)
