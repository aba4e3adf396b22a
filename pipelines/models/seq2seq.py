"""Encoder-decoder (Sutskever et al. 2014), with or without attention over the encoder states.

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
from pipelines.layers.cell import State, get_cell
from pipelines.layers.embedding import Embedding, OutputProjection
from pipelines.layers.loop import Loop
from pipelines.layers.scan import by_step, scan
from pipelines.layers.scopes import Unscoped, scope
from pipelines.layers.stack import RecurrentStack, dropout_layer
from pipelines.text.vocabulary import PAD, Vocabularies


class EncoderOutput(NamedTuple):
    """Encoder states (B, S, U or 2 U), mask of the real ones (B, S), and keys (B, S, D) as the
    attention projects them."""

    keys: tf.Tensor
    mask: tf.Tensor
    projected: tf.Tensor


class DecoderState(NamedTuple):
    """State of the decoder between two steps.

    Attributes:
        layers: states of the recurrent layers.
        input_feed: attentional vector of the previous step (B, E); (B, 0) without input feeding.
        coverage: sum of the attention weights of each source step (B, S); (B, 0) without coverage.
    """

    layers: list[State]
    input_feed: tf.Tensor
    coverage: tf.Tensor


class Seq2Seq(Unscoped, keras.Model):
    """Encoder, bridge, decoder, attention, softmax.

    Without input feeding the decoder states do not depend on the attention, so the decoder runs
    over the whole target at once and then attends for all steps at once. State and context are
    combined linearly before the softmax, without the tanh of Luong et al. (2015), which saturates
    at the start of training.

    Args:
        entry: the model's entry in params.yaml.
        source_vocabulary: size of the source vocabulary.
        log_frequencies: (V,) of the training target tokens, in nats.
    """

    def __init__(
        self,
        entry: params.Seq2SeqConfig,
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
        self.uses_coverage = entry.attention == "coverage"
        self.input_feeding = bool(entry.input_feeding)
        attends = entry.attention != "none"
        self.attention = Attention(entry.attention, entry.units) if attends else None
        self.combine = keras.layers.Dense(entry.embedding)
        top = entry.dropout if entry.output_dropout is None else entry.output_dropout
        self.dropout = dropout_layer(top, entry.variational)
        self.tied = entry.tied_embeddings is not None
        self.softmax = OutputProjection(log_frequencies, self.tied, entry.precision)
        self.seeds = keras.random.SeedGenerator() if entry.scheduled_sampling else None

    def encode(
        self, source: tf.Tensor, training: bool = False
    ) -> tuple[EncoderOutput, DecoderState]:
        """Encode source ids (B, S): encoder output and initial decoder state."""
        with scope("source_embedding"):
            embedded = self.source_embedding(source, training=training)
        with scope("encoder"):
            mask = tf.not_equal(source, PAD)
            keys, states = self.encoder(embedded, mask=mask, training=training)
        with scope("attention"):
            projected = keys if self.attention is None else self._projected(keys)
        with scope("bridge"):
            bridged = self._bridged(states)
            count, steps = tf.unstack(tf.shape(source))
            input_feed = tf.zeros((count, self.combine.units if self.input_feeding else 0))
            coverage = tf.zeros((count, steps if self.uses_coverage else 0))
        return EncoderOutput(keys, mask, projected), DecoderState(bridged, input_feed, coverage)

    def _projected(self, keys: tf.Tensor) -> tf.Tensor:
        assert self.attention is not None
        if not self.attention.built:
            self.attention.build((None, None, self.decoder.width), keys.shape)
        return self.attention.project(keys)

    def _bridged(self, states: list[State]) -> list[State]:
        bridge = iter(self.bridge)
        return [[next(bridge)(part) for part in state] for state in states]

    def decode(
        self,
        target: tf.Tensor,
        states: DecoderState,
        encoded: EncoderOutput,
        training: bool = False,
    ) -> tuple[tf.Tensor, DecoderState, tf.Tensor]:
        """Predict the next token at each target position.

        Args:
            target: ids (B, T), previous target tokens.
            states: decoder state before them.
            encoded: encoder output of `encode`.
            training: whether dropout is applied.

        Returns:
            Logits (B, T, V), next decoder state, attention weights (B, T, S; 0 without attention).
        """
        with scope("target_embedding"):
            embedded = self.target_embedding(target, training=training)
        if self.input_feeding:
            with scope("decoder"):
                features, states, weights = self._feed(embedded, states, encoded, training)
        else:
            with scope("decoder"):
                outputs, layers = self.decoder(embedded, states=states.layers, training=training)
            features, coverage, weights = self._attend(outputs, states.coverage, encoded)
            with scope("combine"):
                features = self.dropout(features, training=training)
            states = DecoderState(layers, states.input_feed, coverage)
        with scope("softmax"):
            embeddings = self.target_embedding.embeddings
            kernel = tf.convert_to_tensor(embeddings) if self.tied else None
            logits = self.softmax(features, kernel)
        return logits, states, weights

    def _attend(
        self, outputs: tf.Tensor, coverage: tf.Tensor, encoded: EncoderOutput
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Attend: decoder outputs (B, T, U) -> vectors (B, T, E), coverage, weights."""
        if self.attention is None:
            with scope("combine"):
                shape = tf.concat([tf.shape(outputs)[:2], tf.shape(encoded.mask)[1:]], 0)
                return self.combine(outputs), coverage, tf.zeros(shape)
        with scope("attention"):
            if self.uses_coverage:
                context, coverage, weights = self._cover(outputs, coverage, encoded)
            else:
                context, weights = self.attention(outputs, *encoded)
        with scope("combine"):
            return self.combine(tf.concat([outputs, context], axis=2)), coverage, weights

    def _cover(
        self, outputs: tf.Tensor, coverage: tf.Tensor, encoded: EncoderOutput
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Attend step by step, since coverage depends on the previous step."""
        assert self.attention is not None
        attention, steps = self.attention, tf.shape(outputs)[1]

        def step(t: tf.Tensor, coverage: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
            query = outputs[:, t : t + 1]
            context, weights = attention(query, *encoded, coverage=coverage)
            return (context[:, 0], weights[:, 0]), coverage + weights[:, 0]

        (contexts, weights), coverage = scan(step, steps, coverage, keep=2)
        return _rows(contexts, encoded.keys.shape[-1]), coverage, _rows(weights, None)

    def _feed(
        self, embedded: tf.Tensor, states: DecoderState, encoded: EncoderOutput, training: bool
    ) -> tuple[tf.Tensor, DecoderState, tf.Tensor]:
        """Run the decoder step by step with input feeding (Luong et al. 2015, section 3.3).

        The attentional vector (B, E) before the softmax is also part of the next step's input.
        """
        assert self.attention is not None
        # A search decodes single steps, without a loop.
        loop, steps = Loop(), 1 if embedded.shape[1] == 1 else tf.shape(embedded)[1]
        decoder = self.decoder.step_fn(embedded, self.combine.units, training, loop)
        attend = self.attention.step_fn(*encoded, loop)
        if not self.combine.built:
            self.combine.build((None, self.decoder.width + encoded.keys.shape[-1]))
        combine, bias = loop.kernel(self.combine.kernel), loop.constant(self.combine.bias)
        # Draw the dropout masks of all steps before the first, as without input feeding.
        ones = tf.ones((tf.shape(embedded)[0], steps, self.combine.units))
        dropout_masks = by_step(self.dropout(ones, training=training))

        def step(t: tf.Tensor, states: DecoderState) -> tuple[tuple[tf.Tensor, ...], DecoderState]:
            output, layers = decoder(t, states.input_feed, states.layers)
            context, weights = attend(output, states.coverage if self.uses_coverage else None)
            features = combine(tf.concat([output, context], axis=1)) + bias
            features *= dropout_masks.read(t)
            coverage = states.coverage + weights if self.uses_coverage else states.coverage
            return (features, weights), DecoderState(layers, features, coverage)

        (features, weights), states = loop.run(step, steps, states, keep=2)
        return _rows(features, self.combine.units), states, _rows(weights, None)

    def call(
        self, source: tf.Tensor, target: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Run with teacher forcing: (B, S), (B, T) -> logits (B, T, V), weights (B, T, S)."""
        encoded, states = self.encode(source, training=training)
        logits, _, weights = self.decode(target, states, encoded, training=training)
        return logits, weights


def _bridge(entry: params.Seq2SeqConfig) -> list[keras.layers.Layer]:
    """Return one layer for each state tensor of each recurrent layer."""
    parts = entry.layers * get_cell(entry.cell).states
    if entry.bridge == "copy":
        return [keras.layers.Identity() for _ in range(parts)]
    if entry.bridge == "zero":
        units = entry.units
        return [
            keras.layers.Lambda(lambda part: tf.zeros((tf.shape(part)[0], units)))
            for _ in range(parts)
        ]
    return [keras.layers.Dense(entry.units, "tanh") for _ in range(parts)]


def _rows(steps: tf.Tensor, width: int | None) -> tf.Tensor:
    """Transpose (T, B, D) to (B, T, D)."""
    rows = tf.transpose(steps, (1, 0, 2))
    rows.set_shape((None, None, width))
    return rows


def build(entry: params.Seq2SeqConfig, vocabularies: Vocabularies) -> Seq2Seq:
    """Return a new model with initial weights."""
    source, target = vocabularies.columns["source"], vocabularies.columns["target"]
    model = Seq2Seq(entry, len(source), target.log_frequencies())
    ids = tf.ones((1, 2), tf.int32)
    model(ids, ids)  # creates the weights
    return model
