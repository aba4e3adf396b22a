"""Whether a classifier is right as often as it says that it is. N examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

BINS = 15  # as Guo et al. (2017) have it, and most who compare themselves


class Reliability(NamedTuple):
    """Examples by their confidence, in equally wide bins from 0 to 1; an empty bin is all 0.

    Attributes:
        counts: (15,) examples of each bin.
        confidence: (15,) their mean confidence.
        accuracy: (15,) the share of them that is right.
    """

    counts: npt.NDArray[np.int64]
    confidence: Reals
    accuracy: Reals


def reliability(confidence: Reals, right: npt.NDArray[np.bool_]) -> Reliability:
    """What a reliability diagram shows (Niculescu-Mizil and Caruana, 2005).

    Args:
        confidence: (N,), the probability of each label that was given.
        right: (N,), whether it was the right one.
    """
    # A bin holds its upper edge and not its lower one.
    places = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    sums = (np.bincount(places, values, minlength=BINS) for values in (confidence, right))
    return Reliability(counts, *(each / np.maximum(counts, 1) for each in sums))


def calibration_error(confidence: Reals, right: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error, 0 to 1 (Naeini et al. 2015; Guo et al. 2017, equation 3).

    The mean over all examples of how far accuracy and mean confidence of their bin lie apart, with
    15 equally wide bins.

    Args:
        confidence: (N,), the probability of each label that was given.
        right: (N,), whether it was the right one.
    """
    found = reliability(confidence, right)
    apart = np.abs(found.accuracy - found.confidence)
    return float((found.counts * apart).sum() / found.counts.sum())
