"""Encoder-decoder (Sutskever et al. 2014), with attention over all encoder states or without.

Shapes: B batch, S source steps, T target steps, U units, E embedding, V target vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.config import params
from pipelines.layers.attention import Attention
from pipelines.layers.cell import State
from pipelines.layers.embedding import Embedding, OutputProjection
from pipelines.layers.scan import scan
from pipelines.layers.stack import RecurrentStack, dropout_layer
from pipelines.text.vocabulary import PAD


class EncoderOutput(NamedTuple):
    """What the decoder may look at: every encoder state (B, S, U or 2 U), which of them are real
    (B, S), and what the attention's score makes of them (B, S, D)."""

    keys: tf.Tensor
    mask: tf.Tensor
    projected: tf.Tensor


class DecoderState(NamedTuple):
    """What the decoder carries from step to step.

    `layers` are the states of its recurrent layers. `fed` is what it attended to at the step before
    (B, E), `covered` the attention that each source step has had (B, S); both are (B, 0) where the
    model makes no use of them.
    """

    layers: list[State]
    fed: tf.Tensor
    covered: tf.Tensor


class Seq2Seq(keras.Model):
    """Encoder, bridge, decoder, attention, softmax.

    Without input feeding the decoder's states do not depend on the attention, so its recurrence
    runs over the whole target at once, and then attends for all steps at once. State and context
    are combined linearly before the softmax, not through the tanh of Luong et al. (2015): at the
    start of training the pull towards the common words saturates it.

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
        size = len(log_frequencies)
        self.target_embedding = Embedding(size, entry.embedding, entry.word_dropout)
        self.source_embedding = self.target_embedding
        if entry.tied_embeddings != "all":
            self.source_embedding = Embedding(
                source_vocabulary, entry.embedding, entry.word_dropout
            )
        self.encoder = RecurrentStack.of(entry, entry.bidirectional)
        self.bridge = _bridge(entry)
        self.decoder = RecurrentStack.of(entry)
        self.covers, self.feeds = entry.attention == "coverage", bool(entry.input_feeding)
        scored = entry.attention != "none"
        self.attention = Attention(entry.attention, entry.units) if scored else None
        self.combine = keras.layers.Dense(entry.embedding)
        top = entry.dropout if entry.output_dropout is None else entry.output_dropout
        self.dropout = dropout_layer(top, entry.variational)
        self.tied = entry.tied_embeddings is not None
        self.softmax = OutputProjection(log_frequencies, self.tied, entry.precision)
        self.seeds = keras.random.SeedGenerator() if entry.scheduled_sampling else None

    def encode(
        self, source: tf.Tensor, training: bool = False
    ) -> tuple[EncoderOutput, DecoderState]:
        """Source ids (B, S) -> what the decoder may look at, and the states it starts from."""
        mask = tf.not_equal(source, PAD)
        embedded = self.source_embedding(source, training=training)
        keys, states = self.encoder(embedded, mask=mask, training=training)
        count, steps = tf.unstack(tf.shape(source))
        fed = tf.zeros((count, self.combine.units if self.feeds else 0))
        covered = tf.zeros((count, steps if self.covers else 0))
        projected = keys if self.attention is None else self._projected(keys)
        return EncoderOutput(keys, mask, projected), DecoderState(
            self._bridged(states), fed, covered
        )

    def _projected(self, keys: tf.Tensor) -> tf.Tensor:
        assert self.attention is not None
        if not self.attention.built:
            self.attention.build((None, None, self.decoder.width), keys.shape)
        return self.attention.project(keys)

    def _bridged(self, states: list[State]) -> list[State]:
        bridge = iter(self.bridge)
        return [[next(bridge)(part) for part in state] for state in states]

    def decode(
        self, target: tf.Tensor, states: DecoderState, memory: EncoderOutput, training: bool = False
    ) -> tuple[tf.Tensor, DecoderState, tf.Tensor]:
        """Predict each next token of a target.

        Args:
            target: ids (B, T), the tokens before those to predict.
            states: the decoder's states before them.
            memory: from `encode`.
            training: whether dropout is on.

        Returns:
            Logits (B, T, V), the states after, weights (B, T, S), zeros without attention.
        """
        embedded = self.target_embedding(target, training=training)
        if self.feeds:
            read, states, weights = self._feed(embedded, states, memory, training)
        else:
            outputs, layers = self.decoder(embedded, states=states.layers, training=training)
            read, covered, weights = self._attend(outputs, states.covered, memory)
            read = self.dropout(read, training=training)
            states = DecoderState(layers, states.fed, covered)
        embeddings = self.target_embedding.embeddings
        logits = self.softmax(read, tf.convert_to_tensor(embeddings) if self.tied else None)
        return logits, states, weights

    def _attend(
        self, outputs: tf.Tensor, covered: tf.Tensor, memory: EncoderOutput
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Decoder outputs (B, T, U) -> what the softmax reads (B, T, E), coverage, weights."""
        if self.attention is None:
            shape = tf.concat([tf.shape(outputs)[:2], tf.shape(memory.mask)[1:]], 0)
            return self.combine(outputs), covered, tf.zeros(shape)
        if self.covers:
            context, covered, weights = self._cover(outputs, covered, memory)
        else:
            context, weights = self.attention(outputs, *memory)
        return self.combine(tf.concat([outputs, context], axis=2)), covered, weights

    def _cover(
        self, outputs: tf.Tensor, covered: tf.Tensor, memory: EncoderOutput
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Attend step by step: what is covered depends on the step before."""
        assert self.attention is not None
        attention, steps = self.attention, tf.shape(outputs)[1]

        def step(t: tf.Tensor, covered: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
            query = outputs[:, t : t + 1]
            context, weights = attention(query, *memory, coverage=covered)
            return (context[:, 0], weights[:, 0]), covered + weights[:, 0]

        (contexts, kept), covered = scan(step, steps, covered, keep=2)
        return _rows(contexts, memory.keys.shape[-1]), covered, _rows(kept, None)

    def _feed(
        self, embedded: tf.Tensor, states: DecoderState, memory: EncoderOutput, training: bool
    ) -> tuple[tf.Tensor, DecoderState, tf.Tensor]:
        """Input feeding (Luong et al. 2015, section 3.3): the whole decoder step by step.

        What is read before the softmax, (B, T, E), also is part of the next step's input.
        """
        assert self.attention is not None
        attention, steps = self.attention, tf.shape(embedded)[1]
        decoder = self.decoder.step_fn(embedded, self.combine.units, training)
        # Masks of ones are drawn for all steps before the first, as without input feeding.
        ones = tf.ones((tf.shape(embedded)[0], steps, self.combine.units))
        kept_units = self.dropout(ones, training=training)

        def step(t: tf.Tensor, states: DecoderState) -> tuple[tuple[tf.Tensor, ...], DecoderState]:
            output, layers = decoder(t, states.fed, states.layers)
            covered = states.covered if self.covers else None
            context, weights = attention(output[:, None], *memory, coverage=covered)
            read = self.combine(tf.concat([output, context[:, 0]], axis=1)) * kept_units[:, t]
            covered = states.covered + weights[:, 0] if self.covers else states.covered
            return (read, weights[:, 0]), DecoderState(layers, read, covered)

        (reads, kept), states = scan(step, steps, states, keep=2)
        return _rows(reads, self.combine.units), states, _rows(kept, None)

    def call(
        self, source: tf.Tensor, target: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Teacher forcing: source (B, S), target (B, T) -> logits (B, T, V), weights (B, T, S)."""
        memory, states = self.encode(source, training=training)
        logits, _, weights = self.decode(target, states, memory, training=training)
        return logits, weights


def _bridge(entry: params.Seq2Seq) -> list[keras.layers.Layer]:
    """One layer for each part of the state of each recurrent layer."""
    parts = entry.layers * (2 if entry.cell == "lstm" else 1)
    if entry.bridge == "copy":
        return [keras.layers.Identity() for _ in range(parts)]
    if entry.bridge == "zero":
        units = entry.units
        return [
            keras.layers.Lambda(lambda part: tf.zeros((tf.shape(part)[0], units)))
            for _ in range(parts)
        ]
    return [keras.layers.Dense(entry.units, "tanh") for _ in range(parts)]


def _rows(kept: tf.Tensor, width: int | None) -> tf.Tensor:
    """(T, B, D) -> (B, T, D)."""
    rows = tf.transpose(kept, (1, 0, 2))
    rows.set_shape((None, None, width))
    return rows
