"""Encoder-decoder (Sutskever et al. 2014), with attention over all encoder states or without.

Shapes: B batch, S source steps, T target steps, U units, V target vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines import params
from pipelines.layers.attention import Attention
from pipelines.layers.recurrent import RecurrentStack, State
from pipelines.layers.words import embedding, word_logits
from pipelines.text.vocabulary import PAD


class Memory(NamedTuple):
    """Every encoder state (B, S, U or 2 U), and which of them are real (B, S)."""

    keys: tf.Tensor
    mask: tf.Tensor


class Seq2Seq(keras.Model):
    """Encoder, bridge, decoder, attention, softmax.

    No input feeding: the decoder's states do not depend on the attention, so its recurrence runs
    over the whole target at once, and then attends for all steps at once. State and context are
    combined linearly before the softmax, not through the tanh of Luong et al. (2015): at the start
    of training the pull towards the common words saturates it.

    Args:
        entry: the model's entry in params.yaml.
        source_vocabulary: size of the source vocabulary.
        log_frequencies: (V,) of the training target tokens, in nats.
    """

    def __init__(
        self,
        entry: params.Seq2Seq,
        source_vocabulary: int,
        log_frequencies: npt.NDArray[np.float32],
    ) -> None:
        super().__init__()
        self.source_embedding = embedding(source_vocabulary, entry.embedding)
        self.encoder = RecurrentStack(
            entry.cell, entry.units, entry.layers, entry.dropout, entry.bidirectional
        )
        states = entry.layers * (2 if entry.cell == "lstm" else 1)
        self.bridge = [keras.layers.Dense(entry.units, "tanh") for _ in range(states)]
        self.target_embedding = embedding(len(log_frequencies), entry.embedding)
        self.decoder = RecurrentStack(entry.cell, entry.units, entry.layers, entry.dropout)
        scored = entry.attention != "none"
        self.attention = Attention(entry.attention, entry.units) if scored else None
        self.combine = keras.layers.Dense(entry.embedding)
        self.dropout = keras.layers.Dropout(entry.dropout)
        self.softmax = word_logits(log_frequencies)

    def encode(self, source: tf.Tensor, training: bool = False) -> tuple[Memory, list[State]]:
        """Source ids (B, S) -> what the decoder may look at, and the states it starts from."""
        mask = tf.not_equal(source, PAD)
        embedded = self.source_embedding(source)
        keys, states = self.encoder(embedded, mask=mask, training=training)
        bridge = iter(self.bridge)
        return Memory(keys, mask), [[next(bridge)(part) for part in state] for state in states]

    def decode(
        self, target: tf.Tensor, states: list[State], memory: Memory, training: bool = False
    ) -> tuple[tf.Tensor, list[State], tf.Tensor]:
        """Predict each next token of a target.

        Args:
            target: ids (B, T), the tokens before those to predict.
            states: the decoder's states before them.
            memory: from `encode`.
            training: whether dropout is on.

        Returns:
            Logits (B, T, V), the states after, weights (B, T, S), zeros without attention.
        """
        embedded = self.target_embedding(target)
        outputs, states = self.decoder(embedded, states=states, training=training)
        weights = tf.zeros((tf.shape(target)[0], tf.shape(target)[1], tf.shape(memory.mask)[1]))
        if self.attention is not None:
            context, weights = self.attention(outputs, memory.keys, memory.mask)
            outputs = tf.concat([outputs, context], axis=2)
        combined = self.dropout(self.combine(outputs), training=training)
        return self.softmax(combined), states, weights

    def call(
        self, source: tf.Tensor, target: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Teacher forcing: source (B, S), target (B, T) -> logits (B, T, V), weights (B, T, S)."""
        memory, states = self.encode(source, training=training)
        logits, _, weights = self.decode(target, states, memory, training=training)
        return logits, weights
