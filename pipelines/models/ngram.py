"""Markov model of the last n - 1 tokens, smoothed by interpolation with ever shorter histories.

Both ways of smoothing are one recursion (Chen and Goodman, 1999), with h' for the history h without
its first token, and the uniform 1 / V below the unigrams:

    p(w | h) = (kept(h w) + given(h) p(w | h')) / (kept(h) + given(h))

where kept(h) and given(h) are sums over all tokens seen after h. They differ in what an n-gram seen
c times keeps, and what it gives to the shorter history:

- `witten_bell` (Witten and Bell, 1991, method C): it keeps c and gives 1.
- `kneser_ney` (modified Kneser-Ney, Chen and Goodman, 1999, section 3): it keeps c - D(c) and gives
  D(c), with discounts D1, D2 and D3+ at each order; below the highest order, c is no count of
  occurrences but of the different tokens seen before the n-gram.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config.params import Smoothing
from pipelines.data import parquet

Ids = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]

NEVER = -1  # the rank of what was never seen
DISCOUNTS = (0.5, 1.0, 1.5)  # D1, D2, D3+ where a text is too small to estimate them


class NGram:
    """Counts of all n-grams up to `order`, sorted.

    The rank of a k-gram is its place among the k-grams seen, and its code is the rank of its first
    k - 1 tokens times V, plus its last token: ascending codes are k-grams in order of their ids.

    Attributes:
        order: n.
        vocabulary: V.
        codes: for each k from 1 to n, those of the k-grams seen, ascending.
        counts: how often each was seen.
    """

    def __init__(
        self,
        order: int,
        vocabulary: int,
        smoothing: Smoothing,
        codes: list[Codes],
        counts: list[Codes],
    ) -> None:
        self.order, self.vocabulary = order, vocabulary
        self.codes, self.counts = codes, counts
        self._levels = _levels(vocabulary, smoothing, codes, counts)

    @classmethod
    def count(cls, stream: Ids, order: int, vocabulary: int, smoothing: Smoothing) -> NGram:
        """Count a training stream (N,)."""
        codes, counts = [], []
        ranks = np.zeros(len(stream) + 1, np.int64)  # of the empty gram before every token
        for k in range(1, order + 1):
            grams = ranks[:-1] * vocabulary + stream[k - 1 :]
            found, ranks, often = np.unique(grams, return_inverse=True, return_counts=True)
            codes.append(found)
            counts.append(often)
        return cls(order, vocabulary, smoothing, codes, counts)

    @property
    def parameters(self) -> int:
        """How many counts the model keeps."""
        return sum(map(len, self.codes))

    def log_probabilities(self, stream: Ids) -> Real:
        """Nats (N - 1,) below 0: log probability of every token of a stream (N,) but the first."""
        probability = np.full(len(stream), 1 / self.vocabulary)
        histories = np.zeros(len(stream), np.int64)
        for level in self._levels:
            grams = level.find(histories, stream)
            probability = level.interpolate(histories, grams, probability)
            # The first tokens have shorter pasts: they keep what the shorter k-grams gave them.
            histories = np.append(NEVER, grams[:-1])
        return np.log(probability[1:])

    def next_probabilities(self, past: Ids) -> Real:
        """Probabilities (V,) of the token after a past (N,); they sum to 1."""
        probability = np.full(self.vocabulary, 1 / self.vocabulary)
        every = np.arange(self.vocabulary)
        past = past[max(0, len(past) - self.order + 1) :]
        histories = np.zeros(len(past) + 1, np.int64)  # before each token of the past, and after it
        for level in self._levels:
            here = histories[-1:]
            probability = level.interpolate(here, level.find(here, every), probability)
            histories = np.append(NEVER, level.find(histories[:-1], past))
        return probability

    def save(self, folder: Path) -> None:
        """Write all counts as one table, the same bytes for the same counts."""
        parts = [
            pd.DataFrame({"n": k, "code": codes, "count": counts})
            for k, (codes, counts) in enumerate(zip(self.codes, self.counts, strict=True), 1)
        ]
        parquet.write_parquet(pd.concat(parts, ignore_index=True), folder / "counts.parquet")

    @classmethod
    def load(cls, folder: Path, order: int, vocabulary: int, smoothing: Smoothing) -> NGram:
        """Read what `save` wrote."""
        table = parquet.read_parquet(folder / "counts.parquet")
        parts = [table[table["n"] == k] for k in range(1, order + 1)]
        codes, counts = ([part[key].to_numpy() for part in parts] for key in ("code", "count"))
        return cls(order, vocabulary, smoothing, codes, counts)


class _Level:
    """One order of the recursion. What stands at the end of each array is there for `NEVER`.

    Args:
        vocabulary: V.
        codes: of the k-grams seen, ascending.
        histories: how many (k - 1)-grams were seen.
        kept, given: of each k-gram.
    """

    def __init__(
        self, vocabulary: int, codes: Codes, histories: int, kept: Real, given: Real
    ) -> None:
        self._vocabulary = vocabulary
        self._codes = np.append(codes, np.iinfo(np.int64).max)
        history = codes // vocabulary
        self._kept = np.append(kept, 0.0)
        self._given = np.bincount(history, given, histories + 1)
        self._total = np.bincount(history, kept, histories + 1) + self._given

    def find(self, histories: Codes, tokens: Ids | Codes) -> Codes:
        """Ranks of the k-grams of some histories' ranks and the tokens after them."""
        wanted = histories * self._vocabulary + tokens
        at = np.searchsorted(self._codes, wanted)
        return np.where(self._codes[at] == wanted, at, NEVER)

    def interpolate(self, histories: Codes, grams: Codes, lower: Real) -> Real:
        """Probabilities at this order, from the ranks and the probabilities at the order below."""
        total = self._total[histories]
        mixed = self._kept[grams] + self._given[histories] * lower
        return np.where(total > 0, mixed / np.where(total > 0, total, 1), lower)


