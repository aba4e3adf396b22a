"""Between ids and vectors: embeddings, softmax over words. B batch, T steps, V vocabulary."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.layers.matmul import Precision, matmul


class Embedding(keras.layers.Embedding):
    """Ids (B, T) -> vectors (B, T, width), started at a standard deviation of 0.1.

    Keras' own start, uniform within 0.05 (a standard deviation of 0.03), leaves an LSTM's gates
    near zero for hundreds of steps. At 0.5 a text is learnt by heart soonest, but the noise in rare
    words' vectors is never unlearnt: 0.5 against 0.2, all else equal, cost the verses 1 BLEU.

    Args:
        size: V.
        width: of a vector.
        dropout: share of the words of the vocabulary that are 0 wherever they stand in a batch of
            training (Gal and Ghahramani, 2016, section 4.2).
    """

    def __init__(self, size: int, width: int, dropout: float | None = None) -> None:
        start = keras.initializers.RandomNormal(0, 0.1)
        super().__init__(size, width, embeddings_initializer=start)
        self.dropout = keras.layers.Dropout(dropout) if dropout else None

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Look the ids up."""
        vectors = super().call(ids)
        if self.dropout is not None and training:
            kept = self.dropout(tf.ones((self.input_dim, 1)), training=True)
            vectors *= tf.gather(kept, ids)
        return vectors


class OutputProjection(keras.layers.Layer):
    """States (B, T, D) -> logits (B, T, V), the bias started at the words' log frequencies.

    With a zero bias the first thing learnt is which words are common, and that pull saturates what
    lies below.

    Args:
        log_frequencies: (V,) of the training tokens, in nats.
        tied: the kernel is an embedding's, turned over (Press and Wolf, 2017), given at each call.
        precision: of the product.
    """

    def __init__(
        self,
        log_frequencies: npt.NDArray[np.float32],
        tied: bool = False,
        precision: Precision = None,
    ) -> None:
        super().__init__()
        self.log_frequencies = log_frequencies
        self.tied, self.precision = tied, precision

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the bias, and the kernel unless it is shared."""
        size = len(self.log_frequencies)
        start = keras.initializers.Constant(self.log_frequencies)
        self.bias = self.add_weight((size,), name="bias", initializer=start)
        if not self.tied:
            self.kernel = self.add_weight((input_shape[-1], size), name="kernel")

    def call(self, states: tf.Tensor, embeddings: tf.Tensor | None = None) -> tf.Tensor:
        """Logits; `embeddings` (V, D) where the weights are shared."""
        kernel = tf.transpose(embeddings) if self.tied else tf.convert_to_tensor(self.kernel)
        return matmul(states, kernel, self.precision) + self.bias
