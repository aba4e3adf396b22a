"""Examples and baselines of the adding, copying and recall tasks."""

import math

import numpy as np
import pytest

from pipelines.experiments import synthetic_tasks
from pipelines.experiments.synthetic_tasks import RECALLS, make_task

SYMBOLS = {"adding": None, "copying": 10, "recall": None}


def draw(name, examples=2000, lag=12, seed=(1, 2)):
    task = make_task(name, SYMBOLS[name])
    arrays = task.draw(np.random.default_rng(seed), examples, lag)
    assert arrays[0].shape == (examples, task.steps(lag), task.inputs)
    assert arrays[1].shape == arrays[2].shape == (examples, task.steps(lag))
    return arrays


@pytest.mark.parametrize("lag", [2, 3, 12])
def test_adding_marks_one_number_in_each_half(lag):
    inputs, targets, mask = draw("adding", lag=lag)
    numbers, marks = inputs[:, :, 0], inputs[:, :, 1]
    assert inputs.shape == (2000, lag, 2)
    assert set(np.unique(marks)) <= {0.0, 1.0}
    np.testing.assert_array_equal(marks[:, : lag // 2].sum(axis=1), 1)
    np.testing.assert_array_equal(marks[:, lag // 2 :].sum(axis=1), 1)
    np.testing.assert_allclose((numbers * marks).sum(axis=1), targets[:, -1], rtol=1e-6)
    np.testing.assert_array_equal(mask.sum(axis=1), 1)
    np.testing.assert_array_equal(mask[:, -1], 1)
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() < 1


def test_the_baseline_of_adding_always_answers_one():
    examples = draw("adding", examples=100_000)
    task = make_task("adding", None)
    errors = task.losses(np.ones((100_000, 12, 1)), examples[1])[:, -1]
    assert errors.mean() == pytest.approx(task.baseline(examples), rel=1e-5)
    assert task.baseline(examples) == pytest.approx(1 / 6, abs=2e-3)


def test_remembering_the_second_number_only_leaves_half_the_error_of_adding():
    """So a threshold of one half would be passed without any long memory."""
    inputs, targets, _ = examples = draw("adding", examples=100_000)
    second = (inputs[:, 6:, 0] * inputs[:, 6:, 1]).sum(axis=1)
    error = ((second + 0.5 - targets[:, -1]) ** 2).mean()
    assert error / make_task("adding", None).baseline(examples) == pytest.approx(0.5, abs=0.01)


def test_copying_repeats_ten_symbols_after_the_delimiter():
    inputs, targets, mask = draw("copying", lag=7)
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
    assert mask.all()


@pytest.mark.parametrize("lag", [1, 10, 1000])
def test_the_baseline_of_copying_equals_the_published_one(lag):
    """Predict blanks, then a uniform distribution over eight symbols: 10 ln 8 nats in total."""
    examples = draw("copying", examples=4, lag=lag)
    outputs = np.full((4, lag + 20, 9), -100.0, np.float32)
    outputs[:, : lag + 10, synthetic_tasks.BLANK] = 100
    outputs[:, lag + 10 :, 1:] = 0
    task = make_task("copying", 10)
    nats = task.losses(outputs, examples[1]).numpy()
    assert nats.mean() == pytest.approx(10 * math.log(8) / (lag + 20), rel=1e-5)
    assert task.baseline(examples) == pytest.approx(nats.mean(), rel=1e-5)


def test_recall_asks_for_the_symbol_that_was_marked_a_lag_before():
    inputs, targets, mask = draw("recall", lag=5)
    symbols, marks = inputs[:, :, :8].argmax(axis=2) + 1, inputs[:, :, 8]
    np.testing.assert_array_equal(inputs[:, :, :8].sum(axis=2), 1)
    np.testing.assert_array_equal(marks.sum(axis=1), RECALLS)
    np.testing.assert_array_equal(mask[:, 5:], marks[:, :-5])
    np.testing.assert_array_equal(targets[:, 5:], symbols[:, :-5] * marks[:, :-5])
    assert not mask[:, :5].any()
    assert mask[:, -1].all()
    assert 0.1 < mask[:, 5].mean() < 0.3  # the first answer is at any of five steps
    assert make_task("recall", None).baseline((inputs, targets, mask)) == math.log(8)


@pytest.mark.parametrize("name", SYMBOLS)
def test_examples_depend_on_the_seed(name):
    first, second, other = draw(name), draw(name), draw(name, seed=(1, 3))
    for place in range(2):
        np.testing.assert_array_equal(first[place], second[place])
        assert not np.array_equal(first[place], other[place])
