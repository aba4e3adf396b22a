"""The learning rate of each step, by hand and as other programs compute it."""

import pytest

from pipelines.config import params
from pipelines.training.schedules import LearningRate


def make_learning_rate(epochs=10, **changes):
    fields = {"name": "sgd", "learning_rate": 2.0, "schedule": "constant", "clip_norm": 5.0}
    return LearningRate(params.Optimizer.model_validate({**fields, **changes}), epochs)


def test_constant():
    rate = make_learning_rate()
    assert [rate.at(step, step / 10) for step in range(0, 100, 30)] == [2.0] * 4


def test_linear_falls_to_zero_at_the_end_of_the_last_epoch():
    rate = make_learning_rate(schedule="linear")
    rates = [rate.at(0, epochs_done) for epochs_done in (0, 2.5, 5, 9.999, 10, 11)]
    assert rates == pytest.approx([2.0, 1.5, 1.0, 0.0002, 0, 0])


@pytest.mark.parametrize(("start", "epochs"), [(4, 13), (6, 39)])
def test_exponential_is_that_of_tensorflows_ptb_word_lm(start, epochs):
    """There: lr_decay ** max(i + 1 - max_epoch, 0.0) in epoch i, counted from 0."""
    rate = make_learning_rate(epochs, schedule="exponential", factor=0.5, decay_after_epoch=start)
    for i in range(epochs):
        expected = 2.0 * 0.5 ** max(i + 1 - start, 0.0)
        for step in (0, 1, 999):
            assert rate.at(0, i + step / 1000) == expected


def test_plateau_lowers_the_rate_after_patience_epochs_in_a_row_without_a_better_one():
    rate = make_learning_rate(schedule="plateau", factor=0.5, patience=2)
    rates = []
    for is_best in (True, False, True, False, False, False, True, False, False, False, False):
        rate.end_epoch(is_best)
        rates.append(rate.at(0, 0))
    assert rates == [2, 2, 2, 2, 1, 1, 1, 1, 0.5, 0.5, 0.25]


def test_other_schedules_ignore_a_plateau():
    rate = make_learning_rate(schedule="exponential", factor=0.5, decay_after_epoch=4)
    for _ in range(5):
        rate.end_epoch(False)
    assert rate.at(0, 0) == 2


def test_warmup_rises_linearly_before_the_schedule_decays():
    rate = make_learning_rate(schedule="linear", warmup_steps=4)
    assert [rate.at(step, 0) for step in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    assert rate.at(1, 5) == 0.5
    assert rate.at(100, 5) == 1.0
