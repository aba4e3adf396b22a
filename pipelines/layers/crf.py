"""Linear-chain conditional random field over the tags of a sentence.

Shapes: B batch, T tokens, L tags.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from pipelines.layers.scopes import Unscoped


class CRF(Unscoped, keras.layers.Layer):
    """Conditional random field (Lafferty et al. 2001; on top of an LSTM: Huang et al. 2015).

    The score of tags y is start[y_1] + sum_t logits[t, y_t] + sum_t transitions[y_t-1, y_t] +
    end[y_T]; the probability of y is the softmax of the scores of all sequences. All weights are
    initially 0, so that the layer begins as a softmax of each token.

    Args:
        tags: L.
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.tags = tags
        self.supports_masking = True  # the mask is an argument; Keras must not warn

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights, for logits of shape (B, T, L)."""
        matrix, vector = (self.tags, self.tags), (self.tags,)
        self.transitions = self.add_weight(matrix, name="transitions", initializer="zeros")
        self.start = self.add_weight(vector, name="start", initializer="zeros")
        self.end = self.add_weight(vector, name="end", initializer="zeros")

    def call(self, logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Return the best tags; see `decode`."""
        return self.decode(logits, mask)

    def loss(self, logits: tf.Tensor, tags: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Compute the negative log likelihood of the tags of each sentence.

        Args:
            logits: (B, T, L).
            tags: (B, T), of any valid value where the mask is false.
            mask: (B, T), true on tokens; padding is at the right, and every row has a token.

        Returns:
            Nats, (B,).
        """
        return self.log_partition(logits, mask) - self.score(logits, tags, mask)

    def score(self, logits: tf.Tensor, tags: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Return the score (B,) of tags (B, T), from logits (B, T, L) and a mask (B, T)."""
        transitions, start, end = self._weights()
        weights = tf.cast(mask, logits.dtype)
        emissions = tf.gather(logits, tags, axis=2, batch_dims=2)
        pairs = tf.gather_nd(transitions, tf.stack([tags[:, :-1], tags[:, 1:]], axis=2))
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        final_tags = tf.gather(tags, lengths - 1, axis=1, batch_dims=1)
        token_scores = tf.reduce_sum(emissions * weights, axis=1)
        pair_scores = tf.reduce_sum(pairs * weights[:, 1:], axis=1)
        borders = tf.gather(start, tags[:, 0]) + tf.gather(end, final_tags)
        return token_scores + pair_scores + borders

    def log_partition(self, logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Compute the logarithm of the sum of exp(score) over all sequences of tags.

        This is the forward algorithm (Rabiner 1989, section III.A) in log space.

        Args:
            logits: (B, T, L).
            mask: (B, T).

        Returns:
            Nats, (B,).
        """
        transitions, start, end = self._weights()
        incoming = tf.transpose(transitions)  # (to, from)
        emissions, presence = _time_major(logits, mask)

        def step(scores: tf.Tensor, token: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            emission, presence = token
            sums = tf.reduce_logsumexp(scores[:, None, :] + incoming, axis=2)
            return tf.where(presence, sums + emission, scores)

        scores = tf.foldl(step, (emissions[1:], presence[1:]), emissions[0] + start)
        return tf.reduce_logsumexp(scores + end, axis=1)

    def decode(self, logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Return the tags with the highest score, by the algorithm of Viterbi (1967).

        Args:
            logits: (B, T, L).
            mask: (B, T), true on tokens; padding is at the right, and every row has a token.

        Returns:
            Tags (B, T), int32, 0 where the mask is false.
        """
        transitions, start, end = self._weights()
        incoming = tf.transpose(transitions)  # (to, from)
        emissions, presence = _time_major(logits, mask)
        # One more step of padding: TensorFlow cannot stack the results of a loop without steps,
        # as for sentences of one token.
        emissions = tf.concat([emissions, tf.zeros_like(emissions[:1])], axis=0)
        presence = tf.concat([presence, tf.zeros_like(presence[:1])], axis=0)

        def forward(scores: tf.Tensor, token: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            emission, presence = token
            maxima = tf.reduce_max(scores[:, None, :] + incoming, axis=2)
            return tf.where(presence, maxima + emission, scores)

        def backward(tag: tf.Tensor, token: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            scores, presence = token  # scores of the token before `tag`, presence of that of `tag`
            paths = scores + tf.gather(incoming, tag)
            return tf.where(presence[:, 0], tf.argmax(paths, axis=1, output_type=tf.int32), tag)

        initial = emissions[0] + start
        scores = tf.scan(forward, (emissions[1:], presence[1:]), initial)
        final_tags = tf.argmax(scores[-1] + end, axis=1, output_type=tf.int32)
        scores = tf.concat([initial[None], scores[:-1]], axis=0)
        tags = tf.scan(backward, (scores, presence[1:]), final_tags, reverse=True)
        return tf.transpose(tags) * tf.cast(mask, tf.int32)

    def _weights(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return transitions (L, L) from row to column, start (L,) and end (L,)."""
        weights = (self.transitions, self.start, self.end)
        transitions, start, end = map(tf.convert_to_tensor, weights)
        return transitions, start, end


def _time_major(logits: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return logits (T, B, L) and mask (T, B, 1), from logits (B, T, L) and a mask (B, T)."""
    return tf.transpose(logits, (1, 0, 2)), tf.transpose(mask)[:, :, None]
