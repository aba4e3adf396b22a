"""One training loop for every model with a gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from pipelines import console, params
from pipelines.errors import Refusal
from pipelines.training.best import Best
from pipelines.training.objectives import Objective
from pipelines.training.rates import Rate

Batch = tuple[Any, Any]
# The name of a score of the validation data, and how the model of now does: higher is better.
Score = tuple[str, Callable[[], float]]
Entry = params.BagOfWords | params.LanguageModel | params.Classifier | params.Seq2Seq


@dataclass(frozen=True)
class Batches:
    """The batches of one epoch: how many, and how they are read."""

    count: int
    read: Callable[[], Iterable[Batch]]


@dataclass(frozen=True)
class Data:
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

    train: Callable[[int], Batches]
    valid: Batches
    tokens: int
    state: Any
    valid_state: Any
    signature: Any
    valid_signature: Any
    unit: str
    weight: Callable[[Batch], float] = lambda batch: 1.0


def fit(
    model: keras.Model,
    objective: Objective,
    data: Data,
    entry: Entry,
    *,
    on_epoch: Callable[[dict[str, float]], None],
    score: Score | None = None,
    xla: bool = False,
) -> None:
    """Train, and leave the model with the weights of its best epoch, or the mean of several.

    Args:
        model: built already, so that `on_epoch` and `Best` see all its weights.
        objective: what is made small.
        data: the batches.
        entry: epochs, patience, average, accumulate, optimizer.
        on_epoch: called with each row of the history as it is made: epoch, tokens seen, train_loss
            and valid_loss in nats, and `valid_<score>` if there is one. train_loss is the
            objective, as it is smoothed and weighted.
        score: what the best epoch is best in; validation loss if None.
        xla: compile the step with XLA; worth it where every batch has one shape.

    Raises:
        Refusal: the loss is no finite number any more.
    """
    training = Training(model, objective, data, entry, xla)
    validate = _validation(model, objective, data, score)
    best, waited = Best(entry.average or 1), 0
    with console.progress("training", entry.epochs * data.tokens, data.unit) as bar:
        for epoch in range(1, entry.epochs + 1):
            row: dict[str, float] = {"epoch": epoch, "tokens": epoch * data.tokens}
            row["train_loss"] = training.epoch(epoch, bar)
            merit, found = validate()
            on_epoch(row | found)
            better = best.add(merit, model.get_weights())
            training.rate.after_epoch(better)
            waited = 0 if better else waited + 1
            if waited == entry.patience:
                break
    _keep(model, best, validate, entry)


def _keep(model: keras.Model, best: Best, validate: Any, entry: Entry) -> None:
    """The mean of the best epochs' weights, unless the best epoch alone does better."""
    if entry.average is not None:
        model.set_weights(best.mean())
        merit, _ = validate()
        if merit >= best.merit:
            return
        console.note("The mean of the best epochs is no better than the best one, which is kept.")
    model.set_weights(best.one())


class Training:
    """The compiled step, its optimiser and its rate, over all epochs."""

    def __init__(
        self, model: keras.Model, objective: Objective, data: Data, entry: Entry, xla: bool
    ) -> None:
        self.data, self.epochs = data, entry.epochs
        self.rate = Rate(entry.optimizer, entry.epochs)
        self._optimizer = _optimizer(entry)
        self._optimizer.build(model.trainable_variables)
        self._step = _train_step(model, self._optimizer, objective, data, xla)
        self._steps = 0

    def epoch(self, epoch: int, bar: console.Progress) -> float:
        """Train on every batch of an epoch; the mean loss in nats."""
        batches = self.data.train(epoch)
        states, mean = self.data.state, _Mean()
        for at, batch in enumerate(batches.read()):
            done = epoch - 1 + at / batches.count
            rate = self.rate.at(self._steps, done) * self.data.weight(batch)
            self._optimizer.learning_rate.assign(rate)
            share = tf.constant(done / self.epochs, tf.float32)
            summed, counted, states = self._step(_tensors(batch), states, share)
            self._steps += 1
            loss = mean.add(summed, counted)
            bar.advance(self.data.tokens / batches.count, f"loss {loss:.3f}")
        return mean.value


class _Mean:
    """Nats summed over units counted."""

    def __init__(self) -> None:
        self.nats, self.count = 0.0, 0.0

    def add(self, nats: tf.Tensor, count: tf.Tensor) -> float:
        """Add a batch; the mean so far.

        Raises:
            Refusal: it is no finite number.
        """
        self.nats, self.count = self.nats + float(nats), self.count + float(count)
        if not math.isfinite(self.nats):
            raise Refusal(
                "The training diverged: its loss is no finite number. Lower optimizer.rate or "
                "optimizer.clip_norm of this model; nothing was written."
            )
        return self.value

    @property
    def value(self) -> float:
        return self.nats / self.count


def _optimizer(entry: Entry) -> keras.optimizers.Optimizer:
    """The rate is assigned before every step, so it starts at anything."""
    optimizer = entry.optimizer
    options = {
        "learning_rate": optimizer.rate,
        "global_clipnorm": optimizer.clip_norm,
        "gradient_accumulation_steps": entry.accumulate if (entry.accumulate or 1) > 1 else None,
    }
    if optimizer.method == "adamw":
        return keras.optimizers.AdamW(weight_decay=optimizer.weight_decay, **options)
    return {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[optimizer.method](**options)


def _train_step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    objective: Objective,
    data: Data,
    xla: bool,
) -> Any:
    @tf.function(jit_compile=xla, reduce_retracing=True)
    def step(batch: Batch, states: Any, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Any]:
        with tf.GradientTape() as tape:
            nats, count, states = objective(model, batch, states, share)
            loss = nats / count + sum(model.losses)  # what layers add, AR and TAR for instance
        gradients = tape.gradient(loss, model.trainable_variables)
        # An embedding's gradient lists a word once for each time it stands in the batch: only when
        # these are added up is the norm that of the gradient.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return nats, count, states

    share = tf.TensorSpec((), tf.float32)
    return step.get_concrete_function(data.signature, _specs(data.state), share)


def _validation(
    model: keras.Model, objective: Objective, data: Data, score: Score | None
) -> Callable[[], tuple[float, dict[str, float]]]:
    """How the model of now does: its merit, higher is better, and the columns of the history."""

    @tf.function(reduce_retracing=True)
    def step(batch: Batch, states: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
        return objective(model, batch, states, None)

    compiled = step.get_concrete_function(data.valid_signature, _specs(data.valid_state))

    def validate() -> tuple[float, dict[str, float]]:
        states, mean = data.valid_state, _Mean()
        for batch in data.valid.read():
            summed, counted, states = compiled(_tensors(batch), states)
            mean.add(summed, counted)
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
