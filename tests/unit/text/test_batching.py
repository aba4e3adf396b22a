"""Batches: every example once, little padding, an order that only seed and epoch decide."""

from itertools import pairwise

import numpy as np
import pytest

from pipelines.text import batching

LENGTHS = np.random.default_rng(0).integers(1, 40, size=(5000, 2))
BY_SIZE, BY_TOKENS = {"batch_size": 16}, {"batch_tokens": 300}


@pytest.mark.parametrize("sizes", [BY_SIZE, BY_TOKENS])
def test_every_example_comes_once_an_epoch(sizes):
    batches = np.concatenate(batching.bucketed_batches(LENGTHS, 1, 2, **sizes))
    assert sorted(batches) == list(range(5000))
    batches = np.concatenate(batching.batches_by_length(LENGTHS[:, 0], 16))
    assert sorted(batches) == list(range(5000))


@pytest.mark.parametrize("sizes", [BY_SIZE, BY_TOKENS])
def test_order_is_a_function_of_seed_and_epoch(sizes):
    def order(seed, epoch):
        return np.concatenate(batching.bucketed_batches(LENGTHS, seed, epoch, **sizes)).tolist()

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


@pytest.mark.parametrize("sizes", [BY_SIZE, BY_TOKENS])
def test_the_order_takes_four_bytes_for_an_example(sizes):
    batches = batching.bucketed_batches(LENGTHS, 1, 2, **sizes)
    assert {batch.dtype for batch in batches} == {np.dtype(np.int32)}
    assert len({id(batch.base) for batch in batches}) == 1


@pytest.mark.parametrize("sizes", [BY_SIZE, BY_TOKENS])
def test_buckets_save_padding_and_are_shuffled(sizes):
    first = LENGTHS[:, 0]
    batches = batching.bucketed_batches(LENGTHS, 1, 1, **sizes)
    padded = sum(len(batch) * first[batch].max() for batch in batches)
    assert padded < 1.1 * first.sum()
    longest = [first[batch].max() for batch in batches]
    assert longest != sorted(longest)


def test_examples_are_sorted_by_the_second_length_too():
    lengths = LENGTHS // [13, 1]
    batches = batching.bucketed_batches(lengths, 1, 1, batch_size=4)
    unsorted = batching.bucketed_batches(lengths[:, :1], 1, 1, batch_size=4)

    def padding(batches):
        return sum(len(batch) * lengths[batch, 1].max() for batch in batches) / lengths[:, 1].sum()

    assert padding(batches) < 0.8 * padding(unsorted)


def test_a_batch_has_its_size_but_for_the_last_of_a_pool():
    sizes = [len(batch) for batch in batching.bucketed_batches(LENGTHS, 1, 1, batch_size=16)]
    assert max(sizes) == 16
    assert sum(size < 16 for size in sizes) <= 5000 / (16 * batching.POOL) + 1


def test_token_batches_never_exceed_their_limit_and_come_near_it():
    first = LENGTHS[:, 0]
    batches = batching.bucketed_batches(LENGTHS, 1, 1, batch_tokens=300)
    tokens = [len(batch) * first[batch].max() for batch in batches]
    assert max(tokens) <= 300
    assert np.mean(tokens) > 270


def test_an_example_longer_than_the_limit_is_a_batch():
    lengths = np.array([[3], [50], [4], [60], [10], [11]])
    batches = batching.bucketed_batches(lengths, 1, 1, batch_tokens=20)
    assert {tuple(sorted(batch)) for batch in batches} == {(0, 2), (1,), (3,), (4,), (5,)}


def test_pad_fills_at_the_right():
    rows = [np.array([5, 6], np.int32), np.array([7], np.int32)]
    assert batching.pad(rows).tolist() == [[5, 6], [7, 0]]


@pytest.mark.parametrize("random", [False, True])
def test_contiguous_rows_are_continued(random):
    stream = np.arange(403, dtype=np.int32)
    steps = batching.even_steps(403, 4, 6)
    if random:
        steps = batching.random_steps(403, 4, 6, seed=1, epoch=1)
    batches = list(batching.contiguous_batches(stream, 4, steps))
    assert [inputs.shape for inputs, _ in batches] == [(4, length) for length in steps]
    for inputs, targets in batches:
        assert (targets == inputs + 1).all()
    for (batch, _), (next_batch, _) in pairwise(batches):
        assert (next_batch[:, 0] == batch[:, -1] + 1).all()


def test_even_steps_leave_out_what_does_not_fill_a_batch():
    assert batching.even_steps(103, 4, 5) == [5] * 5
    assert batching.even_steps(101, 4, 5) == [5] * 5
    assert batching.even_steps(100, 4, 5) == [5] * 4


@pytest.mark.parametrize("epoch", range(40))
def test_random_steps_cover_the_stream_in_no_steps_under_five(epoch):
    steps = batching.random_steps(2003, 2, 12, seed=1, epoch=epoch)
    assert sum(steps) == 1001
    assert min(steps) >= 5
    assert max(steps) < 12 + 5 * 5 + 5


def test_random_steps_are_around_their_mean_and_half_of_it():
    """Merity et al. (2017), section 4.1."""
    steps = np.array(batching.random_steps(2_000_001, 2, 70, seed=1, epoch=1))
    usual = steps[steps > 52]
    assert np.mean(steps <= 52) == pytest.approx(0.05, abs=0.01)
    assert np.mean(usual) == pytest.approx(70, abs=0.5)
    assert np.std(usual) == pytest.approx(5, abs=0.3)
    assert np.mean(steps[steps <= 52]) == pytest.approx(35, abs=1)


def test_every_epoch_cuts_elsewhere_and_is_reproducible():
    first, repeated, other = (batching.random_steps(2003, 2, 12, 1, epoch) for epoch in (1, 1, 2))
    assert first == repeated != other
    assert first != batching.random_steps(2003, 2, 12, 2, 1)
