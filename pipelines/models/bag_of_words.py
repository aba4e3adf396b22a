"""Perceptron and MLP on word counts, which ignore word order."""

from __future__ import annotations

import keras
import tensorflow as tf

from pipelines.config import params
from pipelines.text.vocabulary import PAD, Vocabularies


class BagOfWords(keras.Model):
    """Softmax on word counts; with hidden layers an MLP (Rumelhart et al. 1986).

    Args:
        entry: the model's entry in params.yaml.
        vocabulary: V.
        labels: L.
    """

    def __init__(self, entry: params.BagOfWordsConfig, vocabulary: int, labels: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.hidden = [keras.layers.Dense(units, activation="relu") for units in entry.hidden]
        self.dropout = keras.layers.Dropout(entry.dropout)
        self.softmax = keras.layers.Dense(labels)

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Compute the logits (B, L) of ids (B, T), padded at the right."""
        mask = tf.cast(tf.not_equal(ids, PAD), tf.float32)
        size = self.vocabulary
        values = tf.math.bincount(ids, weights=mask, minlength=size, maxlength=size, axis=-1)
        values.set_shape((None, size))
        for layer in self.hidden:
            values = self.dropout(layer(values), training=training)
        return self.softmax(values)


def build(entry: params.BagOfWordsConfig, vocabularies: Vocabularies) -> BagOfWords:
    """Return a new model with initial weights."""
    model = BagOfWords(entry, len(vocabularies.columns["text"]), len(vocabularies.labels))
    model(tf.ones((1, 2), tf.int32))  # creates the weights
    return model
