"""One training loop for every model with a gradient."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines import console
from pipelines.config import params
from pipelines.errors import Interrupted, UserError
from pipelines.training import signals as stopping
from pipelines.training.best_weights import BestWeights
from pipelines.training.checkpoints import Arrays, Snapshot
from pipelines.training.objectives import Objective
from pipelines.training.schedules import LearningRate

Batch = tuple[Any, Any]
# The name of a score of the validation data, and how the model of now does: higher is better.
Score = tuple[str, Callable[[], float]]
# The number of a step, counted from 1, its loss in nats, and the norm of its gradient.
OnStep = Callable[[int, float, float], None]
Entry = params.BagOfWords | params.LanguageModel | params.Classifier | params.Seq2Seq


@dataclass(frozen=True)
class EpochBatches:
    """The batches of one epoch: how many, and how they are read."""

    count: int
    read: Callable[[], Iterable[Batch]]


@dataclass(frozen=True)
class TrainingData:
    """Batches of one training.

    Attributes:
        train: epoch, counted from 1 -> its batches, the same for the same epoch.
        valid: all validation batches.
        tokens: how many tokens an epoch of training reads; for translation, target tokens.
        state: the state before the first batch; each batch hands its own to the next.
        valid_state: the same for validation.
        signature: TensorFlow's shapes and types of a batch, so that the step is compiled once.
        valid_signature: the same for validation.
        unit: what tokens are, `words` or `characters`.
        weight: what a batch's rate is multiplied by.
    """

    train: Callable[[int], EpochBatches]
    valid: EpochBatches
    tokens: int
    state: Any
    valid_state: Any
    signature: Any
    valid_signature: Any
    unit: str
    weight: Callable[[Batch], float] = lambda batch: 1.0


@dataclass(frozen=True)
class CheckpointConfig:
    """Where a training puts its snapshots.

    Attributes:
        every: steps between two of them.
        write: keeps one.
        start: the one that the training goes on from, if it was begun before.
    """

    every: int
    write: Callable[[Snapshot], None]
    start: Snapshot | None


def train_model(
    model: keras.Model,
    objective: Objective,
    data: TrainingData,
    entry: Entry,
    *,
    on_epoch: Callable[[dict[str, float]], None],
    on_step: OnStep | None = None,
    on_begin: Callable[[tf.Graph], None] | None = None,
    score: Score | None = None,
    xla: bool = False,
    saves: CheckpointConfig | None = None,
) -> tuple[list[float], list[float]]:
    """Train, and leave the model with the weights of its best epoch, or the mean of several.

    Args:
        model: built already, so that `on_epoch` and `Best` see all its weights.
        objective: what is made small.
        data: the batches.
        entry: epochs, patience, average, accumulate, optimizer.
        on_epoch: called with each row of the history as it is made: epoch, tokens seen, train_loss
            and valid_loss in nats, the mean and the largest gradient norm, and `valid_<score>` if
            there is one. train_loss is the objective, as it is smoothed and weighted. Rows made
            before `saves.start` are not.
        on_step: called after each step.
        on_begin: called with the graph of the step, when it is compiled.
        score: what the best epoch is best in; validation loss if None.
        xla: compile the step with XLA; worth it where every batch has one shape.
        saves: what keeps the training's snapshots, and where it goes on from.

    Returns:
        Of every step its loss, in nats, and the norm of its gradient.

    Raises:
        Refusal: the loss is no finite number any more.
        Stopped: it was told to; a snapshot was kept before.
    """
    with stopping.listening() as signals:  # while TensorFlow traces the step, too
        training = TrainingState(model, objective, data, entry, xla)
        validate = _validation(model, objective, data, score)
        if on_begin is not None:
            on_begin(training.graph)
        if saves is not None and saves.start is not None:
            training.restore(saves.start)
        whole = entry.epochs * data.tokens
        with console.progress("training", whole, data.unit, training.tokens) as bar:
            try:
                while not training.over:
                    training.epoch(bar, signals, saves, on_step)
                    merit, found = validate(signals)
                    on_epoch(training.row() | found)
                    training.end_epoch(merit)
                    signals.check()
            except Interrupted as stop:
                if saves is not None:
                    saves.write(training.snapshot())
                    raise stop.after(training.steps) from None
                raise
    _keep(model, training.best, validate, entry)
    return training.losses, training.norms


def _keep(model: keras.Model, best: BestWeights, validate: Any, entry: Entry) -> None:
    """The mean of the best epochs' weights, unless the best epoch alone does better."""
    if entry.average_epochs is not None:
        model.set_weights(best.mean())
        merit, _ = validate(stopping.Signals())
        if merit >= best.merit:
            return
        console.echo("The mean of the best epochs is no better than the best one, which is kept.")
    model.set_weights(best.one())


