"""Beam search, compiled: what every step of it left behind, for one batch of sources.

Shapes: B batch, K beam, S source steps, T steps, V target vocabulary, C candidates of one prefix.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from pipelines.text.vocabulary import END, PAD, START

DEAD = float("-inf")  # log probability of what is not there


class BeamHistory(NamedTuple):
    """Every step of a search. Prefix k of a step is its k-th likeliest that has not ended.

    Attributes:
        tokens: (T, B, K), the token that each prefix took at this step.
        parents: (T, B, K), the prefix of the step before that took it.
        weights: (T, B, K, S), what each prefix of the step before attended to at this step.
        ended: (T, B, K), log probability of the hypotheses that ended here; -inf where none did.
        origins: (T, B, K), the prefix of the step before that ended.
    """

    tokens: Any
    parents: Any
    weights: Any
    ended: Any
    origins: Any


class _Beam(NamedTuple):
    """Between two steps: the prefixes' last tokens and log probabilities (B, K), their states."""

    last: tf.Tensor
    logs: tf.Tensor
    states: Any
    ended: tf.Tensor  # (B,), how many hypotheses have ended


def beam_search(model: Any, memory: Any, states: Any, width: int, limit: int) -> BeamHistory:
    """Keep the K likeliest prefixes at every step, until K hypotheses have ended.

    Of the 2 K likeliest continuations of all prefixes, those by `</s>` that stand among the first K
    have ended and are kept; the first K others go on. A sentence for which K have ended takes no
    more, however long its batch goes on. With K = 1 this is greedy search.

    Args:
        model: its `decode` is called, with K rows for each source.
        memory: of `model.encode`, one row for each source.
        states: the same.
        width: K.
        limit: most tokens of a hypothesis; `</s>`, not counted, is all that may follow them.
    """
    count = tf.shape(tf.nest.flatten(memory)[0])[0]
    memory, states = _repeated((memory, states), width)
    logs = tf.concat([tf.zeros((count, 1)), tf.fill((count, width - 1), DEAD)], axis=1)
    beam = _Beam(tf.fill((count, width), START), logs, states, tf.zeros((count,), tf.int32))
    integers, floats = (tf.int32, (None, width)), (tf.float32, (None, width))
    kinds = BeamHistory(integers, integers, (tf.float32, (None, width, None)), floats, integers)
    arrays = BeamHistory(
        *(
            tf.TensorArray(kind, size=0, dynamic_size=True, element_shape=shape)
            for kind, shape in kinds
        )
    )

    def step(
        t: tf.Tensor, beam: _Beam, arrays: BeamHistory
    ) -> tuple[tf.Tensor, _Beam, BeamHistory]:
        beam, left = _step(model, memory, beam, width, t >= limit)
        written = (array.write(t, part) for array, part in zip(arrays, left, strict=True))
        return t + 1, beam, BeamHistory(*written)

    _, _, arrays = tf.while_loop(
        lambda t, beam, arrays: (t <= limit) & tf.reduce_any(beam.ended < width),
        step,
        (0, beam, arrays),
    )
    return BeamHistory(*(array.stack() for array in arrays))


def _step(
    model: Any, memory: Any, beam: _Beam, width: int, closing: tf.Tensor
) -> tuple[_Beam, BeamHistory]:
    logits, states, weights = model.decode(tf.reshape(beam.last, (-1, 1)), beam.states, memory)
    tokens, logs = _continuations(logits[:, 0], 2 * width, closing)
    each = tokens.shape[1]
    # The best 2 K of the whole beam: at most K of them end, so that K can go on.
    logs = tf.reshape(tf.reshape(beam.logs, (-1, 1)) + logs, (-1, width * each))
    logs, at = tf.math.top_k(logs, 2 * width)
    tokens = tf.gather(tf.reshape(tokens, (-1, width * each)), at, batch_dims=1)
    parents = at // each
    ends = (tokens == END) & (logs > DEAD)
    fresh = ends[:, :width]
    fresh &= tf.cumsum(tf.cast(fresh, tf.int32), axis=1) <= width - beam.ended[:, None]
    ended = tf.where(fresh, logs[:, :width], DEAD)

    live, at = tf.math.top_k(tf.where(ends, DEAD, logs), width)
    tokens = tf.gather(tokens, at, batch_dims=1)
    origins, parents = parents[:, :width], tf.gather(parents, at, batch_dims=1)
    left = BeamHistory(tokens, parents, _by_beam(weights[:, 0], width), ended, origins)
    count = beam.ended + tf.reduce_sum(tf.cast(fresh, tf.int32), axis=1)
    return _Beam(tokens, live, _chosen(states, parents), count), left


def _continuations(
    logits: tf.Tensor, count: int, closing: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The likeliest next tokens of each prefix and their log probabilities, (B K, C).

    `<pad>` and `<s>` are never a target: they must not be in a hypothesis either, so two more are
    asked for. With `closing` nothing but `</s>` may follow.
    """
    size = logits.shape[1]
    total = tf.reduce_logsumexp(logits, axis=1, keepdims=True)
    logits = tf.cond(closing, lambda: tf.where(tf.range(size) == END, logits, DEAD), lambda: logits)
    best, tokens = tf.math.top_k(logits, min(count + 2, size))
    never = (tokens == PAD) | (tokens == START)
    return tokens, tf.where(never, DEAD, best - total)


def _repeated(nest: Any, width: int) -> Any:
    """Every row K times, the K rows of a source side by side."""
    return tf.nest.map_structure(lambda part: tf.repeat(part, width, axis=0), nest)


def _by_beam(rows: tf.Tensor, width: int) -> tf.Tensor:
    """(B K, N) -> (B, K, N)."""
    return tf.reshape(rows, (-1, width, tf.shape(rows)[1]))


def _chosen(states: Any, parents: tf.Tensor) -> Any:
    """The states of the prefixes (B, K) that went on."""
    width = parents.shape[1]
    first = tf.range(tf.shape(parents)[0])[:, None] * width
    rows = tf.reshape(first + parents, (-1,))
    return tf.nest.map_structure(lambda state: tf.gather(state, rows), states)
