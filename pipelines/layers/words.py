"""Between ids and vectors: embeddings, softmax over words. B batch, T steps, V vocabulary."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt


def embedding(size: int, width: int) -> keras.layers.Embedding:
    """Ids (B, T) -> vectors (B, T, width), started at a standard deviation of 0.1.

    Keras' own start, uniform within 0.05 (a standard deviation of 0.03), leaves an LSTM's gates
    near zero for hundreds of steps. At 0.5 a text is learnt by heart soonest, but the noise in rare
    words' vectors is never unlearnt: 0.5 against 0.2, all else equal, cost the verses 1 BLEU.
    """
    start = keras.initializers.RandomNormal(0, 0.1)
    return keras.layers.Embedding(size, width, embeddings_initializer=start)


def word_logits(log_frequencies: npt.NDArray[np.float32]) -> keras.layers.Dense:
    """States (B, T, D) -> logits (B, T, V), the bias started at the words' log frequencies.

    With a zero bias the first thing learnt is which words are common, and that pull saturates what
    lies below.
    """
    bias = keras.initializers.Constant(log_frequencies)
    return keras.layers.Dense(len(log_frequencies), bias_initializer=bias)
