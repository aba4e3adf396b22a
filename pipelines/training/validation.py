"""Validation of a model after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import NamedTuple

import keras

from pipelines.training.datasets import TrainingData
from pipelines.training.objectives import Objective
from pipelines.training.prefetch import batches_and_tensors
from pipelines.training.signals import Signals
from pipelines.training.steps import MeanLoss, make_validation_step
from pipelines.training.worker_steps import WorkerValidationStep
from pipelines.training.workers import Workers


class ValidationScore(NamedTuple):
    """Score by which the best epoch is chosen instead of the validation loss.

    Attributes:
        name: `bleu` for instance; the history has a column `valid_<name>`.
        compute: function that scores a model on the validation split; higher is better.
    """

    name: str
    compute: Callable[[keras.Model], float]


# (model, its data) -> function that computes further validation columns of the history.
MakeMetrics = Callable[[keras.Model, TrainingData], Callable[[], Mapping[str, float]]]


class Validator:
    """Validates a model after each epoch.

    Args:
        model: the model in training.
        objective: its loss function.
        data: its validation batches.
        score: chooses the best epoch; the validation loss does if it is None.
        make_metrics: makes a function that computes further columns of the history.
        workers: the workers that share each batch; None if this process trains alone.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        data: TrainingData,
        score: ValidationScore | None,
        make_metrics: MakeMetrics | None = None,
        workers: Workers | None = None,
    ) -> None:
        self._model, self._score, self._workers = model, score, workers
        self._is_first = workers is None or workers.is_first
        self._metrics: Callable[[], Mapping[str, float]] | None = None
        if make_metrics is not None and self._is_first:
            self._metrics = make_metrics(model, data)
        if workers is None:
            self._step = make_validation_step(model, objective, data)
        else:
            data = workers.local_data(data)
            self._step = WorkerValidationStep(model, objective, data, workers)
        self._data = data

    def validate(self, signals: Signals) -> tuple[float, dict[str, float]]:
        """Validate the current weights.

        Returns:
            The score, higher is better, and the validation columns of the history.

        Raises:
            Interrupted: a signal was received.
        """
        states, mean = self._data.valid_state, MeanLoss()
        with closing(batches_and_tensors(self._data.valid.read())) as pairs:
            for _, tensors in pairs:
                nats, count, states = self._step(tensors, states)
                mean.add(nats, count)
                signals.check()
        metrics = {"valid_loss": mean.value}
        if self._metrics is not None:
            metrics.update(self._metrics())
        if self._score is None:
            return -mean.value, metrics
        score = self._score.compute(self._model) if self._is_first else 0.0
        if self._workers is not None:
            score = self._workers.share(score)
        return score, metrics | {f"valid_{self._score.name}": score}
