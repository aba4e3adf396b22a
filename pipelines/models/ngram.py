"""Markov model of the last n - 1 tokens, interpolated Witten-Bell smoothing.

Witten and Bell (1991), method C, in the recursive form of Chen and Goodman (1999), section 2.6:
p(w | h) = (c(h w) + N(h) p(w | h')) / (c(h) + N(h)), where N(h) is the number of different tokens
seen after h, h' is h without its first token, and below the unigrams stands the uniform 1 / V.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import Refusal
from pipelines.text import frames

Ids = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int64]


class NGram:
    """Counts of all n-grams up to `order`, each coded as one number in base V, sorted.

    Attributes:
        order: n.
        vocabulary: V.
        codes: for each k from 1 to n, the k-grams seen, ascending.
        counts: how often each was seen.
    """

    def __init__(
        self, order: int, vocabulary: int, codes: list[Codes], counts: list[Codes]
    ) -> None:
        self.order, self.vocabulary = order, vocabulary
        self.codes, self.counts = codes, counts
        self._contexts = [_contexts(*pair, vocabulary) for pair in zip(codes, counts, strict=True)]

    @classmethod
    def count(cls, stream: Ids, order: int, vocabulary: int) -> NGram:
        """Count a training stream.

        Raises:
            Refusal: V to the power of n does not fit 63 bits.
        """
        if order * np.log2(vocabulary) >= 63:
            largest = int(63 / np.log2(vocabulary))
            raise Refusal(
                f"An n-gram of order {order} over {vocabulary} tokens has too many combinations; "
                f"the highest order for this vocabulary is {largest}."
            )
        pairs = [
            np.unique(_windows(stream, k, vocabulary), return_counts=True)
            for k in range(1, order + 1)
        ]
        return cls(order, vocabulary, [codes for codes, _ in pairs], [c for _, c in pairs])

    @property
    def parameters(self) -> int:
        """How many counts the model keeps."""
        return sum(map(len, self.codes))

    def log_probabilities(self, stream: Ids) -> npt.NDArray[np.float64]:
        """Nats (N - 1,) below 0: log probability of every token of a stream (N,) but the first."""
        probability = np.full(len(stream) - 1, 1 / self.vocabulary)
        for k in range(1, self.order + 1):
            grams = _windows(stream, k, self.vocabulary)
            # The first tokens have shorter pasts: they keep what the shorter k-grams gave them.
            grams = grams[1:] if k == 1 else grams
            ending = probability[len(probability) - len(grams) :]
            ending[:] = self._interpolate(k, grams, ending)
        return np.log(probability)

    def next_probabilities(self, past: Ids) -> npt.NDArray[np.float64]:
        """Probabilities (V,) of the token after a past (N,); they sum to 1."""
        probability = np.full(self.vocabulary, 1 / self.vocabulary)
        every = np.arange(self.vocabulary)
        for k in range(1, min(self.order, len(past) + 1) + 1):
            context = _code(past[len(past) - k + 1 :], self.vocabulary)
            probability = self._interpolate(k, context * self.vocabulary + every, probability)
        return probability

    def _interpolate(
        self, k: int, grams: Codes, lower: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        seen = _look_up(self.codes[k - 1], self.counts[k - 1], grams)
        contexts, totals, kinds = self._contexts[k - 1]
        total = _look_up(contexts, totals, grams // self.vocabulary)
        different = _look_up(contexts, kinds, grams // self.vocabulary)
        known = total > 0
        mixed = (seen + different * lower) / np.where(known, total + different, 1)
        return np.where(known, mixed, lower)

    def save(self, folder: Path) -> None:
        """Write all counts as one table, the same bytes for the same counts."""
        parts = [
            pd.DataFrame({"n": k, "code": codes, "count": counts})
            for k, (codes, counts) in enumerate(zip(self.codes, self.counts, strict=True), 1)
        ]
        frames.write(pd.concat(parts, ignore_index=True), folder / "counts.parquet")

    @classmethod
    def load(cls, folder: Path, order: int, vocabulary: int) -> NGram:
        """Read what `save` wrote."""
        table = frames.read(folder / "counts.parquet")
        parts = [table[table["n"] == k] for k in range(1, order + 1)]
        codes = [part["code"].to_numpy() for part in parts]
        return cls(order, vocabulary, codes, [part["count"].to_numpy() for part in parts])


def _windows(stream: Ids, k: int, vocabulary: int) -> Codes:
    """The code of every k-gram of a stream, in order: (N - k + 1,)."""
    codes = np.zeros(max(len(stream) - k + 1, 0), dtype=np.int64)
    for offset in range(k):
        codes = codes * vocabulary + stream[offset : offset + len(codes)]
    return codes


def _code(gram: Ids, vocabulary: int) -> int:
    code = 0
    for token in gram:
        code = code * vocabulary + int(token)
    return code


def _contexts(codes: Codes, counts: Codes, vocabulary: int) -> tuple[Codes, Codes, Codes]:
    """Every history: its code, how often it was seen, how many different tokens follow it."""
    contexts, starts = np.unique(codes // vocabulary, return_index=True)
    if not len(starts):
        return contexts, contexts, contexts
    kinds = np.diff(np.append(starts, len(codes)))
    return contexts, np.add.reduceat(counts, starts), kinds


def _look_up(keys: Codes, values: Codes, wanted: Codes) -> Codes:
    """Values of the wanted keys, 0 where there is none; `keys` are sorted."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)
