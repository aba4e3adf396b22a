"""Recurrent classifier of whole texts."""

from __future__ import annotations

import keras
import tensorflow as tf

from pipelines.config import params
from pipelines.layers.embedding import Embedding
from pipelines.layers.pooling import Pool
from pipelines.layers.scopes import Unscoped, scope
from pipelines.layers.stack import RecurrentStack
from pipelines.text.vocabulary import PAD, Vocabularies


class Classifier(Unscoped, keras.Model):
    """Embedding, recurrent layers, pooling, softmax. B batch, T steps, L labels.

    Args:
        entry: the model's entry in params.yaml.
        vocabulary: V.
        labels: L.
    """

    def __init__(self, entry: params.ClassifierConfig, vocabulary: int, labels: int) -> None:
        super().__init__()
        self.embedding = Embedding(vocabulary, entry.embedding, entry.word_dropout)
        self.stack = RecurrentStack.of(entry, entry.bidirectional)
        self.pool = Pool(entry.pooling)
        top = entry.dropout if entry.output_dropout is None else entry.output_dropout
        self.dropout = keras.layers.Dropout(top)
        self.softmax = keras.layers.Dense(labels)

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Compute the logits (B, L) of ids (B, T), padded at the right."""
        with scope("embedding"):
            embedded = self.embedding(ids, training=training)
        with scope("recurrent"):
            mask = tf.not_equal(ids, PAD)
            outputs, states = self.stack(embedded, mask=mask, training=training)
        with scope("pool"):
            pooled = self.pool(outputs, self.stack.last_output(states), mask=mask)
        with scope("softmax"):
            return self.softmax(self.dropout(pooled, training=training))


def build(entry: params.ClassifierConfig, vocabularies: Vocabularies) -> Classifier:
    """Return a new model with initial weights."""
    model = Classifier(entry, len(vocabularies.columns["text"]), len(vocabularies.labels))
    model(tf.ones((1, 2), tf.int32))  # creates the weights
    return model
