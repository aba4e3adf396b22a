"""Perceptron and MLP on words: counts ignore word order, position-fixed features do not."""

from __future__ import annotations

import keras
import tensorflow as tf

from pipelines.config import params
from pipelines.layers.scopes import Unscoped, scope
from pipelines.text.vocabulary import PAD, Vocabularies


class BagOfWords(Unscoped, keras.Model):
    """Softmax on word counts; with hidden layers an MLP (Rumelhart et al. 1986).

    With `positions` a feature is a word at a position, instead of a word: position * V + id. Words
    after the last position are ignored.

    Args:
        entry: the model's entry in params.yaml.
        vocabulary: V.
        labels: L.
    """

    def __init__(self, entry: params.BagOfWordsConfig, vocabulary: int, labels: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.positions = entry.positions
        self.hidden = [keras.layers.Dense(units, activation="relu") for units in entry.hidden]
        self.dropout = keras.layers.Dropout(entry.dropout)
        self.softmax = keras.layers.Dense(labels)
        self.first = "hidden_1" if entry.hidden else "softmax"  # scope of the first layer
        if self.positions is not None:
            with scope(self.first):
                (self.hidden or [self.softmax])[0].build((None, self.positions * vocabulary))

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Compute the logits (B, L) of ids (B, T), padded at the right."""
        layers = list(enumerate(self.hidden, start=1))
        if self.positions is None:
            with scope("counts"):
                values = self._count(ids)
        else:
            with scope(self.first):
                values = self._look_up(ids[:, : self.positions])
                if not self.hidden:
                    return values
                values = self.dropout(tf.nn.relu(values), training=training)
            layers = layers[1:]
        for number, layer in layers:
            with scope(f"hidden_{number}"):
                values = self.dropout(layer(values), training=training)
        with scope("softmax"):
            return self.softmax(values)

    def _count(self, ids: tf.Tensor) -> tf.Tensor:
        """Count the words of each text: (B, V)."""
        mask = tf.cast(tf.not_equal(ids, PAD), tf.float32)
        size = self.vocabulary
        values = tf.math.bincount(ids, weights=mask, minlength=size, maxlength=size, axis=-1)
        values.set_shape((None, size))
        return values

    def _look_up(self, ids: tf.Tensor) -> tf.Tensor:
        """Compute the first layer (B, units) without its activation, from the rows of its kernel.

        This is the product of the kernel with a vector of positions * V numbers, of which all but
        T are zero.
        """
        layer = (self.hidden or [self.softmax])[0]
        features = ids + self.vocabulary * tf.range(tf.shape(ids)[1])  # (B, T)
        mask = tf.cast(tf.not_equal(ids, PAD), tf.float32)[:, :, None]
        return tf.reduce_sum(tf.gather(layer.kernel, features) * mask, axis=1) + layer.bias


def build(entry: params.BagOfWordsConfig, vocabularies: Vocabularies) -> BagOfWords:
    """Return a new model with initial weights."""
    model = BagOfWords(entry, len(vocabularies.columns["text"]), len(vocabularies.labels))
    model(tf.ones((1, 2), tf.int32))  # creates the weights
    return model
