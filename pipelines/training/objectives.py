"""What each kind of model is trained to make small: cross entropy, in nats, summed and counted.

Shapes: B batch, S source steps, T target steps, V vocabulary, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from pipelines.text.vocabulary import PAD

# (model, batch, carried states, training) -> (nats summed, how many were summed, states after)
Objective = Callable[[keras.Model, Any, Any, bool], tuple[tf.Tensor, tf.Tensor, Any]]


def next_token(
    model: keras.Model, batch: Any, states: Any, training: bool
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Language model: nats per token; `batch` is inputs and targets (B, T), state carried."""
    inputs, targets = batch
    logits, states = model(inputs, states=states, training=training)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return tf.reduce_sum(nats), tf.cast(tf.size(nats), tf.float32), states


def label(
    model: keras.Model, batch: Any, states: Any, training: bool
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Classifier: nats per example; `batch` is ids (B, T) and labels (B,)."""
    ids, labels = batch
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(ids, training=training))
    return tf.reduce_sum(nats), tf.cast(tf.size(nats), tf.float32), states


def translation(
    model: keras.Model, batch: Any, states: Any, training: bool
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Encoder-decoder: nats per target token, `</s>` counted.

    `batch` is source (B, S) and target (B, T + 1) from `<s>` to `</s>`.
    """
    source, target = batch
    logits, _ = model(source, target[:, :-1], training=training)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(target[:, 1:], logits)
    real = tf.cast(tf.not_equal(target[:, 1:], PAD), tf.float32)
    return tf.reduce_sum(nats * real), tf.reduce_sum(real), states
