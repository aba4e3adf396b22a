"""What each kind of model is trained to make small: cross entropy, in nats, summed and counted.

Shapes: B batch, S source steps, T target steps, V vocabulary, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.text.vocabulary import PAD
from pipelines.training.losses import cross_entropy

# (model, batch, carried states, share of the training done or None in validation)
# -> (nats summed, how many were summed, states after)
Objective = Callable[[keras.Model, Any, Any, tf.Tensor | None], tuple[tf.Tensor, tf.Tensor, Any]]


def next_token_loss(
    model: keras.Model, batch: Any, states: Any, share: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Language model: nats per token; `batch` is inputs and targets (B, T), state carried."""
    inputs, targets = batch
    logits, states = model(inputs, states=states, training=share is not None)
    nats = cross_entropy(targets, logits)
    return tf.reduce_sum(nats), tf.cast(tf.size(nats), tf.float32), states


def label_loss(
    model: keras.Model, batch: Any, states: Any, share: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Classifier: nats per example; `batch` is ids (B, T) and labels (B,)."""
    ids, labels = batch
    logits = model(ids, training=share is not None)
    nats = cross_entropy(labels, logits)
    return tf.reduce_sum(nats), tf.cast(tf.size(nats), tf.float32), states


def weighted_label_loss(weights: npt.NDArray[np.float32]) -> Objective:
    """As `label`, but in training each example's nats are multiplied by the weight of its label.

    Args:
        weights: (L,); their mean over the training examples should be 1, as of those of
            `balanced`, so that the rate means what it meant.
    """

    def objective(
        model: keras.Model, batch: Any, states: Any, share: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, Any]:
        if share is None:
            return label_loss(model, batch, states, share)
        ids, labels = batch
        nats = cross_entropy(labels, model(ids, training=True))
        weighted = nats * tf.gather(tf.constant(weights), labels)
        return tf.reduce_sum(weighted), tf.cast(tf.size(nats), tf.float32), states

    return objective


def balanced(labels: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.float32]:
    """Weights (L,) that make every label count alike: N / (L n), n how often it stands there.

    After King and Zeng (2001), and as scikit-learn's `class_weight="balanced"`.

    Args:
        labels: (N,) of the training examples, each label at least once.
        size: L.
    """
    return (len(labels) / (size * np.bincount(labels, minlength=size))).astype(np.float32)


def translation_loss(smoothing: float | None, sampling: float | None) -> Objective:
    """Encoder-decoder: nats per target token, `</s>` counted.

    A batch is source (B, S) and target (B, T + 1) from `<s>` to `</s>`.

    Args:
        smoothing: share of the probability that is aimed at all words evenly (Szegedy et al. 2016,
            section 7), in training only.
        sampling: at the end of the training, the share of the decoder's inputs that are its own
            best guesses; it rises from 0 in a straight line (Bengio et al. 2015).
    """

    def objective(
        model: keras.Model, batch: Any, states: Any, share: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, Any]:
        source, target = batch
        inputs, targets = target[:, :-1], target[:, 1:]
        training = share is not None
        memory, first = model.encode(source, training=training)
        if share is not None and sampling is not None:
            logits, _, _ = model.decode(inputs, first, memory, training=True)
            inputs = sampled_inputs(logits, inputs, share * sampling, model.seeds)
        logits, _, _ = model.decode(inputs, first, memory, training=training)
        smooth = smoothing if share is not None and smoothing is not None else 0.0
        nats = cross_entropy(targets, logits, smooth)
        real = tf.cast(tf.not_equal(targets, PAD), tf.float32)
        return tf.reduce_sum(nats * real), tf.reduce_sum(real), states

    return objective


def sampled_inputs(
    logits: tf.Tensor, inputs: tf.Tensor, share: tf.Tensor, seeds: keras.random.SeedGenerator
) -> tf.Tensor:
    """Inputs (B, T) some of which, but never `<s>`, are the guesses that logits (B, T, V) say.

    All steps are guessed at once from the right inputs (Duckworth et al. 2019, with one pass), so
    that the decoder need not go step by step.
    """
    guesses = tf.stop_gradient(tf.argmax(logits, axis=2, output_type=tf.int32))
    guesses = tf.concat([inputs[:, :1], guesses[:, :-1]], axis=1)
    drawn = keras.random.uniform(tf.shape(inputs), seed=seeds) < share
    return tf.where(drawn & (inputs != PAD), guesses, inputs)
