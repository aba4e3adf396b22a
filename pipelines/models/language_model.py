"""Recurrent language model (Mikolov et al. 2010)."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.config import params
from pipelines.layers.cell import State
from pipelines.layers.embedding import Embedding, OutputProjection
from pipelines.layers.scopes import Unscoped, scope
from pipelines.layers.stack import RecurrentStack, dropout_layer
from pipelines.text.vocabulary import Vocabularies


class LanguageModel(Unscoped, keras.Model):
    """Embedding, recurrent layers, softmax. Shapes: B batch, T steps, U units, V vocabulary.

    With `tied` and more or fewer units than the embedding is wide, a linear layer stands between.

    Args:
        entry: the model's entry in params.yaml.
        log_frequencies: (V,) of the training tokens, in nats.
    """

    def __init__(
        self, entry: params.LanguageModelConfig, log_frequencies: npt.NDArray[np.float32]
    ) -> None:
        super().__init__()
        self.activation_regularization = entry.activation_regularization
        self.temporal_activation_regularization = entry.temporal_activation_regularization
        self.tied = bool(entry.tied_embeddings)
        self.embedding = Embedding(len(log_frequencies), entry.embedding, entry.word_dropout)
        self.stack = RecurrentStack.of(entry)
        top = entry.dropout if entry.output_dropout is None else entry.output_dropout
        self.dropout = dropout_layer(top, entry.variational)
        resize = self.tied and entry.units != entry.embedding
        self.projection = keras.layers.Dense(entry.embedding, use_bias=False) if resize else None
        self.softmax = OutputProjection(log_frequencies, self.tied, entry.precision)

    def zero_state(self, batch: int) -> list[State]:
        """Return the state before any text."""
        return self.stack.zero_state(batch)

    def call(
        self, ids: tf.Tensor, states: list[State] | None = None, training: bool = False
    ) -> tuple[tf.Tensor, list[State]]:
        """Compute the logits (B, T, V) of each next token, and the next states."""
        with scope("embedding"):
            embedded = self.embedding(ids, training=training)
        with scope("recurrent"):
            outputs, states = self.stack(embedded, states=states, training=training)
        with scope("dropout"):
            features = self.dropout(outputs, training=training)
        if training:
            with scope("regularization"):
                self._regularize(outputs, features)
        with scope("softmax"):
            if self.projection is not None:
                features = self.projection(features)
            embeddings = tf.convert_to_tensor(self.embedding.embeddings) if self.tied else None
            return self.softmax(features, embeddings), states

    def _regularize(self, outputs: tf.Tensor, features: tf.Tensor) -> None:
        """Add losses on activations (B, T, U) that are large after dropout, or that change fast
        (Merity et al. 2017, section 4.3, alpha and beta; both are means over units)."""
        if self.activation_regularization is not None:
            penalty = tf.reduce_mean(tf.square(features))
            self.add_loss(self.activation_regularization * penalty)
        if self.temporal_activation_regularization is not None:
            change = outputs[:, 1:] - outputs[:, :-1]
            penalty = tf.reduce_mean(tf.square(change))
            self.add_loss(self.temporal_activation_regularization * penalty)


def build(entry: params.LanguageModelConfig, vocabularies: Vocabularies) -> LanguageModel:
    """Return a new model with initial weights."""
    model = LanguageModel(entry, vocabularies.columns["text"].log_frequencies())
    model(tf.ones((1, 2), tf.int32))  # creates the weights
    return model
