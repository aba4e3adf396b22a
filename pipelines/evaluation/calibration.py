"""Calibration of a classifier: is it right as often as it is confident? N examples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.evaluation.analysis import Reliability

Reals = npt.NDArray[np.float64]

BINS = 15  # as in Guo et al. (2017)


def reliability(confidence: Reals, right: npt.NDArray[np.bool_]) -> Reliability:
    """Compute the bins of a reliability diagram (Niculescu-Mizil and Caruana, 2005).

    Args:
        confidence: (N,), the probability of each predicted label.
        right: (N,), True where the predicted label is the actual one.
    """
    # A bin includes its upper edge and excludes its lower one.
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sums = (np.bincount(bins, values, minlength=BINS) for values in (confidence, right))
    return Reliability(counts, *(total / np.maximum(counts, 1) for total in sums))


def calibration_error(confidence: Reals, right: npt.NDArray[np.bool_]) -> float:
    """Compute the expected calibration error, 0 to 1, of N predictions.

    Args:
        confidence: (N,), the probability of each predicted label.
        right: (N,), True where the predicted label is the actual one.
    """
    return calibration_error_of_bins(reliability(confidence, right))


def calibration_error_of_bins(bins: Reliability) -> float:
    """Compute the expected calibration error (Naeini et al. 2015; Guo et al. 2017, eq. 3).

    The mean over all examples of the gap between accuracy and mean confidence of their bin.
    """
    gaps = np.abs(bins.accuracy - bins.confidence)
    return float((bins.counts * gaps).sum() / bins.counts.sum())
