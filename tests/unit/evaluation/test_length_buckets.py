"""Test items in buckets by their length."""

import numpy as np
import pandas as pd

from pipelines.evaluation.length_buckets import BUCKETS, buckets, by_length


def _scored(lengths, right):
    frame = pd.DataFrame({"source_tokens": lengths, "right": right})
    return by_length(frame, "source_tokens", "accuracy", lambda rows: rows["right"].mean())


def test_buckets_hold_about_as_many_items_each_and_all_of_them_once():
    lengths = np.random.default_rng(1).permutation(800)
    found = _scored(lengths, lengths < 100)
    assert (found.length, found.score) == ("source tokens", "accuracy")
    assert found.counts == [100] * BUCKETS
    assert found.longest == [99, 199, 299, 399, 499, 599, 699, 799]
    assert found.values == [1.0] + [0.0] * 7


def test_items_of_one_length_are_never_parted():
    found = _scored([3] * 50 + [4] * 2, [True] * 50 + [True, False])
    assert found.longest == [3, 4]
    assert found.counts == [50, 2]
    assert found.values == [1.0, 0.5]
    alone = _scored([7], [True])
    assert (alone.longest, alone.counts, alone.values) == ([7], [1], [1.0])


def test_buckets_are_of_like_size_and_equal_lengths_stay_together():
    found = buckets(np.arange(1, 13), 4)
    np.testing.assert_array_equal(found, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    found = buckets(np.array([9, 1, 1, 1, 1, 2, 7, 9]), 4)
    assert len(set(found[1:5])) == 1
    assert found[0] == found[7] == found.max()
    assert list(found) == list(buckets(np.array([9, 1, 1, 1, 1, 2, 7, 9]), 4))
    np.testing.assert_array_equal(buckets(np.array([5, 5, 5]), 3), 0)
