"""Unigram cache (Kuhn and De Mori, 1990): the relative frequencies of the last tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class UnigramCache:
    """Unigram model of the last tokens: p(w | h) = occurrences of w among them / their number.

    Texts repeat their words. It gives other words no probability, so it is a component of a Mixture
    only. It has no parameters and is not trained.

    Attributes:
        window: number of tokens; at the beginning of a text there are fewer.
        vocabulary: V.
    """

    window: int
    vocabulary: int

    def log_probabilities(self, stream: Ids) -> Real:
        """Return log probabilities (N - 1,) in nats of a stream (N,) without its first token."""
        size = len(stream)
        # Places of each token, one token after the other; a place is a number below N.
        places = np.sort(stream.astype(np.int64) * size + np.arange(size))
        tokens, ends = stream[1:].astype(np.int64) * size, np.arange(1, size)
        starts = np.maximum(0, ends - self.window)
        counts = np.searchsorted(places, tokens + ends) - np.searchsorted(places, tokens + starts)
        with np.errstate(divide="ignore"):
            return np.log(counts / (ends - starts))

    def next_probabilities(self, history: Ids) -> Real:
        """Return the distribution (V,) of the token after a history (N,), N >= 1."""
        last = history[-self.window :]
        return np.bincount(last, minlength=self.vocabulary) / len(last)
