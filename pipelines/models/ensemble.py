"""Several models of one kind that answer as one, by the mean of their probabilities.

Shapes: B batch, S source steps, T target steps, V vocabulary, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.models.language_model import LanguageModel


class Ensemble:
    """Models of one kind and one vocabulary; called as each of them is.

    Logits are the logarithm of the mean probability (Sutskever et al. 2014, for
    translation), weights the mean of the members' attention. Memory and states are a list with one
    entry for each member. It only predicts: its members are trained one by one.

    Args:
        members: at least one.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        self.members = list(members)

    def count_params(self) -> int:
        """How many numbers all members have learnt."""
        return sum(int(member.count_params()) for member in self.members)

    def zero_state(self, batch: int) -> list[Any]:
        """Language models' states before any text."""
        return [member.zero_state(batch) for member in self.members]

    def encode(self, source: tf.Tensor) -> tuple[list[Any], list[Any]]:
        """Source ids (B, S) -> every member's memory and first states."""
        memory, states = zip(*(member.encode(source) for member in self.members), strict=True)
        return list(memory), list(states)

    def decode(
        self, target: tf.Tensor, states: list[Any], memory: list[Any]
    ) -> tuple[tf.Tensor, list[Any], tf.Tensor]:
        """Target ids (B, T) -> logits (B, T, V), the states after, weights (B, T, S)."""
        each = zip(self.members, states, memory, strict=True)
        answers = [member.decode(target, before, seen) for member, before, seen in each]
        logits, after, weights = zip(*answers, strict=True)
        return _mean(logits), list(after), tf.add_n(weights) / len(weights)

    def __call__(
        self, ids: tf.Tensor, target: tf.Tensor | None = None, states: list[Any] | None = None
    ) -> Any:
        """What a member would answer.

        Args:
            ids: (B, T), or (B, S) of a source.
            target: (B, T), the target tokens before those to predict; for translation.
            states: the states before; for a language model.

        Returns:
            Classifiers: logits (B, L). Language models: logits (B, T, V) and the states after.
            Encoder-decoders: logits (B, T, V) and weights (B, T, S).
        """
        if target is not None:
            memory, states = self.encode(ids)
            logits, _, weights = self.decode(target, states, memory)
            return logits, weights
        if not isinstance(self.members[0], LanguageModel):
            return _mean([member(ids) for member in self.members])
        before = [None] * len(self.members) if states is None else states
        each = zip(self.members, before, strict=True)
        logits, after = zip(*(member(ids, states=one) for member, one in each), strict=True)
        return _mean(logits), list(after)


def _mean(logits: Sequence[tf.Tensor]) -> tf.Tensor:
    """The logarithm of the mean of what are probabilities after a softmax, (..., V)."""
    logs = tf.stack([tf.nn.log_softmax(one) for one in logits])
    return tf.reduce_logsumexp(logs, axis=0) - np.log(len(logits))
