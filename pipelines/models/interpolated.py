"""Interpolation of a recurrent language model with an n-gram model of the same text.

The two make different errors: a network smooths rare phrases away, and an n-gram model ignores all
tokens before its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.models.ngram import NGram

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interpolated:
    """Linear interpolation of a network with an n-gram model (Mikolov et al. 2010, section 3).

        p(w | h) = (1 - share) p_network(w | h) + share p_ngram(w | h)

    The network is trained and the n-grams are counted independently.

    Attributes:
        network: recurrent language model, or an Ensemble of them.
        ngram: n-gram model of the same training text and vocabulary.
        share: of the n-gram model, between 0 and 1.
    """

    network: Any
    ngram: NGram
    share: float

    def count_params(self) -> int:
        """Return the number of parameters of the network plus the counts of the n-gram model."""
        return int(self.network.count_params()) + self.ngram.parameters

    def mix(self, network: Real, ngram: Real) -> Real:
        """Interpolate log probabilities of the same shape, in nats."""
        return np.logaddexp(np.log1p(-self.share) + network, np.log(self.share) + ngram)
