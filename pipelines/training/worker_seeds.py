"""Random numbers of a training with several workers: those that one process draws for its shards.

A generator of Keras has a seed and a counter, which rises by one at each draw. The shards of one
process draw one after the other; a worker skips the draws of the workers before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


class WorkerSeeds:
    """The generators of a model's dropout.

    Args:
        model: the model.
        replicas: number of workers.
    """

    def __init__(self, model: keras.Model, replicas: int) -> None:
        self._replicas = replicas
        layers = {id(layer): layer for layer in model._flatten_layers()}
        self._generators: list[keras.random.SeedGenerator] = [
            generator for layer in layers.values() for generator in layer._seed_generators
        ]
        self._draws = [0] * len(self._generators)

    @property
    def draws(self) -> list[tf.Tensor]:
        """Number of draws of one worker in a step, by generator; known when it is traced."""
        return [tf.constant(draws, tf.int64) for draws in self._draws]

    @property
    def specs(self) -> list[tf.TensorSpec]:
        """Tensor specs of `draws`."""
        return [tf.TensorSpec((), tf.int64) for _ in self._generators]

    def states(self) -> list[tf.Tensor]:
        """Return the state of each generator before a step, (2,)."""
        return [tf.identity(generator.state.value) for generator in self._generators]

    def advance(self, states: list[tf.Tensor], draws: list[tf.Tensor]) -> None:
        """Let all generators go on after the draws of all workers."""
        for generator, state, count in zip(self._generators, states, draws, strict=True):
            generator.state.assign(state + tf.stack([0, count * self._replicas]))

    @contextmanager
    def of_replica(
        self, replica: int, states: list[tf.Tensor], draws: list[tf.Tensor]
    ) -> Iterator[None]:
        """Let the generators draw the numbers of one worker while the context is open.

        Args:
            replica: number of the worker.
            states: state of each generator before the step.
            draws: number of draws of one worker, by generator.
        """
        sources = zip(self._generators, states, draws, strict=True)
        for index, (generator, state, count) in enumerate(sources):
            self._draws[index] = 0
            generator.next = self._draw(index, state + tf.stack([0, count * replica]))
        try:
            yield
        finally:
            for generator in self._generators:
                del generator.next

    def _draw(self, index: int, first: tf.Tensor) -> Any:
        def draw(ordered: bool = True) -> tf.Tensor:
            self._draws[index] += 1
            return first + tf.constant([0, self._draws[index] - 1], first.dtype)

        return draw
