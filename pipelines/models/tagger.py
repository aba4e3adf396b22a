"""Recurrent tagger: a tag for each token of a text."""

from __future__ import annotations

import keras
import tensorflow as tf

from pipelines.config import params
from pipelines.layers.crf import CRF
from pipelines.layers.embedding import Embedding
from pipelines.layers.scopes import Unscoped, scope
from pipelines.layers.stack import RecurrentStack
from pipelines.text.vocabulary import PAD, Vocabularies


class Tagger(Unscoped, keras.Model):
    """Embedding, recurrent layers, and a softmax for each token or a CRF over the sentence.

    As in Huang et al. (2015), without their features of spelling and context. B batch, T tokens,
    L tags.

    Args:
        entry: the model's entry in params.yaml.
        vocabulary: V.
        tags: L.
    """

    def __init__(self, entry: params.TaggerConfig, vocabulary: int, tags: int) -> None:
        super().__init__()
        self.embedding = Embedding(vocabulary, entry.embedding, entry.word_dropout)
        self.stack = RecurrentStack.of(entry, entry.bidirectional)
        top = entry.dropout if entry.output_dropout is None else entry.output_dropout
        self.dropout = keras.layers.Dropout(top)
        self.softmax = keras.layers.Dense(tags)
        self.crf = CRF(tags) if entry.crf else None
        if self.crf is not None:
            with scope("crf"):
                self.crf.build((None, None, tags))  # `call` does not reach it

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Ids (B, T), padded at the right -> logits (B, T, L)."""
        with scope("embedding"):
            embedded = self.embedding(ids, training=training)
        with scope("recurrent"):
            outputs, _ = self.stack(embedded, mask=tf.not_equal(ids, PAD), training=training)
        with scope("softmax"):
            return self.softmax(self.dropout(outputs, training=training))


def build(entry: params.TaggerConfig, vocabularies: Vocabularies) -> Tagger:
    """Return a new model with initial weights."""
    model = Tagger(entry, len(vocabularies.columns["text"]), len(vocabularies.labels))
    model(tf.ones((1, 2), tf.int32))  # creates the weights
    return model
