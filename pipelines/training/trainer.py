"""The training loop of every model that is trained by gradient descent."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pipelines import console
from pipelines.config import params
from pipelines.errors import Interrupted
from pipelines.models import serialization
from pipelines.text.vocabulary import Vocabularies
from pipelines.training import device, seeding
from pipelines.training.best_weights import BestWeights
from pipelines.training.callbacks import Callback
from pipelines.training.checkpoints import Arrays, Checkpoint, CheckpointManager
from pipelines.training.datasets import Batch, TrainingData
from pipelines.training.nt_asgd import TriggeredAverage
from pipelines.training.objectives import Objective
from pipelines.training.optimizers import make_optimizer
from pipelines.training.prefetch import batches_and_tensors
from pipelines.training.progress import TrainingProgress
from pipelines.training.result import TrainingResult
from pipelines.training.schedules import LearningRate
from pipelines.training.signals import Signals, handle_signals
from pipelines.training.steps import MeanLoss, make_train_step
from pipelines.training.validation import MakeMetrics, ValidationScore, Validator
from pipelines.training.worker_steps import WorkerTrainStep
from pipelines.training.workers import SharedCheckpoints, Workers

Sampler = Callable[[keras.Model], str]  # writes a text with the current weights of a model


def train_model(
    spec: serialization.ModelSpec[Any],
    vocabularies: Vocabularies,
    objective: Objective,
    make_data: Callable[[keras.Model, int], TrainingData],
    callbacks: Sequence[Callback] = (),
    checkpoints: CheckpointManager | SharedCheckpoints | None = None,
    *,
    score: ValidationScore | None = None,
    make_metrics: MakeMetrics | None = None,
    sample: Sampler | None = None,
    prepare: Callable[[keras.Model], None] | None = None,
    workers: Workers | None = None,
) -> TrainingResult:
    """Train one model, or the members of an ensemble or of a group of seeds one after the other.

    Args:
        spec: the model's spec.
        vocabularies: its vocabularies.
        objective: the loss function.
        make_data: returns the batches for a new model and its seed.
        callbacks: objects to report to.
        checkpoints: the training's checkpoints, if it keeps any; it resumes from the latest one.
        score: chooses the best epoch; the validation loss does if it is None.
        make_metrics: makes a function that computes further columns of the history.
        sample: writes a text after each epoch; in a group only the first member does.
        prepare: changes a new model before it is trained, for instance loads pretrained weights.
        workers: the workers that share each batch; None if this process trains alone.

    Raises:
        UserError: the loss is not finite.
        Interrupted: a signal was received; a checkpoint was written.
    """
    seeds = params.seeds_of(spec.entry)
    progress = TrainingProgress(callbacks, checkpoints, seeds, device.computation(spec.entry))
    progress.resume()
    for number, seed in enumerate(spec.member_seeds):
        seeding.seed_everything(seed)
        with nullcontext() if workers is None else workers.scope():
            model = serialization.build(spec.entry, vocabularies)
            if number < len(progress.member_weights):
                model.set_weights(progress.member_weights[number])
                progress.models.append(model)
                continue
            if prepare is not None:
                prepare(model)
            fit(
                model,
                objective,
                make_data(model, seed),
                spec.entry,
                progress,
                score=score,
                make_metrics=make_metrics,
                sample=None if seeds and number else sample,
                workers=workers,
            )
        progress.end_member(model)
    progress.end_training()
    history = pd.DataFrame(progress.rows)
    integers = [name for name in ("seed", "epoch", "tokens") if name in history]
    return TrainingResult(
        model=serialization.SeedGroup(progress.models)
        if seeds
        else serialization.combine_members(progress.models),
        history=history.astype(dict.fromkeys(integers, "int64")),
        losses=np.array(progress.losses),
        norms=np.array(progress.norms),
        samples=progress.samples,
        seconds=progress.seconds,
    )


def fit(
    model: keras.Model,
    objective: Objective,
    data: TrainingData,
    config: params.TrainableModel,
    progress: TrainingProgress,
    *,
    score: ValidationScore | None = None,
    make_metrics: MakeMetrics | None = None,
    sample: Sampler | None = None,
    workers: Workers | None = None,
) -> None:
    """Train a model; it ends with the weights of its best epoch, or the average of several.

    Args:
        model: built already, so that all its weights exist.
        objective: the loss function.
        data: the batches.
        config: epochs, patience, weight averaging, gradient accumulation and the optimizer.
        progress: records steps and epochs and writes checkpoints. A row of its history has
            `train_loss` and `valid_loss` in nats; `train_loss` is the objective with its smoothing
            and weights.
        score: chooses the best epoch; the validation loss does if it is None.
        make_metrics: makes a function that computes further columns of the history.
        sample: writes a text after each epoch.
        workers: the workers that share each batch; None if this process trains alone.

    Raises:
        UserError: the loss is not finite.
        Interrupted: a signal was received; a checkpoint was written if the training keeps any.
    """
    if workers is not None and not workers.is_first:
        sample = None
    with handle_signals() as own_signals:  # also while TensorFlow traces the step
        signals = own_signals if workers is None else workers.agree_on(own_signals)
        trainer = Trainer(model, objective, data, config, progress, workers)
        validator = Validator(model, objective, data, score, make_metrics, workers)
        progress.begin_member(trainer.graph)
        if progress.checkpoint is not None:
            trainer.restore(progress.checkpoint)
        total = config.epochs * data.tokens_per_epoch
        with console.progress("training", total, data.unit, trainer.tokens) as bar:
            try:
                while not trainer.is_done:
                    trainer.train_epoch(bar, signals)
                    with trainer.averaged_weights():
                        epoch_score, metrics = validator.validate(signals)
                        text = None if sample is None else sample(model)
                    progress.end_epoch(trainer.row() | metrics, text)
                    trainer.end_epoch(epoch_score)
                    signals.check()
            except Interrupted as interruption:
                if progress.checkpoint_interval is None:
                    raise
                progress.save(trainer.checkpoint())
                raise interruption.after(progress.steps) from None
    _set_best_weights(model, trainer.best, validator, config)


def _set_best_weights(
    model: keras.Model, best: BestWeights, validator: Validator, config: params.TrainableModel
) -> None:
    """Set the averaged weights, unless those of the best epoch alone have a higher score."""
    if config.average_epochs is not None:
        model.set_weights(best.averaged_weights())
        score, _ = validator.validate(Signals())
        if score >= best.score:
            return
        console.echo("Kept the weights of the best epoch: averaged weights do not score higher.")
    model.set_weights(best.best_weights)


class Trainer:
    """Training of one model: the compiled step, and all state that a step changes.

    Args:
        model: the model.
        objective: the loss function.
        data: the batches.
        config: epochs, patience, weight averaging, gradient accumulation and the optimizer.
        progress: records every step.
        workers: the workers that share each batch; None if this process trains alone.

    Attributes:
        best: the best epochs so far.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        data: TrainingData,
        config: params.TrainableModel,
        progress: TrainingProgress,
        workers: Workers | None = None,
    ) -> None:
        self.best = BestWeights(config.average_epochs or 1)
        self._workers, self._all_states = workers, data.initial_state
        if workers is not None:
            data = workers.local_data(data)
        self._model, self._data, self._progress = model, data, progress
        self._epochs, self._patience = config.epochs, config.patience
        self._learning_rate = LearningRate(config.optimizer, config.epochs)
        self._optimizer = make_optimizer(config)
        self._optimizer.build(model.trainable_variables)
        interval = config.optimizer.nonmonotone_interval
        self._average = (
            None if interval is None else TriggeredAverage(model.trainable_variables, interval)
        )
        clip_norm = None if self._optimizer.global_clipnorm else config.optimizer.clip_norm
        step = (model, self._optimizer, objective, data, clip_norm)
        self._step = make_train_step(*step) if workers is None else WorkerTrainStep(*step, workers)
        self._steps = 0  # of this model
        self._bad_epochs = 0
        self.begin_epoch(1)

    def begin_epoch(self, epoch: int) -> None:
        """Go to the first batch of an epoch, counted from 1."""
        self._epoch, self._batches = epoch, 0
        self._states, self._mean = self._data.initial_state, MeanLoss()

    @property
    def is_done(self) -> bool:
        """True after the last epoch, or after `patience` epochs without a better one."""
        return self._epoch > self._epochs or self._bad_epochs == self._patience

    @property
    def graph(self) -> tf.Graph:
        """Graph of the compiled training step."""
        return self._step.graph

    @property
    def tokens(self) -> float:
        """Number of training tokens read so far; within an epoch an estimate."""
        count = self._data.train(self._epoch).count if self._batches else 1
        return (self._epoch - 1 + self._batches / count) * self._data.tokens_per_epoch

    def row(self) -> dict[str, float]:
        """Return the training columns of the current epoch's row of the history."""
        norms = self._progress.norms[self._progress.steps - self._batches :]
        return {
            "epoch": self._epoch,
            "tokens": self._epoch * self._data.tokens_per_epoch,
            "train_loss": self._mean.value,
            "gradient_norm": float(np.mean(norms)),
            "gradient_norm_max": max(norms),
        }

    def train_epoch(self, bar: console.Progress, signals: Signals) -> None:
        """Train on the remaining batches of the current epoch.

        Raises:
            Interrupted: a signal was received.
        """
        batches, interval = self._data.train(self._epoch), self._progress.checkpoint_interval
        tokens_per_batch = self._data.tokens_per_epoch / batches.count
        remaining = itertools.islice(batches.read(), self._batches, None)
        with closing(batches_and_tensors(remaining)) as pairs:
            for batch, tensors in pairs:
                self._train_batch(batch, tensors, batches.count)
                bar.advance(tokens_per_batch, f"loss {self._mean.value:.3f}")
                signals.check()
                if interval is not None and self._steps % interval == 0:
                    self._progress.save(self.checkpoint())

    def _train_batch(self, batch: Batch, tensors: Any, count: int) -> None:
        """Run one step on one of the `count` batches of the current epoch."""
        epochs_done = self._epoch - 1 + self._batches / count
        scale = self._data.learning_rate_scale(batch)
        self._optimizer.learning_rate.assign(
            self._learning_rate.at(self._steps, epochs_done) * scale
        )
        progress = tf.constant(epochs_done / self._epochs, tf.float32)
        nats, units, norm, self._states = self._step(tensors, self._states, progress)
        loss = self._mean.add(nats, units)
        if self._average is not None:
            self._average.end_step()
        self._steps, self._batches = self._steps + 1, self._batches + 1
        self._progress.end_step(loss, float(norm))

    def end_epoch(self, score: float) -> None:
        """Record the validation score of the current epoch and go to the next one.

        Args:
            score: higher is better.
        """
        with self.averaged_weights():
            is_best = self.best.add(score, self._model.get_weights())
        if self._average is not None and self._average.end_epoch(score):
            console.echo(f"From epoch {self._epoch + 1} on, the weights are averaged (NT-ASGD).")
        self._learning_rate.end_epoch(is_best)
        self._bad_epochs = 0 if is_best else self._bad_epochs + 1
        self.begin_epoch(self._epoch + 1)

    def averaged_weights(self) -> AbstractContextManager[None]:
        """Return a context in which the model has its averaged weights, if it has any."""
        return nullcontext() if self._average is None else self._average.applied()

    def checkpoint(self) -> Checkpoint:
        """Return the state between two steps."""
        metadata = {
            "epoch": self._epoch,
            "batches": self._batches,
            "steps": self._steps,
            "bad_epochs": self._bad_epochs,
            "learning_rate": self._learning_rate.state,
            "mean_loss": [self._mean.nats, self._mean.count],
            "scores": [score for score, _ in self.best.epochs],
        }
        states = tf.nest.flatten(self._states)
        if self._workers is not None:
            states = self._workers.gather(states, tf.nest.flatten(self._all_states))
        arrays: dict[str, Arrays] = {
            "model": [variable.numpy() for variable in self._model.variables],
            "optimizer": [variable.numpy() for variable in self._optimizer.variables],
            "states": [state.numpy() for state in states],
        }
        if self._average is not None:
            metadata["average"] = [self._average.scores, self._average.count]
            arrays["average"] = self._average.means
        best = {f"best-{rank}": weights for rank, (_, weights) in enumerate(self.best.epochs)}
        return Checkpoint(metadata, arrays | best)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the state of a checkpoint."""
        metadata, arrays = checkpoint
        self._epoch, self._batches = metadata["epoch"], metadata["batches"]
        self._steps, self._bad_epochs = metadata["steps"], metadata["bad_epochs"]
        self._learning_rate.state = metadata["learning_rate"]
        self._mean.nats, self._mean.count = metadata["mean_loss"]
        self.best.epochs = [
            (score, list(arrays[f"best-{rank}"])) for rank, score in enumerate(metadata["scores"])
        ]
        if self._average is not None:
            scores, count = metadata["average"]
            self._average.restore(scores, count, arrays["average"])
        states = [tf.constant(state) for state in arrays["states"]]
        if self._workers is not None:
            states = self._workers.local(states)
        self._states = tf.nest.pack_sequence_as(self._data.initial_state, states)
        for owner, name in ((self._model, "model"), (self._optimizer, "optimizer")):
            for variable, value in zip(owner.variables, arrays[name], strict=True):
                variable.assign(value)
