"""Target sentences from an encoder-decoder, the likeliest token at each step.

Shapes: B batch, S source steps, T target steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines import batches, console
from pipelines.models.seq2seq import Seq2Seq
from pipelines.text.vocabulary import END, START

Floats = npt.NDArray[np.float32]
BATCH = 128


@dataclass(frozen=True)
class Hypothesis:
    """One target sentence.

    Attributes:
        ids: (T,), without `</s>`.
        nats: minus its log probability, `</s>` counted if it was reached.
        weights: (T, S), the attention of each token over the real source steps.
    """

    ids: npt.NDArray[np.int32]
    nats: float
    weights: Floats


class Greedy:
    """Greedy search, compiled once for all batches.

    Args:
        model: a trained Seq2Seq.
        limit: most target tokens of a hypothesis, `</s>` not counted.
    """

    def __init__(self, model: Seq2Seq, limit: int) -> None:
        self.model, self.limit = model, limit
        self._search = tf.function(
            self._loop, input_signature=[tf.TensorSpec((None, None), tf.int32)]
        )

    def __call__(self, sources: Sequence[npt.NDArray[np.int32]]) -> list[Hypothesis]:
        """Translate sources of ids (S,), in their order; none may be empty."""
        found: dict[int, Hypothesis] = {}
        with console.progress("translating", len(sources), "sentences") as bar:
            for indices in batches.by_length([len(source) for source in sources], BATCH):
                padded = batches.pad([sources[i] for i in indices])
                ids, nats, weights = (part.numpy() for part in self._search(padded))
                for row, i in enumerate(indices):
                    found[i] = _cut(ids[row], nats[row], weights[row, :, : len(sources[i])])
                bar.advance(len(indices))
        return [found[i] for i in range(len(sources))]

    def _loop(self, source: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Ids and nats (B, T), weights (B, T, S)."""
        memory, states = self.model.encode(source)
        count = tf.shape(source)[0]

        def step(
            t: tf.Tensor, last: tf.Tensor, done: tf.Tensor, states: list[Any], *kept: tf.TensorArray
        ) -> tuple[Any, ...]:
            logits, states, weights = self.model.decode(last[:, None], states, memory)
            logs = tf.nn.log_softmax(logits[:, 0])
            # <pad> and <s> are never a target: they must not be a hypothesis either.
            best = tf.argmax(tf.concat([logs[:, 1:2], logs[:, 3:]], 1), 1, output_type=tf.int32)
            best = tf.where(best == 0, 1, best + 2)
            best = tf.where(done, END, best)
            nats = tf.where(done, 0.0, -tf.gather(logs, best, batch_dims=1))
            kept = tuple(
                array.write(t, value)
                for array, value in zip(kept, (best, nats, weights[:, 0]), strict=True)
            )
            return t + 1, best, done | (best == END), states, *kept

        arrays = [
            tf.TensorArray(kind, size=0, dynamic_size=True, element_shape=shape)
            for kind, shape in (
                (tf.int32, (None,)),
                (tf.float32, (None,)),
                (tf.float32, (None, None)),
            )
        ]
        start = (0, tf.fill((count,), START), tf.zeros((count,), tf.bool), states, *arrays)
        _, _, _, _, *kept = tf.while_loop(
            lambda t, last, done, *_: (t <= self.limit) & ~tf.reduce_all(done), step, start
        )
        ids, nats, weights = (array.stack() for array in kept)
        return tf.transpose(ids), tf.transpose(nats), tf.transpose(weights, (1, 0, 2))


def _cut(ids: npt.NDArray[np.int32], nats: Floats, weights: Floats) -> Hypothesis:
    ended = np.flatnonzero(ids == END)
    length = int(ended[0]) if len(ended) else len(ids)
    return Hypothesis(ids[:length], float(nats.sum()), weights[:length])