def _levels(
    vocabulary: int, smoothing: Smoothing, codes: list[Codes], counts: list[Codes]
) -> list[_Level]:
    if smoothing == "kneser_ney":
        counts = [*_continuations(vocabulary, codes), counts[-1]]
        given = [_discounted(often) for often in counts]
        kept = [often - discount for often, discount in zip(counts, given, strict=True)]
    else:
        given = [np.ones(len(often)) for often in counts]
        kept = [often.astype(np.float64) for often in counts]
    histories = [1, *map(len, codes)]  # the empty one below the unigrams
    parts = zip(codes, histories, kept, given, strict=False)
    return [_Level(vocabulary, *part) for part in parts]


def _continuations(vocabulary: int, codes: list[Codes]) -> list[Codes]:
    """For each order but the highest: how many different tokens were seen before each k-gram."""
    counts = []
    suffixes = np.zeros(len(codes[0]), np.int64)  # ranks of the k-grams without their first token
    for shorter, longer in pairwise(codes):
        history, token = np.divmod(longer, vocabulary)
        suffixes = np.searchsorted(shorter, suffixes[history] * vocabulary + token)
        counts.append(np.bincount(suffixes, minlength=len(shorter)))
    return counts


def _discounted(counts: Codes) -> Real:
    """What each k-gram gives: D1, D2 or D3+ by its count; nothing if nothing stands before it."""
    return np.array([0.0, *_discounts(counts)])[np.minimum(counts, 3)]


def _discounts(counts: Codes) -> tuple[float, float, float]:
    """D1, D2, D3+ by the counts of counts (Chen and Goodman, 1999, section 3).

    An order of which no k-gram was seen once, twice, three or four times has no such estimate, nor
    has one where it is not above 0: there the discounts are those that KenLM (Heafield et al. 2013)
    falls back to.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == often)) for often in (1, 2, 3, 4))
    if not min(n1, n2, n3, n4):
        return DISCOUNTS
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if min(found) > 0 else DISCOUNTS
