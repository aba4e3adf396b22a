"""Non-monotonically triggered averaged SGD (Merity et al. 2017, section 3 and algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Arrays = Sequence[npt.NDArray[Any]]


class TriggeredAverage:
    """Mean of the weights since the validation score stopped improving.

    The average begins with the weights after the first epoch whose score is worse than the best
    of all epochs before the last `interval`, and then takes in the weights after every step.

    Args:
        variables: the model's trainable variables.
        interval: the non-monotone interval n, in epochs.

    Attributes:
        scores: validation score of each epoch; higher is better.
        count: number of weights in the mean; 0 before it begins.
    """

    def __init__(self, variables: Sequence[keras.Variable], interval: int) -> None:
        self._variables, self._interval = variables, interval
        self.scores: list[float] = []
        self.count = 0
        self._means: list[tf.Variable] = []
        self._add: Any = None

    @property
    def means(self) -> list[npt.NDArray[Any]]:
        """The mean of each variable; empty before it begins."""
        return [mean.numpy() for mean in self._means]

    def restore(self, scores: Sequence[float], count: int, means: Arrays) -> None:
        """Restore the state of a checkpoint."""
        self.scores = list(scores)
        if count:
            self._begin(means, count)

    def end_step(self) -> None:
        """Add the weights after a step to the mean, if it has begun."""
        if self.count:
            self.count += 1
            self._add(tf.constant(1 / self.count, tf.float32))

    def end_epoch(self, score: float) -> bool:
        """Record the score of an epoch; return True if the average begins with its weights.

        Args:
            score: validation score of the current weights, or of the mean once it has begun.
        """
        earlier = self.scores[: -self._interval]
        self.scores.append(score)
        if self.count or not earlier or score >= max(earlier):
            return False
        self._begin([variable.numpy() for variable in self._variables], 1)
        return True

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the variables the mean for a while, once it has begun."""
        if not self.count:
            yield
            return
        values = [variable.numpy() for variable in self._variables]
        self._assign(self.means)
        try:
            yield
        finally:
            self._assign(values)

    def _begin(self, means: Arrays, count: int) -> None:
        self.count = count
        self._means = [tf.Variable(mean) for mean in means]
        self._add = tf.function(self._move_means, autograph=False)

    def _move_means(self, rate: tf.Tensor) -> None:
        for mean, variable in zip(self._means, self._variables, strict=True):
            mean.assign_add((tf.convert_to_tensor(variable) - mean) * tf.cast(rate, mean.dtype))

    def _assign(self, values: Arrays) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(np.asarray(value))
