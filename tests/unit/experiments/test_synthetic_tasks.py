"""Examples and baselines of the adding and the copying task."""

import math

import numpy as np
import pytest

from pipelines.experiments import synthetic_tasks
from pipelines.experiments.synthetic_tasks import TASKS


def draw(name, examples=2000, lag=12, seed=(1, 2)):
    return TASKS[name].draw(np.random.default_rng(seed), examples, lag)


@pytest.mark.parametrize("lag", [2, 3, 12])
def test_adding_marks_one_number_in_each_half(lag):
    inputs, sums = draw("adding", lag=lag)
    numbers, marks = inputs[:, :, 0], inputs[:, :, 1]
    assert inputs.shape == (2000, lag, 2)
    assert set(np.unique(marks)) <= {0.0, 1.0}
    np.testing.assert_array_equal(marks[:, : lag // 2].sum(axis=1), 1)
    np.testing.assert_array_equal(marks[:, lag // 2 :].sum(axis=1), 1)
    np.testing.assert_allclose((numbers * marks).sum(axis=1, keepdims=True), sums, rtol=1e-6)
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() < 1


def test_the_baseline_of_adding_always_answers_one():
    _, sums = draw("adding", examples=100_000)
    answers = np.ones((100_000, 1, 1))
    errors = TASKS["adding"].losses(answers, sums)
    assert errors.mean() == pytest.approx(TASKS["adding"].baseline(12), abs=2e-3)
    assert TASKS["adding"].baseline(400) == pytest.approx(0.167, abs=5e-4)


def test_copying_repeats_ten_symbols_after_the_delimiter():
    inputs, targets = draw("copying", lag=7)
    assert inputs.shape == (2000, 27, 10)
    np.testing.assert_array_equal(inputs.sum(axis=2), 1)
    symbol_ids = inputs.argmax(axis=2)
    symbols = symbol_ids[:, :10]
    assert set(np.unique(symbols)) == set(range(1, 9))
    np.testing.assert_array_equal(symbol_ids[:, 10:16], synthetic_tasks.BLANK)
    np.testing.assert_array_equal(symbol_ids[:, 16], synthetic_tasks.DELIMITER)
    np.testing.assert_array_equal(symbol_ids[:, 17:], synthetic_tasks.BLANK)
    np.testing.assert_array_equal(targets[:, :17], synthetic_tasks.BLANK)
    np.testing.assert_array_equal(targets[:, 17:], symbols)


@pytest.mark.parametrize("lag", [1, 10, 400])
def test_the_baseline_of_copying_equals_the_published_one(lag):
    """Predict blanks, then a uniform distribution over eight symbols: 10 ln 8 nats in total."""
    _, targets = draw("copying", examples=4, lag=lag)
    outputs = np.full((4, lag + 20, 9), -100.0, np.float32)
    outputs[:, : lag + 10, synthetic_tasks.BLANK] = 100
    outputs[:, lag + 10 :, 1:] = 0
    nats = TASKS["copying"].losses(outputs, targets).numpy()
    assert nats.mean() == pytest.approx(10 * math.log(8) / (lag + 20), rel=1e-5)
    assert TASKS["copying"].baseline(lag) == pytest.approx(nats.mean(), rel=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_examples_depend_on_the_seed(name):
    arrays = zip(draw(name), draw(name), draw(name, seed=(1, 3)), strict=True)
    for first, second, other in arrays:
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, other)
