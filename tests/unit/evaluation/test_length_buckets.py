"""Test items in buckets by their length."""

import numpy as np
import pandas as pd

from pipelines.evaluation.length_buckets import BUCKETS, assign_buckets, scores_by_length


def _accuracy_by_length(lengths, right):
    frame = pd.DataFrame({"source_tokens": lengths, "right": right})
    return scores_by_length(
        frame, "source_tokens", "accuracy", lambda rows: float(rows["right"].mean())
    )


def test_buckets_are_of_equal_size_and_hold_every_item_once():
    lengths = np.random.default_rng(1).permutation(800)
    scores = _accuracy_by_length(lengths, lengths < 100)
    assert (scores.length, scores.score) == ("source tokens", "accuracy")
    assert scores.counts == (100,) * BUCKETS
    assert scores.longest == (99, 199, 299, 399, 499, 599, 699, 799)
    assert scores.values == (1.0,) + (0.0,) * 7


def test_items_of_equal_length_share_a_bucket():
    scores = _accuracy_by_length([3] * 50 + [4] * 2, [True] * 50 + [True, False])
    assert scores.longest == (3, 4)
    assert scores.counts == (50, 2)
    assert scores.values == (1.0, 0.5)
    scores = _accuracy_by_length([7], [True])
    assert (scores.longest, scores.counts, scores.values) == ((7,), (1,), (1.0,))


def test_bucket_numbers_rise_with_the_length():
    buckets = assign_buckets(np.arange(1, 13), 4)
    np.testing.assert_array_equal(buckets, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    lengths = np.array([9, 1, 1, 1, 1, 2, 7, 9])
    buckets = assign_buckets(lengths, 4)
    assert len(set(buckets[1:5])) == 1
    assert buckets[0] == buckets[7] == buckets.max()
    assert list(buckets) == list(assign_buckets(lengths, 4))
    np.testing.assert_array_equal(assign_buckets(np.array([5, 5, 5]), 3), 0)
