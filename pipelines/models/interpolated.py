"""A recurrent language model and a Markov model of the same text that answer as one.

They are wrong in different places: the one about rare phrases that it has smoothed away, the other
about all that lies further back than its order.
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

    It only predicts: the network is trained, and the n-grams are counted, each for itself.

    Attributes:
        network: a recurrent language model, or an Ensemble of them.
        ngram: counts of the same training text in the same ids.
        share: of the n-gram model, between 0 and 1.
    """

    network: Any
    ngram: NGram
    share: float

    def count_params(self) -> int:
        """How many numbers the network has learnt, and how many counts the other keeps."""
        return int(self.network.count_params()) + self.ngram.parameters

    def mix(self, network: Real, ngram: Real) -> Real:
        """Log probabilities of both, of one shape -> those of the two together, in nats."""
        return np.logaddexp(np.log1p(-self.share) + network, np.log(self.share) + ngram)
