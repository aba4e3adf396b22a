"""Calibration errors and bins that can be computed by hand."""

import numpy as np
import pytest

from pipelines.evaluation.calibration import BINS, calibration_error, reliability

# The last bin has one of two right at 0.95, the ninth two of two at 0.6, the sixth none at 0.4.
CONFIDENCE = np.array([0.95, 0.95, 0.6, 0.6, 0.4])
RIGHT = np.array([True, False, True, True, False])


def test_calibration_error_by_hand():
    expected = (2 * 0.45 + 2 * 0.4 + 1 * 0.4) / 5
    assert calibration_error(CONFIDENCE, RIGHT) == pytest.approx(expected)


def test_a_calibrated_classifier_has_no_error():
    confidence = np.repeat([0.25, 0.75], 400)
    right = np.concatenate([np.arange(400) < 100, np.arange(400) < 300])
    assert calibration_error(confidence, right) == pytest.approx(0)
    assert calibration_error(np.ones(4), np.zeros(4, bool)) == 1


def test_a_bin_includes_its_upper_edge_and_an_empty_bin_is_zero():
    bins = reliability(CONFIDENCE, RIGHT)
    assert np.flatnonzero(bins.counts).tolist() == [5, 8, 14]
    assert bins.counts[[5, 8, 14]].tolist() == [1, 2, 2]
    assert bins.accuracy[[5, 8, 14]].tolist() == [0, 1, 0.5]
    assert not bins.confidence[0]
    edges = reliability(np.array([0.0, 1 / BINS, 1.0]), np.ones(3, bool))
    assert np.flatnonzero(edges.counts).tolist() == [0, 14]
