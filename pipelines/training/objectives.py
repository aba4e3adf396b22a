"""Objectives: the loss of each kind of model, cross entropy in nats, summed and counted.

Shapes: B batch, S source steps, T target steps, V vocabulary, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.layers.scopes import scope
from pipelines.text.vocabulary import PAD
from pipelines.training.losses import cross_entropy

# (model, batch, carried states, progress) -> (sum of nats, number of summands, next states)
# Progress is the fraction of the training that is done, None in validation.
Objective = Callable[[keras.Model, Any, Any, tf.Tensor | None], tuple[tf.Tensor, tf.Tensor, Any]]


def next_token_loss(
    model: keras.Model, batch: Any, states: Any, progress: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Compute a language model's loss per token.

    Args:
        model: the language model.
        batch: inputs and targets, (B, T) each.
        states: carried states.
        progress: fraction of the training that is done; None in validation.
    """
    inputs, targets = batch
    logits, states = model(inputs, states=states, training=progress is not None)
    with scope("loss"):
        nats = cross_entropy(targets, logits)
        return tf.reduce_sum(nats), tf.cast(tf.size(nats), tf.float32), states


def label_loss(
    model: keras.Model, batch: Any, states: Any, progress: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Compute a classifier's loss per example.

    Args:
        model: the classifier.
        batch: ids (B, T) and labels (B,).
        states: returned unchanged.
        progress: fraction of the training that is done; None in validation.
    """
    ids, labels = batch
    logits = model(ids, training=progress is not None)
    with scope("loss"):
        nats = cross_entropy(labels, logits)
        return tf.reduce_sum(nats), tf.cast(tf.size(nats), tf.float32), states


def weighted_label_loss(weights: npt.NDArray[np.float32]) -> Objective:
    """Return `label_loss` with each training example weighted by its label.

    Args:
        weights: (L,). Their mean over the training examples should be 1, as for
            `balanced_weights`, so that the learning rate keeps its meaning.
    """

    def objective(
        model: keras.Model, batch: Any, states: Any, progress: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, Any]:
        if progress is None:
            return label_loss(model, batch, states, progress)
        ids, labels = batch
        logits = model(ids, training=True)
        with scope("loss"):
            nats = cross_entropy(labels, logits)
            weighted = nats * tf.gather(tf.constant(weights), labels)
            return tf.reduce_sum(weighted), tf.cast(tf.size(nats), tf.float32), states

    return objective


def balanced_weights(labels: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.float32]:
    """Return weights (L,) that balance the labels: N / (L n) for a label that occurs n times.

    As King and Zeng (2001) and scikit-learn's `class_weight="balanced"`.

    Args:
        labels: (N,), labels of the training examples; each label occurs at least once.
        size: number of labels L.
    """
    return (len(labels) / (size * np.bincount(labels, minlength=size))).astype(np.float32)


def tag_loss(
    model: keras.Model, batch: Any, states: Any, progress: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Compute a tagger's loss per token.

    Args:
        model: the tagger.
        batch: ids and tags, (B, T) each.
        states: returned unchanged.
        progress: fraction of the training that is done; None in validation.
    """
    ids, tags = batch
    logits = model(ids, training=progress is not None)
    with scope("loss"):
        mask = tf.not_equal(ids, PAD)
        weights = tf.cast(mask, tf.float32)
        if model.crf is None:
            nats = cross_entropy(tags, logits) * weights
        else:
            nats = model.crf.loss(logits, tags, mask)
        return tf.reduce_sum(nats), tf.reduce_sum(weights), states


def translation_loss(smoothing: float | None, sampling: float | None) -> Objective:
    """Return an encoder-decoder's loss per target token, `</s>` included.

    A batch is source (B, S) and target (B, T + 1) from `<s>` to `</s>`.

    Args:
        smoothing: label smoothing in training: fraction of the probability spread evenly over all
            words (Szegedy et al. 2016, section 7).
        sampling: scheduled sampling: fraction of the decoder's inputs that are its own predictions
            at the end of the training; it rises linearly from 0 (Bengio et al. 2015).
    """

    def objective(
        model: keras.Model, batch: Any, states: Any, progress: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, Any]:
        source, target = batch
        with scope("teacher_forcing"):
            inputs, targets = target[:, :-1], target[:, 1:]
        training = progress is not None
        memory, initial_states = model.encode(source, training=training)
        if progress is not None and sampling is not None:
            with scope("scheduled_sampling"):
                logits, _, _ = model.decode(inputs, initial_states, memory, training=True)
                inputs = sampled_inputs(logits, inputs, progress * sampling, model.seeds)
        logits, _, _ = model.decode(inputs, initial_states, memory, training=training)
        train_smoothing = smoothing if progress is not None and smoothing is not None else 0.0
        with scope("loss"):
            nats = cross_entropy(targets, logits, train_smoothing)
            mask = tf.cast(tf.not_equal(targets, PAD), tf.float32)
            return tf.reduce_sum(nats * mask), tf.reduce_sum(mask), states

    return objective


def sampled_inputs(
    logits: tf.Tensor, inputs: tf.Tensor, rate: tf.Tensor, seeds: keras.random.SeedGenerator
) -> tf.Tensor:
    """Replace some decoder inputs, but never `<s>` or padding, by the model's predictions.

    All steps are predicted at once from the right inputs (Duckworth et al. 2019, with one pass), so
    that the decoder need not run step by step.

    Args:
        logits: (B, T, V), predictions from the right inputs.
        inputs: (B, T), the right inputs.
        rate: fraction of the inputs to replace.
        seeds: generator of random numbers.
    """
    predictions = tf.stop_gradient(tf.argmax(logits, axis=2, output_type=tf.int32))
    predictions = tf.concat([inputs[:, :1], predictions[:, :-1]], axis=1)
    replaced = keras.random.uniform(tf.shape(inputs), seed=seeds) < rate
    return tf.where(replaced & (inputs != PAD), predictions, inputs)
