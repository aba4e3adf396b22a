"""N-gram (Markov) model, smoothed by interpolation with shorter histories.

Both smoothing methods are the same recursion (Chen and Goodman, 1999), where h' is the history h
without its first token, and the distribution below the unigrams is uniform, 1 / V:

    p(w | h) = (a(h w) + b(h) p(w | h')) / (a(h) + b(h))

Here a(h w) is the discounted count of the n-gram, and a(h) and b(h) are sums over all tokens seen
after h. The methods differ in a and in the back-off mass b of an n-gram seen c times:

- `witten_bell` (Witten and Bell, 1991, method C): a = c and b = 1.
- `kneser_ney` (modified Kneser-Ney, Chen and Goodman, 1999, section 3): a = c - D(c) and b = D(c),
  with discounts D1, D2 and D3+ at each order. Below the highest order, c is the number of different
  tokens seen before the n-gram.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config.params import Smoothing
from pipelines.data import parquet
from pipelines.errors import UserError

Ids = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]

COUNTS = "counts.parquet"
UNSEEN = -1  # rank of an unseen n-gram
DISCOUNTS = (0.5, 1.0, 1.5)  # D1, D2, D3+ for texts that are too small to estimate them


class NGram:
    """N-gram model: sorted counts of all k-grams up to `order`.

    The rank of a k-gram is its position among the k-grams seen. Its code is the rank of its first
    k - 1 tokens times V, plus its last token, so ascending codes are k-grams in order of their ids.

    Attributes:
        order: n.
        vocabulary: V.
        smoothing: smoothing method.
        codes: for each k from 1 to n, the codes of the k-grams seen, ascending.
        counts: the number of occurrences of each.
    """

    def __init__(
        self,
        order: int,
        vocabulary: int,
        smoothing: Smoothing,
        codes: list[Codes],
        counts: list[Codes],
    ) -> None:
        self.order, self.vocabulary, self.smoothing = order, vocabulary, smoothing
        self.codes, self.counts = codes, counts
        self._levels = _levels(vocabulary, smoothing, codes, counts)

    @classmethod
    def count(cls, stream: Ids, order: int, vocabulary: int, smoothing: Smoothing) -> NGram:
        """Count the n-grams of a training stream (N,)."""
        codes, counts = [], []
        ranks = np.zeros(len(stream) + 1, np.int64)  # rank of the empty history before each token
        for k in range(1, order + 1):
            grams = ranks[:-1] * vocabulary + stream[k - 1 :]
            unique, ranks, frequencies = np.unique(grams, return_inverse=True, return_counts=True)
            codes.append(unique)
            counts.append(frequencies)
        return cls(order, vocabulary, smoothing, codes, counts)

    def truncate(self, order: int) -> NGram:
        """Return the model of a lower order, whose counts are among those of this model."""
        counts = self.codes[:order], self.counts[:order]
        return NGram(order, self.vocabulary, self.smoothing, *counts)

    @property
    def parameters(self) -> int:
        """Number of counts in the model."""
        return sum(map(len, self.codes))

    def log_probabilities(self, stream: Ids) -> Real:
        """Return log probabilities (N - 1,) in nats of a stream (N,) without its first token."""
        probability = np.full(len(stream), 1 / self.vocabulary)
        histories = np.zeros(len(stream), np.int64)
        for level in self._levels:
            grams = level.find(histories, stream)
            probability = level.interpolate(histories, grams, probability)
            # The first tokens have shorter histories: they keep the probabilities of lower orders.
            histories = np.append(UNSEEN, grams[:-1])
        return np.log(probability[1:])

    def next_probabilities(self, history: Ids) -> Real:
        """Return the distribution (V,) of the token after a history (N,)."""
        probability = np.full(self.vocabulary, 1 / self.vocabulary)
        tokens = np.arange(self.vocabulary)
        history = history[max(0, len(history) - self.order + 1) :]
        ranks = np.zeros(len(history) + 1, np.int64)  # ranks of the histories
        for level in self._levels:
            last = ranks[-1:]
            probability = level.interpolate(last, level.find(last, tokens), probability)
            ranks = np.append(UNSEEN, level.find(ranks[:-1], history))
        return probability

    def save(self, folder: Path) -> None:
        """Write all counts as one table with reproducible bytes."""
        parts = [
            pd.DataFrame({"n": k, "code": codes, "count": counts})
            for k, (codes, counts) in enumerate(zip(self.codes, self.counts, strict=True), 1)
        ]
        parquet.write_parquet(pd.concat(parts, ignore_index=True), folder / COUNTS)

    @classmethod
    def load(cls, folder: Path, order: int, vocabulary: int, smoothing: Smoothing) -> NGram:
        """Read a model that `save` wrote.

        Raises:
            UserError: the counts are not those of a model of this order and vocabulary.
        """
        file = folder / COUNTS
        table = parquet.read_parquet(file)
        problem = _problem(table, order, vocabulary)
        if problem:
            raise UserError(
                f"{file} is damaged ({problem}). Run `seqproof run` to train the model again."
            )
        parts = [table[table["n"] == k] for k in range(1, order + 1)]
        codes, counts = ([part[key].to_numpy() for part in parts] for key in ("code", "count"))
        return cls(order, vocabulary, smoothing, codes, counts)


class _Level:
    """One order of the recursion. The last element of each array belongs to `UNSEEN`.

    Args:
        vocabulary: V.
        codes: codes of the k-grams seen, ascending.
        histories: number of (k - 1)-grams seen.
        discounted: discounted count of each k-gram.
        backoff: back-off mass of each k-gram.
    """

    def __init__(
        self, vocabulary: int, codes: Codes, histories: int, discounted: Real, backoff: Real
    ) -> None:
        self._vocabulary = vocabulary
        self._codes = np.append(codes, np.iinfo(np.int64).max)
        history = codes // vocabulary
        self._discounted = np.append(discounted, 0.0)
        self._backoff = np.bincount(history, backoff, histories + 1)
        self._total = np.bincount(history, discounted, histories + 1) + self._backoff

    def find(self, histories: Codes, tokens: Ids | Codes) -> Codes:
        """Return the ranks of k-grams, given the ranks of their histories and their last tokens."""
        codes = histories * self._vocabulary + tokens
        ranks = np.searchsorted(self._codes, codes)
        return np.where(self._codes[ranks] == codes, ranks, UNSEEN)

    def interpolate(self, histories: Codes, grams: Codes, lower: Real) -> Real:
        """Return the probabilities at this order, given those at the order below."""
        total = self._total[histories]
        mixed = self._discounted[grams] + self._backoff[histories] * lower
        return np.where(total > 0, mixed / np.where(total > 0, total, 1), lower)


def _problem(table: pd.DataFrame, order: int, vocabulary: int) -> str:
    """Return what is wrong with a table of counts; empty if nothing is."""
    if list(table.columns) != ["n", "code", "count"] or any(table.dtypes != np.int64):
        return "its columns are not n, code and count"
    orders = sorted(set(table["n"]))
    if orders != list(range(1, order + 1)):
        return f"it has n-grams of the lengths {orders[:9]}, and the model has the order {order}"
    histories = 1
    for k in orders:
        part = table[table["n"] == k]
        codes = part["code"].to_numpy()
        in_range = codes[0] >= 0 and codes[-1] < histories * vocabulary
        if not in_range or not (np.diff(codes) > 0).all() or part["count"].min() < 1:
            return f"its {k}-grams are not those of {vocabulary:,} tokens"
        histories = len(codes)
    return ""


def _levels(
    vocabulary: int, smoothing: Smoothing, codes: list[Codes], counts: list[Codes]
) -> list[_Level]:
    if smoothing == "kneser_ney":
        counts = [*_continuations(vocabulary, codes), counts[-1]]
        backoff = [_discount(count) for count in counts]
        discounted = [count - mass for count, mass in zip(counts, backoff, strict=True)]
    else:
        backoff = [np.ones(len(count)) for count in counts]
        discounted = [count.astype(np.float64) for count in counts]
    histories = [1, *map(len, codes)]  # the empty history below the unigrams
    parts = zip(codes, histories, discounted, backoff, strict=False)
    return [_Level(vocabulary, *part) for part in parts]


def _continuations(vocabulary: int, codes: list[Codes]) -> list[Codes]:
    """Return, for each order but the highest, the number of different tokens before each k-gram."""
    counts = []
    suffixes = np.zeros(len(codes[0]), np.int64)  # ranks without the first token
    for shorter, longer in pairwise(codes):
        history, token = np.divmod(longer, vocabulary)
        suffixes = np.searchsorted(shorter, suffixes[history] * vocabulary + token)
        counts.append(np.bincount(suffixes, minlength=len(shorter)))
    return counts


def _discount(counts: Codes) -> Real:
    """Return D1, D2 or D3+ of each k-gram by its count; 0 for a count of 0."""
    return np.array([0.0, *_discounts(counts)])[np.minimum(counts, 3)]


def _discounts(counts: Codes) -> tuple[float, float, float]:
    """Estimate D1, D2 and D3+ from the counts of counts (Chen and Goodman, 1999, section 3).

    If an order has no k-gram seen once, twice, three or four times, or an estimate is not positive,
    return the default discounts of KenLM (Heafield et al. 2013).
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if not min(n1, n2, n3, n4):
        return DISCOUNTS
    y = n1 / (n1 + 2 * n2)
    estimates = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return estimates if min(estimates) > 0 else DISCOUNTS
