"""Recurrent language model: the next token from all before it (Mikolov et al. 2010)."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines import params
from pipelines.layers.recurrent import RecurrentStack, State
from pipelines.layers.words import embedding, word_logits


class LanguageModel(keras.Model):
    """Embedding, recurrent layers, softmax. Shapes: B batch, T steps, V vocabulary.

    Args:
        entry: the model's entry in params.yaml.
        log_frequencies: (V,) of the training tokens, in nats.
    """

    def __init__(
        self, entry: params.LanguageModel, log_frequencies: npt.NDArray[np.float32]
    ) -> None:
        super().__init__()
        self.embedding = embedding(len(log_frequencies), entry.embedding)
        self.stack = RecurrentStack(entry.cell, entry.units, entry.layers, entry.dropout)
        self.dropout = keras.layers.Dropout(entry.dropout)
        self.softmax = word_logits(log_frequencies)

    def zero_state(self, batch: int) -> list[State]:
        """The state before any text."""
        return self.stack.zero_state(batch)

    def call(
        self, ids: tf.Tensor, states: list[State] | None = None, training: bool = False
    ) -> tuple[tf.Tensor, list[State]]:
        """Ids (B, T), state before -> logits (B, T, V) of each next token, state after."""
        outputs, states = self.stack(self.embedding(ids), states=states, training=training)
        return self.softmax(self.dropout(outputs, training=training)), states
