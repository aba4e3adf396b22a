"""The epochs that are kept, in order, and their mean."""

import numpy as np

from pipelines.training.best_weights import BestWeights


def _weights(value):
    return [np.full((2, 3), value, np.float32), np.array([value], np.float32)]


def _added(best, merits):
    return [best.add(merit, _weights(at)) for at, merit in enumerate(merits)]


def test_the_best_epoch_is_one_and_of_equals_the_earlier():
    best = BestWeights(1)
    assert _added(best, [1.0, 3.0, 3.0, 2.0]) == [True, True, False, False]
    assert best.merit == 3.0
    np.testing.assert_array_equal(best.one()[1], [1])


def test_as_many_as_asked_for_are_averaged_the_earlier_of_equals():
    best = BestWeights(3)
    _added(best, [5.0, 1.0, 3.0, 4.0, 3.0, 2.0])
    # Epochs 0, 3 and 2: the other one of merit 3 came later.
    for mean in best.mean():
        assert mean.dtype == np.float32
        np.testing.assert_allclose(mean, (0 + 3 + 2) / 3, rtol=1e-6)
    np.testing.assert_array_equal(best.one()[1], [0])


def test_the_mean_of_fewer_epochs_than_asked_for_is_that_of_all():
    best = BestWeights(8)
    _added(best, [1.0, 2.0])
    np.testing.assert_array_equal(best.mean()[0], np.full((2, 3), 0.5))


def test_the_mean_is_added_up_in_float64():
    best = BestWeights(3)
    for at, value in enumerate((1e8, 1.0, -1e8)):
        best.add(-at, [np.array([value], np.float32)])
    np.testing.assert_allclose(best.mean()[0], [1 / 3], rtol=1e-6)
