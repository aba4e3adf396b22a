"""Recurrent classifier: read all tokens, then decide once."""

from __future__ import annotations

import keras
import tensorflow as tf

from pipelines import params
from pipelines.layers.recurrent import RecurrentStack
from pipelines.layers.words import embedding
from pipelines.text.vocabulary import PAD


class Classifier(keras.Model):
    """Embedding, recurrent layers, softmax on the last state. B batch, T steps, L labels.

    Args:
        entry: the model's entry in params.yaml.
        vocabulary: V.
        labels: L.
    """

    def __init__(self, entry: params.Classifier, vocabulary: int, labels: int) -> None:
        super().__init__()
        self.embedding = embedding(vocabulary, entry.embedding)
        self.stack = RecurrentStack(
            entry.cell, entry.units, entry.layers, entry.dropout, entry.bidirectional
        )
        self.dropout = keras.layers.Dropout(entry.dropout)
        self.softmax = keras.layers.Dense(labels)

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Ids (B, T), padded at the right -> logits (B, L)."""
        mask = tf.not_equal(ids, PAD)
        _, states = self.stack(self.embedding(ids), mask=mask, training=training)
        return self.softmax(self.dropout(states[-1][0], training=training))
