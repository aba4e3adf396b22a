"""Batches: every example once, little padding, an order that only seed and epoch decide."""

from itertools import pairwise

import numpy as np

from pipelines import batches

LENGTHS = list(np.random.default_rng(0).integers(1, 40, size=5000))


def test_every_example_comes_once_an_epoch():
    found = np.concatenate(batches.bucketed(LENGTHS, 16, seed=1, epoch=2))
    assert sorted(found) == list(range(5000))
    found = np.concatenate(batches.by_length(LENGTHS, 16))
    assert sorted(found) == list(range(5000))


def test_order_is_a_function_of_seed_and_epoch():
    def order(seed, epoch):
        return np.concatenate(batches.bucketed(LENGTHS, 16, seed, epoch)).tolist()

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


def test_buckets_save_padding_and_are_shuffled():
    lengths = np.array(LENGTHS)
    found = batches.bucketed(LENGTHS, 16, seed=1, epoch=1)
    padded = sum(len(batch) * lengths[batch].max() for batch in found)
    assert padded < 1.1 * lengths.sum()
    longest = [lengths[batch].max() for batch in found]
    assert longest != sorted(longest)


def test_pad_fills_at_the_right():
    rows = [np.array([5, 6], np.int32), np.array([7], np.int32)]
    assert batches.pad(rows).tolist() == [[5, 6], [7, 0]]


def test_contiguous_rows_go_on_where_they_ended():
    stream = np.arange(103, dtype=np.int32)
    found = list(batches.contiguous(stream, batch_size=4, steps=5))
    assert len(found) == batches.contiguous_batches(len(stream), 4, 5) == 5
    for inputs, targets in found:
        assert inputs.shape == targets.shape == (4, 5)
        assert (targets == inputs + 1).all()
    for (before, _), (after, _) in pairwise(found):
        assert (after[:, 0] == before[:, -1] + 1).all()
