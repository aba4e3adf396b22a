"""Recurrent language model: the next token from all before it (Mikolov et al. 2010)."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.config import params
from pipelines.layers.cell import State
from pipelines.layers.embedding import Embedding, OutputProjection
from pipelines.layers.stack import RecurrentStack, dropout_layer


class LanguageModel(keras.Model):
    """Embedding, recurrent layers, softmax. Shapes: B batch, T steps, U units, V vocabulary.

    With `tied` and more or fewer units than the embedding is wide, a linear layer stands between.

    Args:
        entry: the model's entry in params.yaml.
        log_frequencies: (V,) of the training tokens, in nats.
    """

    def __init__(
        self, entry: params.LanguageModel, log_frequencies: npt.NDArray[np.float32]
    ) -> None:
        super().__init__()
        self.ar, self.tar, self.tied = (
            entry.activation_regularization,
            entry.temporal_activation_regularization,
            bool(entry.tied_embeddings),
        )
        self.embedding = Embedding(len(log_frequencies), entry.embedding, entry.word_dropout)
        self.stack = RecurrentStack.of(entry)
        top = entry.dropout if entry.output_dropout is None else entry.output_dropout
        self.dropout = dropout_layer(top, entry.variational)
        narrow = self.tied and entry.units != entry.embedding
        self.narrow = keras.layers.Dense(entry.embedding, use_bias=False) if narrow else None
        self.softmax = OutputProjection(log_frequencies, self.tied, entry.precision)

    def zero_state(self, batch: int) -> list[State]:
        """The state before any text."""
        return self.stack.zero_state(batch)

    def call(
        self, ids: tf.Tensor, states: list[State] | None = None, training: bool = False
    ) -> tuple[tf.Tensor, list[State]]:
        """Ids (B, T), state before -> logits (B, T, V) of each next token, state after."""
        embedded = self.embedding(ids, training=training)
        outputs, states = self.stack(embedded, states=states, training=training)
        read = self.dropout(outputs, training=training)
        if training:
            self._regularise(outputs, read)
        if self.narrow is not None:
            read = self.narrow(read)
        embeddings = tf.convert_to_tensor(self.embedding.embeddings) if self.tied else None
        return self.softmax(read, embeddings), states

    def _regularise(self, outputs: tf.Tensor, read: tf.Tensor) -> None:
        """Activations (B, T, U) that are large after dropout, or that change fast, cost something
        (Merity et al. 2017, section 4.3, alpha and beta; there as here a mean over units)."""
        if self.ar is not None:
            self.add_loss(self.ar * tf.reduce_mean(tf.square(read)))
        if self.tar is not None:
            change = outputs[:, 1:] - outputs[:, :-1]
            self.add_loss(self.tar * tf.reduce_mean(tf.square(change)))
