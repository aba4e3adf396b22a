"""Text that a language model writes, token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.models.ngram import NGram
from pipelines.text.vocabulary import END, PAD, START, UNK

Ids = npt.NDArray[np.int32]
Step = Callable[[int], npt.NDArray[np.float64]]  # a token -> log probabilities (V,) of the next


def write(
    step: Step, beginning: Ids, length: int, temperature: float, random: np.random.Generator
) -> Ids:
    """Draw `length` tokens after a beginning.

    Args:
        step: takes the next token and gives the log probabilities of the one after it.
        beginning: (N,), N >= 1.
        length: how many tokens to draw.
        temperature: divides the log probabilities; near 0 the likeliest token always wins.
        random: where chance comes from.

    Returns:
        (N + length,), the beginning and what was drawn.
    """
    for token in beginning[:-1]:
        step(int(token))
    written = [int(token) for token in beginning]
    for _ in range(length):
        logits = step(written[-1]) / temperature
        # What stands for no text is never drawn.
        logits[[PAD, UNK, START]] = -np.inf
        probability = np.exp(logits - logits.max())
        written.append(int(random.choice(len(logits), p=probability / probability.sum())))
    return np.array(written, dtype=np.int32)


def ngram_steps(model: NGram) -> Step:
    """The steps of a Markov model."""
    past = [END]

    def step(token: int) -> npt.NDArray[np.float64]:
        past.append(token)
        return np.log(model.next_probabilities(np.array(past[-model.order :], dtype=np.int32)))

    return step


def recurrent_steps(model: Any) -> Step:
    """The steps of a LanguageModel, its state carried from one to the next."""
    import tensorflow as tf

    compiled = tf.function(lambda ids, states: model(ids, states=states))
    _, states = compiled(tf.constant([[END]]), model.zero_state(1))

    def step(token: int) -> npt.NDArray[np.float64]:
        nonlocal states
        logits, states = compiled(tf.constant([[token]]), states)
        return tf.nn.log_softmax(logits[0, 0]).numpy().astype(np.float64)

    return step
