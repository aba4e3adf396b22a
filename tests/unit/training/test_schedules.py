"""The rate of every step, by hand and as others have it."""

import pytest

from pipelines.config import params
from pipelines.training.schedules import LearningRate


def _rate(epochs=10, **changes):
    fields = {
        "name": "sgd",
        "learning_rate": 2.0,
        "schedule": "constant",
        "clip_norm": 5.0,
        **changes,
    }
    return LearningRate(params.Optimizer.model_validate(fields), epochs)


def test_constant():
    rate = _rate()
    assert [rate.at(step, step / 10) for step in range(0, 100, 30)] == [2.0] * 4


def test_linear_falls_to_zero_at_the_end_of_the_last_epoch():
    rate = _rate(schedule="linear")
    found = [rate.at(0, done) for done in (0, 2.5, 5, 9.999, 10, 11)]
    assert found == pytest.approx([2.0, 1.5, 1.0, 0.0002, 0, 0])


@pytest.mark.parametrize(("after", "epochs"), [(4, 13), (6, 39)])
def test_exponential_is_that_of_tensorflows_ptb_word_lm(after, epochs):
    """There: lr_decay ** max(i + 1 - max_epoch, 0.0) of epoch i, counted from 0."""
    rate = _rate(epochs, schedule="exponential", factor=0.5, decay_after_epoch=after)
    for i in range(epochs):
        expected = 2.0 * 0.5 ** max(i + 1 - after, 0.0)
        for at in (0, 1, 999):
            assert rate.at(0, i + at / 1000) == expected


def test_plateau_lowers_after_so_many_epochs_in_a_row_that_were_not_the_best():
    rate = _rate(schedule="plateau", factor=0.5, patience=2)
    found = []
    for better in (True, False, True, False, False, False, True, False, False, False, False):
        rate.after_epoch(better)
        found.append(rate.at(0, 0))
    assert found == [2, 2, 2, 2, 1, 1, 1, 1, 0.5, 0.5, 0.25]


def test_other_decays_know_no_plateau():
    rate = _rate(schedule="exponential", factor=0.5, decay_after_epoch=4)
    for _ in range(5):
        rate.after_epoch(False)
    assert rate.at(0, 0) == 2


def test_warmup_rises_in_a_straight_line_and_then_the_decay_goes_on():
    rate = _rate(schedule="linear", warmup_steps=4)
    assert [rate.at(step, 0) for step in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    assert rate.at(1, 5) == 0.5
    assert rate.at(100, 5) == 1.0