class TrainingState:
    """A training under way: the compiled step, and all that changes from one step to the next.

    Attributes:
        steps: how many are behind, over all epochs.
        losses: the loss of each of them, in nats.
        norms: the global norm of each one's gradient, before it is clipped; where gradients are
            accumulated that of each batch.
        best: the epochs worth keeping.
    """

    def __init__(
        self, model: keras.Model, objective: Objective, data: TrainingData, entry: Entry, xla: bool
    ) -> None:
        self.data, self.epochs, self.patience = data, entry.epochs, entry.patience
        self.rate = LearningRate(entry.optimizer, entry.epochs)
        self.best = BestWeights(entry.average_epochs or 1)
        self.steps, self.losses, self.norms = 0, list[float](), list[float]()
        self._model = model
        self._optimizer = _optimizer(entry)
        self._optimizer.build(model.trainable_variables)
        self._step = _train_step(model, self._optimizer, objective, data, xla)
        self._waited = 0
        self.begin(1)

    def begin(self, epoch: int) -> None:
        """Stand before the first batch of an epoch, counted from 1."""
        self._epoch, self._at = epoch, 0
        self._states, self._mean = self.data.state, _Mean()

    @property
    def over(self) -> bool:
        """Whether all epochs are behind, or enough of them without a better one."""
        return self._epoch > self.epochs or self._waited == self.patience

    @property
    def graph(self) -> tf.Graph:
        """Of the compiled step."""
        return self._step.graph

    @property
    def tokens(self) -> float:
        """About how many training tokens were read; between epochs exactly so many."""
        part = self._at / self.data.train(self._epoch).count if self._at else 0
        return (self._epoch - 1 + part) * self.data.tokens

    def row(self) -> dict[str, float]:
        """What is known of this epoch before it is validated."""
        norms = self.norms[self.steps - self._at :]
        return {
            "epoch": self._epoch,
            "tokens": self._epoch * self.data.tokens,
            "train_loss": self._mean.value,
            "gradient_norm": float(np.mean(norms)),
            "gradient_norm_max": max(norms),
        }

    def epoch(
        self,
        bar: console.Progress,
        signals: stopping.Signals,
        saves: CheckpointConfig | None = None,
        on_step: OnStep | None = None,
    ) -> None:
        """Train on every batch of this epoch that is still to come."""
        batches = self.data.train(self._epoch)
        share = self.data.tokens / batches.count
        for batch in itertools.islice(batches.read(), self._at, None):
            self._train(batch, batches.count)
            bar.advance(share, f"loss {self._mean.value:.3f}")
            if on_step is not None:
                on_step(self.steps, self.losses[-1], self.norms[-1])
            signals.check()
            if saves is not None and self.steps % saves.every == 0:
                saves.write(self.snapshot())

    def _train(self, batch: Batch, count: int) -> None:
        """One step, on one of the `count` batches of this epoch."""
        done = self._epoch - 1 + self._at / count
        rate = self.rate.at(self.steps, done) * self.data.weight(batch)
        self._optimizer.learning_rate.assign(rate)
        share = tf.constant(done / self.epochs, tf.float32)
        summed, counted, norm, self._states = self._step(_tensors(batch), self._states, share)
        self.losses.append(self._mean.add(summed, counted))
        self.norms.append(float(norm))
        self.steps, self._at = self.steps + 1, self._at + 1

    def end_epoch(self, merit: float) -> None:
        """Tell of the merit of this epoch, higher is better; the next one begins."""
        better = self.best.add(merit, self._model.get_weights())
        self.rate.after_epoch(better)
        self._waited = 0 if better else self._waited + 1
        self.begin(self._epoch + 1)

    def snapshot(self) -> Snapshot:
        """All of it, as it stands between two steps."""
        said = {
            "epoch": self._epoch,
            "at": self._at,
            "steps": self.steps,
            "waited": self._waited,
            "rate": self.rate.state,
            "mean": [self._mean.nats, self._mean.count],
            "merits": [merit for merit, _ in self.best.kept],
        }
        groups: dict[str, Arrays] = {
            "model": [variable.numpy() for variable in self._model.variables],
            "optimizer": [variable.numpy() for variable in self._optimizer.variables],
            "states": [state.numpy() for state in tf.nest.flatten(self._states)],
            "losses": [np.array(self.losses)],
            "norms": [np.array(self.norms)],
        }
        best = {f"best-{place}": weights for place, (_, weights) in enumerate(self.best.kept)}
        return Snapshot(said, groups | best)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        said, groups = snapshot.said, snapshot.groups
        self._epoch, self._at = said["epoch"], said["at"]
        self.steps, self._waited = said["steps"], said["waited"]
        self.rate.state = said["rate"]
        self._mean.nats, self._mean.count = said["mean"]
        self.losses, self.norms = (groups[name][0].tolist() for name in ("losses", "norms"))
        best = [groups[f"best-{place}"] for place in range(len(said["merits"]))]
        self.best.kept = list(zip(said["merits"], map(list, best), strict=True))
        states = [tf.constant(state) for state in groups["states"]]
        self._states = tf.nest.pack_sequence_as(self.data.state, states)
        for part, name in ((self._model, "model"), (self._optimizer, "optimizer")):
            for variable, value in zip(part.variables, groups[name], strict=True):
                variable.assign(value)


