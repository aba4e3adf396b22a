"""Confidence beside accuracy, with numbers that can be computed by hand."""

import numpy as np
import pytest

from pipelines.evaluation.calibration import BINS, calibration_error, reliability

# In the last bin half of two are right at 0.95, in the ninth both at 0.6, in the sixth none at 0.4.
SURE = np.array([0.95, 0.95, 0.6, 0.6, 0.4])
RIGHT = np.array([True, False, True, True, False])


def test_the_error_by_hand():
    assert calibration_error(SURE, RIGHT) == pytest.approx((2 * 0.45 + 2 * 0.4 + 1 * 0.4) / 5)


def test_who_is_right_as_often_as_it_says_has_no_error():
    sure = np.repeat([0.25, 0.75], 400)
    right = np.concatenate([np.arange(400) < 100, np.arange(400) < 300])
    assert calibration_error(sure, right) == pytest.approx(0)
    assert calibration_error(np.ones(4), np.zeros(4, bool)) == 1


def test_a_bin_holds_its_upper_edge_and_an_empty_one_is_nothing():
    found = reliability(SURE, RIGHT)
    assert np.flatnonzero(found.counts).tolist() == [5, 8, 14]
    assert found.counts[[5, 8, 14]].tolist() == [1, 2, 2]
    assert found.accuracy[[5, 8, 14]].tolist() == [0, 1, 0.5]
    assert not found.confidence[0]
    edges = reliability(np.array([0.0, 1 / BINS, 1.0]), np.ones(3, bool))
    assert np.flatnonzero(edges.counts).tolist() == [0, 14]
