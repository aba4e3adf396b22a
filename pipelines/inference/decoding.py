"""Translations of an encoder-decoder: the hypotheses of a search, scored and sorted.

Shapes: B batch, K beam, N hypotheses, S source steps, T target steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines import console
from pipelines.config import params
from pipelines.inference.beam_search import BeamHistory, beam_search
from pipelines.layers.threads import shard_count
from pipelines.text import batching

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

ROWS = 256  # prefixes decoded together
GREEDY = params.Search(beam=1)
MIN_COVERAGE = 1e-10  # replaces 0, whose logarithm is infinite


@dataclass(frozen=True)
class Hypothesis:
    """One translation.

    Attributes:
        ids: (T,), without `</s>`.
        nats: minus its log probability, `</s>` included.
        weights: (T, S), the attention of each token over the source without padding.
        score: the score that the search maximises; minus `nats` without penalties.
    """

    ids: Ids
    nats: float
    weights: Floats
    score: float


class Decoder:
    """Beam search, compiled once for all batches; a beam of 1 is greedy search.

    The greedy hypothesis is always a candidate, so a beam never scores lower than greedy search.
    As many batches are searched side by side as TensorFlow has threads for operations.

    Args:
        model: a trained Seq2Seq, or an Ensemble of them.
        limit: maximum number of target tokens of a hypothesis, without `</s>`.
        search: beam and penalties; None for greedy search.
    """

    def __init__(self, model: Any, limit: int, search: params.Search | None = None) -> None:
        self.model, self.limit, self.search = model, limit, search or GREEDY
        # Both are compiled at the first call, so that no later one waits for the second.
        self._searches = {width: self._compiled_search(width) for width in (self.search.beam, 1)}

    def __call__(self, sources: Sequence[Ids], n_best: int = 1) -> list[list[Hypothesis]]:
        """Translate sources of ids (S,); none may be empty.

        Returns:
            For each source, in their order, at most `n_best` different hypotheses, best first.
        """
        results: list[list[Hypothesis]] = [[] for _ in sources]
        beam, greedy = self.search.beam, list[int]()
        batches = self._batches(sources, range(len(sources)), beam)

        def decode(indices: list[int], width: int = beam) -> list[int]:
            return self._decode(sources, indices, width, n_best, results)

        # A single batch, such as text that a user typed, needs no progress bar.
        with (
            _progress(len(sources)) if len(batches) > 1 else nullcontext() as bar,
            ThreadPoolExecutor(shard_count()) as pool,
        ):
            run = pool.map if shard_count() > 1 else map
            for indices, lost in zip(batches, run(decode, batches), strict=True):
                greedy += lost
                if bar is not None:
                    bar.advance(len(indices))
            # The hypotheses of greedy search that have left the beam.
            list(run(lambda indices: decode(indices, 1), self._batches(sources, greedy, 1)))
        return results

    def _batches(
        self, sources: Sequence[Ids], indices: Sequence[int], width: int
    ) -> list[list[int]]:
        lengths = [len(sources[i]) for i in indices]
        batches = batching.batches_by_length(lengths, max(1, ROWS // width))
        return [[indices[int(place)] for place in batch] for batch in batches]

    def _compiled_search(self, width: int) -> Any:
        def search(source: tf.Tensor) -> BeamHistory:
            memory, states = self.model.encode(source)
            return beam_search(self.model, memory, states, width, self.limit)

        shape = tf.TensorSpec((None, None), tf.int32)
        return tf.function(search, input_signature=[shape], autograph=False)

    def _decode(
        self,
        sources: Sequence[Ids],
        indices: Sequence[int],
        width: int,
        n_best: int,
        results: list[list[Hypothesis]],
    ) -> list[int]:
        """Add the best hypotheses of some sources, and return the sources without the hypothesis of
        greedy search."""
        search = {beam: run.get_concrete_function() for beam, run in self._searches.items()}[width]
        history = search(tf.constant(batching.pad([sources[i] for i in indices])))
        arrays = BeamHistory(*(tensor.numpy() for tensor in history))
        for row, ids, nats, weights in _trace_back(arrays):
            i = indices[row]
            weights = weights[:, : len(sources[i])].copy()  # frees the array of the batch
            score = hypothesis_score(nats, weights, self.search)
            results[i].append(Hypothesis(ids, nats, weights, score))
        for i in indices:
            different = {hypothesis.ids.tobytes(): hypothesis for hypothesis in results[i]}
            results[i] = sorted(different.values(), key=lambda hypothesis: -hypothesis.score)
            del results[i][n_best:]
        lost = np.flatnonzero(~arrays.greedy_ends.any(axis=0))
        return [indices[row] for row in lost.tolist()]


def _progress(sentences: int) -> AbstractContextManager[console.Progress]:
    return console.progress("translating", sentences, "sentences")


def hypothesis_score(nats: float, weights: Floats, search: params.Search) -> float:
    """Compute the score of a hypothesis, s(Y, X) of Wu et al. (2016, section 7, equation 14).

    The log probability is divided by lp = ((5 + |Y|) / 6) ** alpha, so that long hypotheses are not
    penalised for their length. The term cp = beta times the sum over the source of
    log(min(attention from all tokens, 1)) penalises sources that are left out. `</s>` counts in
    |Y|, but its attention is not recorded and has no part in cp.

    Args:
        nats: minus the log probability.
        weights: (T, S).
        search: alpha is its `length_penalty`, beta its `coverage_penalty`; None counts as 0.
    """
    length = len(weights) + 1
    score = -nats / ((5 + length) / 6) ** (search.length_penalty or 0.0)
    if search.coverage_penalty:
        coverage = np.clip(weights.sum(axis=0), MIN_COVERAGE, 1.0)
        score += search.coverage_penalty * float(np.log(coverage).sum())
    return score


def describe_search(search: params.Search | None) -> str:
    """Describe a search for a metrics file: "greedy", or "beam 5, length penalty 1"."""
    search = search or GREEDY
    parts = ["greedy" if search.beam == 1 else f"beam {search.beam}"]
    if search.length_penalty:
        parts.append(f"length penalty {search.length_penalty:g}")
    if search.coverage_penalty:
        parts.append(f"coverage penalty {search.coverage_penalty:g}")
    if search.replace_unknown:
        parts.append("unknown words replaced")
    return ", ".join(parts)


def _trace_back(history: BeamHistory) -> Iterator[tuple[int, Ids, float, Floats]]:
    """Yield row, ids (T,), nats and weights (T, S) of every hypothesis, from its end backwards."""
    ends, rows, places = np.nonzero(np.isfinite(history.ended))
    log_probabilities = history.ended[ends, rows, places]
    prefixes = history.origins[ends, rows, places]
    steps, source = len(history.tokens), history.weights.shape[3]
    ids = np.zeros((len(ends), steps), np.int32)
    weights = np.zeros((len(ends), steps, source), np.float32)
    for t in reversed(range(steps)):
        longer = ends > t
        indices = rows[longer], prefixes[longer]
        ids[longer, t] = history.tokens[t][indices]
        prefixes[longer] = history.parents[t][indices]
        weights[longer, t] = history.weights[t][rows[longer], prefixes[longer]]
    for i, (end, row) in enumerate(zip(ends, rows, strict=True)):
        yield int(row), ids[i, :end], -float(log_probabilities[i]), weights[i, :end]
