"""Ensemble: models of one kind whose probabilities are averaged.

Shapes: B batch, S source steps, T target steps, V vocabulary, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.models.language_model import LanguageModel


class Ensemble:
    """Ensemble with the call signature of its members.

    Logits are the logarithm of the mean probability (Sutskever et al. 2014, for translation), and
    attention weights are averaged. Encoder outputs and states are lists with one entry per member.
    An ensemble only predicts: its members are trained one by one.

    Args:
        members: models, at least one.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        self.members = list(members)

    def count_params(self) -> int:
        """Return the number of parameters of all members."""
        return sum(int(member.count_params()) for member in self.members)

    def zero_state(self, batch: int) -> list[Any]:
        """Return the states of language models before any text."""
        return [member.zero_state(batch) for member in self.members]

    def encode(self, source: tf.Tensor) -> tuple[list[Any], list[Any]]:
        """Encode source ids (B, S): encoder outputs and initial states of every member."""
        encoded, states = zip(*(member.encode(source) for member in self.members), strict=True)
        return list(encoded), list(states)

    def decode(
        self, target: tf.Tensor, states: list[Any], encoded: list[Any]
    ) -> tuple[tf.Tensor, list[Any], tf.Tensor]:
        """Decode target ids (B, T): logits (B, T, V), next states, attention weights (B, T, S)."""
        members = zip(self.members, states, encoded, strict=True)
        decoded = [member.decode(target, state, output) for member, state, output in members]
        logits, new_states, weights = zip(*decoded, strict=True)
        return _mean(logits), list(new_states), tf.add_n(weights) / len(weights)

    def __call__(
        self, ids: tf.Tensor, target: tf.Tensor | None = None, states: list[Any] | None = None
    ) -> Any:
        """Call the members and average their predictions.

        Args:
            ids: (B, T), or (B, S) for a source.
            target: (B, T), previous target tokens, for translation.
            states: previous states, for a language model.

        Returns:
            Classifiers: logits (B, L). Language models: logits (B, T, V) and next states.
            Encoder-decoders: logits (B, T, V) and attention weights (B, T, S).
        """
        if target is not None:
            encoded, states = self.encode(ids)
            logits, _, weights = self.decode(target, states, encoded)
            return logits, weights
        if not isinstance(self.members[0], LanguageModel):
            return _mean([member(ids) for member in self.members])
        states = [None] * len(self.members) if states is None else states
        members = zip(self.members, states, strict=True)
        logits, new_states = zip(
            *(member(ids, states=state) for member, state in members), strict=True
        )
        return _mean(logits), list(new_states)


def _mean(logits: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the logarithm of the mean probability, (..., V)."""
    logs = tf.stack([tf.nn.log_softmax(member) for member in logits])
    return tf.reduce_logsumexp(logs, axis=0) - np.log(len(logits))
