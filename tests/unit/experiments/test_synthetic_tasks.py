"""Data of the adding and the copying task, and what a network without memory reaches."""

import math

import numpy as np
import pytest

from pipelines.experiments import synthetic_tasks
from pipelines.experiments.synthetic_tasks import TASKS


def drawn(name, examples=2000, lag=12, seed=(1, 2)):
    return TASKS[name].draw(np.random.default_rng(seed), examples, lag)


@pytest.mark.parametrize("lag", [2, 3, 12])
def test_adding_marks_one_number_in_each_half_and_asks_for_their_sum(lag):
    inputs, sums = drawn("adding", lag=lag)
    numbers, marks = inputs[:, :, 0], inputs[:, :, 1]
    assert inputs.shape == (2000, lag, 2)
    assert set(np.unique(marks)) <= {0.0, 1.0}
    np.testing.assert_array_equal(marks[:, : lag // 2].sum(axis=1), 1)
    np.testing.assert_array_equal(marks[:, lag // 2 :].sum(axis=1), 1)
    np.testing.assert_allclose((numbers * marks).sum(axis=1, keepdims=True), sums, rtol=1e-6)
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() < 1


def test_always_answering_one_is_the_baseline_of_adding():
    _, sums = drawn("adding", examples=100_000)
    answers = np.ones((100_000, 1, 1))
    errors = TASKS["adding"].losses(answers, sums)
    assert errors.mean() == pytest.approx(TASKS["adding"].baseline(12), abs=2e-3)
    assert TASKS["adding"].baseline(400) == pytest.approx(0.167, abs=5e-4)


def test_copying_asks_for_its_ten_symbols_after_the_delimiter():
    inputs, wanted = drawn("copying", lag=7)
    assert inputs.shape == (2000, 27, 10)
    np.testing.assert_array_equal(inputs.sum(axis=2), 1)
    read = inputs.argmax(axis=2)
    symbols = read[:, :10]
    assert set(np.unique(symbols)) == set(range(1, 9))
    np.testing.assert_array_equal(read[:, 10:16], synthetic_tasks.BLANK)
    np.testing.assert_array_equal(read[:, 16], synthetic_tasks.DELIMITER)
    np.testing.assert_array_equal(read[:, 17:], synthetic_tasks.BLANK)
    np.testing.assert_array_equal(wanted[:, :17], synthetic_tasks.BLANK)
    np.testing.assert_array_equal(wanted[:, 17:], symbols)


@pytest.mark.parametrize("lag", [1, 10, 400])
def test_the_baseline_of_copying_is_that_of_the_literature(lag):
    """Blanks for sure, then any of the eight symbols: 10 ln 8 nats in all."""
    _, wanted = drawn("copying", examples=4, lag=lag)
    outputs = np.full((4, lag + 20, 9), -100.0, np.float32)
    outputs[:, : lag + 10, synthetic_tasks.BLANK] = 100
    outputs[:, lag + 10 :, 1:] = 0
    nats = TASKS["copying"].losses(outputs, wanted).numpy()
    assert nats.mean() == pytest.approx(10 * math.log(8) / (lag + 20), rel=1e-5)
    assert TASKS["copying"].baseline(lag) == pytest.approx(nats.mean(), rel=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_examples_follow_from_the_seed(name):
    for one, again, other in zip(drawn(name), drawn(name), drawn(name, seed=(1, 3)), strict=True):
        np.testing.assert_array_equal(one, again)
        assert not np.array_equal(one, other)