class _Mean:
    """Nats summed over units counted."""

    def __init__(self) -> None:
        self.nats, self.count = 0.0, 0.0

    def add(self, nats: tf.Tensor | float, count: tf.Tensor | float) -> float:
        """Add a batch; its own mean.

        Raises:
            Refusal: it is no finite number.
        """
        nats, count = float(nats), float(count)
        self.nats, self.count = self.nats + nats, self.count + count
        if not math.isfinite(self.nats):
            raise UserError(
                "The training diverged: its loss is no finite number. Lower "
                "optimizer.learning_rate or optimizer.clip_norm of this model; nothing was written."
            )
        return nats / count

    @property
    def value(self) -> float:
        return self.nats / self.count


def _optimizer(entry: Entry) -> keras.optimizers.Optimizer:
    """The rate is assigned before every step, so it starts at anything."""
    optimizer = entry.optimizer
    options = {
        "learning_rate": optimizer.learning_rate,
        "global_clipnorm": optimizer.clip_norm,
        "gradient_accumulation_steps": entry.gradient_accumulation_steps
        if (entry.gradient_accumulation_steps or 1) > 1
        else None,
    }
    if optimizer.name == "adamw":
        return keras.optimizers.AdamW(weight_decay=optimizer.weight_decay, **options)
    return {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[optimizer.name](**options)


def _train_step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    objective: Objective,
    data: TrainingData,
    xla: bool,
) -> Any:
    @tf.function(jit_compile=xla, reduce_retracing=True)
    def step(
        batch: Batch, states: Any, share: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, Any]:
        with tf.GradientTape() as tape:
            nats, count, states = objective(model, batch, states, share)
            loss = nats / count + sum(model.losses)  # what layers add, AR and TAR for instance
        gradients = tape.gradient(loss, model.trainable_variables)
        # An embedding's gradient lists a word once for each time it stands in the batch: only when
        # these are added up is the norm that of the gradient.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        norm = _global_norm(gradients)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return nats, count, norm, states

    share = tf.TensorSpec((), tf.float32)
    return step.get_concrete_function(data.signature, _specs(data.state), share)


def _global_norm(gradients: list[tf.Tensor]) -> tf.Tensor:
    """The norm of all gradients together, in the operations of Keras' optimisers, which clip by it:
    TensorFlow sees that both are the same and computes them once."""
    squares = [keras.ops.sum(keras.ops.square(gradient)) for gradient in gradients]
    return keras.ops.sqrt(keras.ops.sum(keras.ops.stack(squares)))


def _validation(
    model: keras.Model, objective: Objective, data: TrainingData, score: Score | None
) -> Callable[[stopping.Signals], tuple[float, dict[str, float]]]:
    """How the model of now does: its merit, higher is better, and the columns of the history."""

    @tf.function(reduce_retracing=True)
    def step(batch: Batch, states: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
        return objective(model, batch, states, None)

    compiled = step.get_concrete_function(data.valid_signature, _specs(data.valid_state))

    def validate(signals: stopping.Signals) -> tuple[float, dict[str, float]]:
        states, mean = data.valid_state, _Mean()
        for batch in data.valid.read():
            summed, counted, states = compiled(_tensors(batch), states)
            mean.add(summed, counted)
            signals.check()
        found = {"valid_loss": mean.value}
        if score is None:
            return -mean.value, found
        name, now = score
        found[f"valid_{name}"] = now()
        return found[f"valid_{name}"], found

    return validate


def _specs(states: Any) -> Any:
    return tf.nest.map_structure(lambda state: tf.TensorSpec(state.shape, state.dtype), states)


def _tensors(batch: Batch) -> Any:
    return tf.nest.map_structure(tf.convert_to_tensor, batch)
