"""Embedding and output projection. B batch, T steps, D units, V vocabulary."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.layers.matmul import Precision, matmul
from pipelines.layers.scopes import Unscoped


class Embedding(Unscoped, keras.layers.Embedding):
    """Embedding of ids (B, T) as vectors (B, T, width), with an initial standard deviation of 0.1.

    The default of Keras, uniform within 0.05 (a standard deviation of 0.03), leaves the gates of an
    LSTM near zero for hundreds of steps. A model overfits one batch fastest at 0.5, but then rare
    words keep noisy vectors: 0.5 instead of 0.2 cost 1 BLEU on the verses.

    Args:
        size: V.
        width: number of units of a vector.
        dropout: share of the vocabulary whose vectors are set to 0 in a training batch (Gal and
            Ghahramani, 2016, section 4.2).
    """

    def __init__(self, size: int, width: int, dropout: float | None = None) -> None:
        initializer = keras.initializers.RandomNormal(0, 0.1)
        super().__init__(size, width, embeddings_initializer=initializer)
        self.dropout = keras.layers.Dropout(dropout) if dropout else None

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the vectors of ids."""
        vectors = super().call(ids)
        if self.dropout is not None and training:
            mask = self.dropout(tf.ones((self.input_dim, 1)), training=True)
            vectors *= tf.gather(mask, ids)
        return vectors


class OutputProjection(Unscoped, keras.layers.Layer):
    """Projection of states (B, T, D) to logits (B, T, V), with log frequencies as initial bias.

    With a zero bias a model first learns which words are common, which saturates its states.

    Args:
        log_frequencies: (V,) of the training tokens, in nats.
        tied: use a transposed embedding as the kernel (Press and Wolf, 2017), passed to each call.
        precision: precision of the matrix product.
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
        """Create the bias, and the kernel unless it is tied."""
        size = len(self.log_frequencies)
        initializer = keras.initializers.Constant(self.log_frequencies)
        self.bias = self.add_weight((size,), name="bias", initializer=initializer)
        if not self.tied:
            self.kernel = self.add_weight((input_shape[-1], size), name="kernel")

    def call(self, states: tf.Tensor, embeddings: tf.Tensor | None = None) -> tf.Tensor:
        """Return the logits; `embeddings` (V, D) is the tied kernel."""
        kernel = tf.transpose(embeddings) if self.tied else tf.convert_to_tensor(self.kernel)
        return matmul(states, kernel, self.precision) + self.bias
