"""Target sentences from an encoder-decoder: what a search found, scored and in order.

Shapes: B batch, K beam, N hypotheses, S source steps, T target steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines import console
from pipelines.config import params
from pipelines.inference.beam_search import BeamHistory, beam_search
from pipelines.text import batching

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

ROWS = 256  # prefixes decoded together
GREEDY = params.Search(beam=1)
UNSEEN = 1e-10  # instead of 0, whose logarithm is infinite


@dataclass(frozen=True)
class Hypothesis:
    """One target sentence.

    Attributes:
        ids: (T,), without `</s>`.
        nats: minus its log probability, `</s>` counted.
        weights: (T, S), the attention of each token over the real source steps.
        score: what the search makes large; minus `nats` without penalties.
    """

    ids: Ids
    nats: float
    weights: Floats
    score: float


class Decoder:
    """Beam search, compiled once for all batches; greedy search with a beam of 1.

    Beside the beam's own, the greedy hypothesis is always a candidate: a beam never finds less.

    Args:
        model: a trained Seq2Seq, or an Ensemble of them.
        limit: most target tokens of a hypothesis, `</s>` not counted.
        search: its beam and penalties; greedy if None.
    """

    def __init__(self, model: Any, limit: int, search: params.Search | None = None) -> None:
        self.model, self.limit, self.search = model, limit, search or GREEDY
        self._compiled = tf.function(
            self._trellises, input_signature=[tf.TensorSpec((None, None), tf.int32)]
        )

    def __call__(self, sources: Sequence[Ids], n_best: int = 1) -> list[list[Hypothesis]]:
        """Translate sources of ids (S,), in their order; none may be empty.

        Returns:
            For each source at most `n_best` different hypotheses, the best first.
        """
        found: list[list[Hypothesis]] = [[] for _ in sources]
        size = max(1, ROWS // self.search.beam)
        together = batching.by_length([len(source) for source in sources], size)
        # What a person typed is one batch, and its translation all that is to be printed.
        with _progress(len(sources)) if len(together) > 1 else nullcontext() as bar:
            for indices in together:
                decoded = self._decoded([sources[i] for i in indices])
                for i, hypotheses in zip(indices, decoded, strict=True):
                    found[i] = hypotheses[:n_best]
                if bar is not None:
                    bar.advance(len(indices))
        return found

    def _trellises(self, source: tf.Tensor) -> list[BeamHistory]:
        memory, states = self.model.encode(source)
        widths = dict.fromkeys((self.search.beam, 1))
        return [beam_search(self.model, memory, states, width, self.limit) for width in widths]

    def _decoded(self, batch: list[Ids]) -> list[list[Hypothesis]]:
        """All different hypotheses of each source, the best first."""
        found: list[dict[bytes, Hypothesis]] = [{} for _ in batch]
        for trellis in self._compiled(batching.pad(batch)):
            for row, ids, nats, weights in _traced(
                BeamHistory(*(part.numpy() for part in trellis))
            ):
                weights = weights[:, : len(batch[row])].copy()  # not a view of a whole batch
                one = Hypothesis(ids, nats, weights, hypothesis_score(nats, weights, self.search))
                found[row].setdefault(ids.tobytes(), one)
        return [sorted(one.values(), key=lambda each: -each.score) for one in found]


def _progress(sentences: int) -> AbstractContextManager[console.Progress]:
    return console.progress("translating", sentences, "sentences")


def hypothesis_score(nats: float, weights: Floats, search: params.Search) -> float:
    """What a search makes large: s(Y, X) of Wu et al. (2016, section 7, equation 14).

    The log probability over lp = ((5 + |Y|) / 6) ** alpha, so that long hypotheses are not the
    worse for their length, plus cp = beta times the sum over the source of log(min(attention it
    got from all tokens, 1)), so that none of the source is left out. `</s>` counts in |Y|; its
    attention is not kept, and counts in nothing.

    Args:
        nats: minus the log probability.
        weights: (T, S).
        search: alpha is its `length_penalty`, beta its `coverage_penalty`; left out, they are 0.
    """
    length = len(weights) + 1
    found = -nats / ((5 + length) / 6) ** (search.length_penalty or 0.0)
    if search.coverage_penalty:
        covered = np.clip(weights.sum(axis=0), UNSEEN, 1.0)
        found += search.coverage_penalty * float(np.log(covered).sum())
    return found


def describe_search(search: params.Search | None) -> str:
    """A search in words, for a metrics file: "greedy", or "beam 5, length penalty 1"."""
    search = search or GREEDY
    words = ["greedy" if search.beam == 1 else f"beam {search.beam}"]
    if search.length_penalty:
        words.append(f"length penalty {search.length_penalty:g}")
    if search.coverage_penalty:
        words.append(f"coverage penalty {search.coverage_penalty:g}")
    if search.replace_unknown:
        words.append("unknown words replaced")
    return ", ".join(words)


def _traced(trellis: BeamHistory) -> Iterator[tuple[int, Ids, float, Floats]]:
    """Row, ids (T,), nats and weights (T, S) of every hypothesis, followed back from its end."""
    ends, rows, places = np.nonzero(np.isfinite(trellis.ended))
    logs = trellis.ended[ends, rows, places]
    prefixes = trellis.origins[ends, rows, places]
    steps, source = len(trellis.tokens), trellis.weights.shape[3]
    ids = np.zeros((len(ends), steps), np.int32)
    weights = np.zeros((len(ends), steps, source), np.float32)
    for t in reversed(range(steps)):
        on = ends > t
        at = rows[on], prefixes[on]
        ids[on, t] = trellis.tokens[t][at]
        prefixes[on] = trellis.parents[t][at]
        weights[on, t] = trellis.weights[t][rows[on], prefixes[on]]
    for one, (end, row) in enumerate(zip(ends, rows, strict=True)):
        yield int(row), ids[one, :end], -float(logs[one]), weights[one, :end]
