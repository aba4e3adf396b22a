"""Mixture of language models of the same text: the linear interpolation of their probabilities.

Its components make different errors: a network smooths rare phrases away, an n-gram model ignores
all tokens before its order, and a cache knows nothing but the last tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]

TOLERANCE = 1e-9  # nats between the loss of the weights and the lowest loss
MAX_ITERATIONS = 5000
DIGITS = 4  # of the weights; the loss is flat at its minimum


@dataclass(frozen=True)
class Mixture:
    """Linear interpolation of language models (Jelinek and Mercer, 1980).

        p(w | h) = sum over k of weight(k) p_k(w | h)

    The components are trained or counted independently; the weights do not depend on h.

    Attributes:
        components: `network`, a recurrent language model or an Ensemble of them; `ngram`, an NGram;
            `cache`, a UnigramCache. At least two.
        weights: weight of each component; they sum to 1.
    """

    components: Mapping[str, Any]
    weights: Mapping[str, float]

    def mix(self, log_probabilities: Mapping[str, Real]) -> Real:
        """Interpolate the components' log probabilities of the same shape, in nats."""
        return mix(log_probabilities, self.weights)


def mix(log_probabilities: Mapping[str, Real], weights: Mapping[str, float]) -> Real:
    """Interpolate log probabilities.

    Args:
        log_probabilities: by component, arrays of the same shape, in nats.
        weights: by component; they sum to 1.

    Returns:
        Log probabilities of that shape.
    """
    with np.errstate(divide="ignore"):  # a weight may be 0
        logs = [np.log(weights[name]) + values for name, values in log_probabilities.items()]
    mixed: Real = np.logaddexp.reduce(logs)
    return mixed


def fit_weights(log_probabilities: Mapping[str, Real]) -> dict[str, float]:
    """Fit the weights that give a text the highest probability, by expectation maximisation.

    An iteration multiplies each weight by the mean of p_k / p over the tokens, where p is the
    mixture (Jelinek and Mercer, 1980; Dempster et al. 1977). The likelihood is concave, so any
    start leads to its maximum. No other weights have a loss lower by more than the largest factor
    minus 1: at `TOLERANCE` the iterations end.

    Args:
        log_probabilities: by component, (N,) of each token of a text that no component was trained
            on, in nats; of each token at least one is finite.

    Returns:
        Weight of each component, rounded to `DIGITS`; they sum to 1.
    """
    logs = np.stack(list(log_probabilities.values()))
    probabilities = np.exp(logs - logs.max(axis=0))  # (K, N), up to a factor of each token
    weights = np.full(len(logs), 1 / len(logs))
    for _ in range(MAX_ITERATIONS):
        factors = (probabilities / (weights @ probabilities)).mean(axis=1)
        if factors.max() - 1 <= TOLERANCE:
            break
        weights *= factors
    return _rounded(dict(zip(log_probabilities, weights.tolist(), strict=True)))


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    """Round weights; the largest becomes what the others leave."""
    rounded = {name: round(weight, DIGITS) for name, weight in weights.items()}
    largest = max(rounded, key=lambda name: rounded[name])
    others = sum(weight for name, weight in rounded.items() if name != largest)
    return rounded | {largest: round(1 - others, DIGITS)}
