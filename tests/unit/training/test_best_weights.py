"""The epochs that are kept, in order, and the average of their weights."""

import numpy as np

from pipelines.training.best_weights import BestWeights


def make_weights(value):
    return [np.full((2, 3), value, np.float32), np.array([value], np.float32)]


def add_epochs(best, scores):
    """Add an epoch per score, with its number as weights."""
    return [best.add(score, make_weights(epoch)) for epoch, score in enumerate(scores)]


def test_of_equal_epochs_the_earlier_is_the_best():
    best = BestWeights(1)
    assert add_epochs(best, [1.0, 3.0, 3.0, 2.0]) == [True, True, False, False]
    assert best.score == 3.0
    np.testing.assert_array_equal(best.best_weights[1], [1])


def test_the_best_epochs_are_averaged():
    best = BestWeights(3)
    add_epochs(best, [5.0, 1.0, 3.0, 4.0, 3.0, 2.0])
    # Epochs 0, 3 and 2: the other epoch with score 3 is later.
    for average in best.averaged_weights():
        assert average.dtype == np.float32
        np.testing.assert_allclose(average, (0 + 3 + 2) / 3, rtol=1e-6)
    np.testing.assert_array_equal(best.best_weights[1], [0])


def test_all_epochs_are_averaged_if_there_are_fewer_than_requested():
    best = BestWeights(8)
    add_epochs(best, [1.0, 2.0])
    np.testing.assert_array_equal(best.averaged_weights()[0], np.full((2, 3), 0.5))


def test_weights_are_summed_in_float64():
    best = BestWeights(3)
    for epoch, value in enumerate((1e8, 1.0, -1e8)):
        best.add(-epoch, [np.array([value], np.float32)])
    np.testing.assert_allclose(best.averaged_weights()[0], [1 / 3], rtol=1e-6)
