"""Beam search, compiled: it records every step for one batch of sources.

Shapes: B batch, K beam, S source steps, T steps, V target vocabulary, C candidates of one prefix.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from pipelines.text.vocabulary import END, PAD, START

MINUS_INFINITY = float("-inf")  # log probability of an impossible or ended prefix


class BeamHistory(NamedTuple):
    """Every step of a search. Prefix k of a step is the k-th most likely that has not ended.

    Attributes:
        tokens: (T, B, K), the token that extended each prefix at this step.
        parents: (T, B, K), the prefix of the step before that was extended.
        weights: (T, B, K, S), the attention of each prefix of the step before at this step.
        ended: (T, B, K), log probabilities of the hypotheses that ended at this step; -inf if none.
        origins: (T, B, K), the prefix of the step before that ended.
        greedy_ends: (T, B), whether the hypothesis of greedy search ended at this step.
    """

    tokens: Any
    parents: Any
    weights: Any
    ended: Any
    origins: Any
    greedy_ends: Any


# Records of a step for a sentence that has left the search.
EMPTY = BeamHistory(PAD, 0, 0.0, MINUS_INFINITY, 0, 0)


class _Beam(NamedTuple):
    """The prefixes between two steps.

    Attributes:
        rows: (R,), the sentences that are still searched.
        last_tokens: (R, K), last token of each prefix.
        log_probabilities: (R, K), of each prefix.
        ended: (R,), number of hypotheses that have ended.
        greedy: (R,), the prefix of greedy search; -1 if it has left the beam or has ended.
        memory: encoder output, R K rows.
        states: decoder states, R K rows.
    """

    rows: tf.Tensor
    last_tokens: tf.Tensor
    log_probabilities: tf.Tensor
    ended: tf.Tensor
    greedy: tf.Tensor
    memory: Any
    states: Any


def beam_search(model: Any, memory: Any, states: Any, width: int, limit: int) -> BeamHistory:
    """Keep the K most likely prefixes at every step, until K hypotheses have ended.

    Of the 2 K most likely continuations of all prefixes, those by `</s>` among the first K have
    ended; the K most likely others continue. A sentence with K ended hypotheses accepts no more,
    however long the rest of its batch continues; it leaves the search with the next ones, as soon
    as they are a quarter of the sentences. With K = 1 this is greedy search.

    Args:
        model: its `decode` is called with K rows for each source.
        memory: encoder output of `model.encode`, one row for each source.
        states: decoder states of `model.encode`, one row for each source.
        width: K.
        limit: maximum number of tokens of a hypothesis, without `</s>`.
    """
    count = tf.shape(tf.nest.flatten(memory)[0])[0]
    memory, states = _repeat_rows((memory, states), width)
    log_probabilities = tf.concat(
        [tf.zeros((count, 1)), tf.fill((count, width - 1), MINUS_INFINITY)], axis=1
    )
    beam = _Beam(
        tf.range(count),
        tf.fill((count, width), START),
        log_probabilities,
        tf.zeros((count,), tf.int32),
        tf.zeros((count,), tf.int32),
        memory,
        states,
    )
    integers, floats = (tf.int32, (None, width)), (tf.float32, (None, width))
    weights = tf.float32, (None, width, None)
    types = BeamHistory(integers, integers, weights, floats, integers, (tf.bool, (None,)))
    arrays = BeamHistory(
        *(
            tf.TensorArray(dtype, size=0, dynamic_size=True, element_shape=shape)
            for dtype, shape in types
        )
    )

    def step(
        t: tf.Tensor, beam: _Beam, arrays: BeamHistory
    ) -> tuple[tf.Tensor, _Beam, BeamHistory]:
        beam = _without_ended(beam, width)
        rows = beam.rows
        beam, records = _step(model, beam, width, t >= limit)
        written = (
            array.write(t, _scatter(record, rows, count, empty))
            for array, record, empty in zip(arrays, records, EMPTY, strict=True)
        )
        return t + 1, beam, BeamHistory(*written)

    _, _, arrays = tf.while_loop(
        lambda t, beam, arrays: (t <= limit) & tf.reduce_any(beam.ended < width),
        step,
        (0, beam, arrays),
    )
    return BeamHistory(*(array.stack() for array in arrays))


def _step(model: Any, beam: _Beam, width: int, at_limit: tf.Tensor) -> tuple[_Beam, BeamHistory]:
    logits, states, weights = model.decode(
        tf.reshape(beam.last_tokens, (-1, 1)), beam.states, beam.memory
    )
    tokens, scores = _continuations(logits[:, 0], 2 * width, at_limit)
    candidates = tokens.shape[1]
    greedy_token = tf.argmax(scores, axis=1, output_type=tf.int32)
    greedy_token = tf.gather(
        tf.reshape(greedy_token, (-1, width)), tf.maximum(beam.greedy, 0), batch_dims=1
    )
    greedy = tf.where(beam.greedy < 0, -1, beam.greedy * candidates + greedy_token)
    # The best 2 K of the whole beam: at most K of them end, so K can continue.
    scores = tf.reshape(
        tf.reshape(beam.log_probabilities, (-1, 1)) + scores, (-1, width * candidates)
    )
    scores, indices = tf.math.top_k(scores, 2 * width)
    is_greedy = indices == greedy[:, None]
    tokens = tf.gather(tf.reshape(tokens, (-1, width * candidates)), indices, batch_dims=1)
    parents = indices // candidates
    ends = (tokens == END) & (scores > MINUS_INFINITY)
    new_ends = ends[:, :width]
    new_ends &= tf.cumsum(tf.cast(new_ends, tf.int32), axis=1) <= width - beam.ended[:, None]
    ended = tf.where(new_ends, scores[:, :width], MINUS_INFINITY)
    greedy_ends = tf.reduce_any(is_greedy[:, :width] & new_ends, axis=1)

    live, indices = tf.math.top_k(tf.where(ends, MINUS_INFINITY, scores), width)
    tokens = tf.gather(tokens, indices, batch_dims=1)
    is_greedy = tf.gather(is_greedy & ~ends, indices, batch_dims=1)
    place = tf.argmax(tf.cast(is_greedy, tf.int32), axis=1, output_type=tf.int32)
    greedy = tf.where(tf.reduce_any(is_greedy, axis=1), place, -1)
    origins, parents = parents[:, :width], tf.gather(parents, indices, batch_dims=1)
    attention = _by_prefix(weights[:, 0], width)
    records = BeamHistory(tokens, parents, attention, ended, origins, greedy_ends)
    count = beam.ended + tf.reduce_sum(tf.cast(new_ends, tf.int32), axis=1)
    states = _select_states(states, parents)
    return _Beam(beam.rows, tokens, live, count, greedy, beam.memory, states), records


def _without_ended(beam: _Beam, width: int) -> _Beam:
    """Drop sentences that accept no more hypotheses, if they are a quarter or more of all.

    Dropping them at every step would copy the encoder output too often.
    """
    searched = tf.where(beam.ended < width)[:, 0]
    prefixes = tf.reshape(searched[:, None] * width + tf.range(width, dtype=tf.int64), (-1,))

    def select() -> _Beam:
        indices = _Beam(searched, searched, searched, searched, searched, prefixes, prefixes)
        return _Beam(*map(_gather, beam, indices))

    return tf.cond(tf.size(searched) * 4 <= tf.size(beam.rows) * 3, select, lambda: beam)


def _gather(nest: Any, indices: tf.Tensor) -> Any:
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, indices), nest)


def _scatter(record: tf.Tensor, rows: tf.Tensor, count: tf.Tensor, empty: float) -> tf.Tensor:
    """Scatter the records of some rows (R, ...) over all rows (B, ...)."""
    shape = tf.concat([[count], tf.shape(record)[1:]], axis=0)
    return tf.tensor_scatter_nd_update(
        tf.fill(shape, tf.cast(empty, record.dtype)), rows[:, None], record
    )


def _continuations(
    logits: tf.Tensor, count: int, at_limit: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the most likely next tokens of each prefix and their log probabilities, (B K, C).

    `<pad>` and `<s>` are never targets and must not be in a hypothesis: two more candidates make up
    for them. At the limit only `</s>` may follow.
    """
    size = logits.shape[1]
    total = tf.reduce_logsumexp(logits, axis=1, keepdims=True)
    logits = tf.cond(
        at_limit,
        lambda: tf.where(tf.range(size) == END, logits, MINUS_INFINITY),
        lambda: logits,
    )
    best, tokens = tf.math.top_k(logits, min(count + 2, size))
    impossible = (tokens == PAD) | (tokens == START)
    return tokens, tf.where(impossible, MINUS_INFINITY, best - total)


def _repeat_rows(nest: Any, width: int) -> Any:
    """Repeat every row K times; the K rows of a source are adjacent."""
    return tf.nest.map_structure(lambda tensor: tf.repeat(tensor, width, axis=0), nest)


def _by_prefix(rows: tf.Tensor, width: int) -> tf.Tensor:
    """Reshape (B K, N) to (B, K, N)."""
    return tf.reshape(rows, (-1, width, tf.shape(rows)[1]))


def _select_states(states: Any, parents: tf.Tensor) -> Any:
    """Select the states of the prefixes (B, K) that were extended."""
    width = parents.shape[1]
    offsets = tf.range(tf.shape(parents)[0])[:, None] * width
    rows = tf.reshape(offsets + parents, (-1,))
    return _gather(states, rows)
