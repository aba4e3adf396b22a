"""One training loop for every model with a gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import pandas as pd
import tensorflow as tf

from pipelines import console, params
from pipelines.errors import Refusal
from pipelines.training.objectives import Objective

Batch = tuple[Any, Any]
# The name of a score of the validation data, and how the model of now does: higher is better.
Score = tuple[str, Callable[[], float]]


@dataclass(frozen=True)
class Data:
    """Batches of one training.

    Attributes:
        train: epoch, counted from 1 -> its batches, the same for the same epoch.
        valid: -> all validation batches.
        batches: how many batches an epoch of training has.
        tokens: how many tokens an epoch of training reads; for translation, target tokens.
        state: the state before the first batch; each batch hands its own to the next.
        valid_state: the same for validation.
        signature: TensorFlow's shapes and types of a batch, so that the step is compiled once.
        valid_signature: the same for validation.
        unit: what tokens are, `words` or `characters`.
    """

    train: Callable[[int], Iterable[Batch]]
    valid: Callable[[], Iterable[Batch]]
    batches: int
    tokens: int
    state: Any
    valid_state: Any
    signature: Any
    valid_signature: Any
    unit: str


def fit(
    model: keras.Model,
    objective: Objective,
    data: Data,
    *,
    epochs: int,
    optimizer: params.Optimizer,
    on_epoch: Callable[[dict[str, float]], None],
    score: Score | None = None,
    xla: bool = False,
) -> pd.DataFrame:
    """Train, and leave the model with the weights of its best epoch.

    Args:
        model: built already, so that `on_epoch` and `best` see all its weights.
        objective: what is made small.
        data: the batches.
        epochs: how often the training data is read.
        optimizer: rate, its decay, clipping by the global norm (Pascanu et al. 2013).
        on_epoch: called with each row of the history as it is made.
        score: what the best epoch is best in; validation loss if None.
        xla: compile the step with XLA; worth it where every batch has one shape.

    Returns:
        The history, one row an epoch: epoch, tokens seen, train_loss and valid_loss in nats, and
        `valid_<score>` if there is one.

    Raises:
        Refusal: the loss is no finite number any more.
    """
    adam = _adam(optimizer, epochs * data.batches)
    adam.build(model.trainable_variables)
    train_step = _train_step(model, adam, objective, data, xla)
    valid_step = _valid_step(model, objective, data)
    rows: list[dict[str, float]] = []
    best: tuple[float, list[Any]] | None = None
    with console.progress("training", epochs * data.tokens, data.unit) as bar:

        def advance(loss: float) -> None:
            bar.advance(data.tokens / data.batches, f"loss {loss:.3f}")

        for epoch in range(1, epochs + 1):
            loss = _epoch(train_step, data.train(epoch), data.state, advance)
            valid = _epoch(valid_step, data.valid(), data.valid_state, lambda loss: None)
            seen = epoch * data.tokens
            rows.append({"epoch": epoch, "tokens": seen, "train_loss": loss, "valid_loss": valid})
            merit = -valid
            if score is not None:
                merit = rows[-1][f"valid_{score[0]}"] = score[1]()
            on_epoch(rows[-1])
            if best is None or merit > best[0]:
                best = (merit, model.get_weights())
    if best is not None:
        model.set_weights(best[1])
    return pd.DataFrame(rows).astype({"epoch": "int64", "tokens": "int64"})


def _adam(optimizer: params.Optimizer, steps: int) -> keras.optimizers.Optimizer:
    rate: Any = optimizer.rate
    if optimizer.decay == "linear":
        rate = keras.optimizers.schedules.PolynomialDecay(optimizer.rate, steps, 0.0, power=1.0)
    return keras.optimizers.Adam(rate, global_clipnorm=optimizer.clip_norm)


def _train_step(
    model: keras.Model,
    adam: keras.optimizers.Optimizer,
    objective: Objective,
    data: Data,
    xla: bool,
) -> Any:
    @tf.function(jit_compile=xla, reduce_retracing=True)
    def step(batch: Batch, states: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
        with tf.GradientTape() as tape:
            nats, count, states = objective(model, batch, states, True)
            loss = nats / count
        gradients = tape.gradient(loss, model.trainable_variables)
        adam.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return nats, count, states

    return step.get_concrete_function(data.signature, _specs(data.state))


def _valid_step(model: keras.Model, objective: Objective, data: Data) -> Any:
    @tf.function(reduce_retracing=True)
    def step(batch: Batch, states: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
        return objective(model, batch, states, False)

    return step.get_concrete_function(data.valid_signature, _specs(data.valid_state))


def _specs(states: Any) -> Any:
    return tf.nest.map_structure(lambda state: tf.TensorSpec(state.shape, state.dtype), states)


def _epoch(
    step: Any, batches: Iterable[Batch], states: Any, advance: Callable[[float], None]
) -> float:
    """Mean loss over the epoch, in nats; `advance` is told the mean so far after every batch."""
    nats, count = 0.0, 0.0
    for batch in batches:
        batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
        summed, counted, states = step(batch, states)
        nats, count = nats + float(summed), count + float(counted)
        if not math.isfinite(nats):
            raise Refusal(
                "The training diverged: its loss is no finite number. Lower optimizer.rate or "
                "optimizer.clip_norm of this model; nothing was written."
            )
        advance(nats / count)
    return nats / count
