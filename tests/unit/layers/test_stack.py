"""Recurrent layers above each other: both ways, residual, dropout, and the same step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.stack import RecurrentStack, dropout_layer

RANDOM = np.random.default_rng(0)
CELLS = ["rnn", "irnn", "gru", "lstm"]
B, T, D, F, U = 4, 6, 3, 2, 5


def _stack(cell="lstm", layers=2, dropout=0.0, **options):
    keras.utils.set_random_seed(3)
    return RecurrentStack(cell, U, layers, dropout, **options)


def _inputs(width=D):
    return tf.constant(RANDOM.normal(size=(B, T, width)), tf.float32)


def test_bidirectional_stack_concatenates_both_ways():
    outputs, states = _stack(bidirectional=True)(_inputs())
    assert outputs.shape == (B, T, 2 * U)
    assert [[part.shape for part in state] for state in states] == [[(B, 2 * U)] * 2] * 2
    # The forward half of the state is its last output, the backward half its first.
    np.testing.assert_allclose(states[1][0][:, :U], outputs[:, -1, :U], atol=1e-6)
    np.testing.assert_allclose(states[1][0][:, U:], outputs[:, 0, U:], atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_residual_adds_inputs_to_outputs_above_the_lowest_layer(bidirectional):
    stack, x = _stack(layers=3, residual=True, bidirectional=bidirectional), _inputs()
    outputs, states = stack(x)

    def both(height, below):
        ways = [stack.forwards[height](below)[0]]
        if bidirectional:
            ways.append(stack.backwards[height](below)[0])
        return np.concatenate(ways, axis=2)

    by_hand = both(0, x)
    for height in (1, 2):
        by_hand = by_hand + both(height, by_hand)
    np.testing.assert_allclose(outputs, by_hand, atol=1e-6)
    # A state is the layer's own, with nothing added.
    assert np.abs(states[2][0][:, :U] - outputs[:, -1, :U]).max() > 1e-3


def test_states_are_carried_layer_by_layer():
    stack, x = _stack(), _inputs()
    whole, last = stack(x)
    _, half = stack(x[:, :2])
    rest, end = stack(x[:, 2:], states=half)
    np.testing.assert_allclose(rest, whole[:, 2:], atol=1e-6)
    for mine, theirs in zip(tf.nest.flatten(end), tf.nest.flatten(last), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


# Dropout ----------------------------------------------------------------------------------------


def test_a_variational_mask_serves_all_steps_and_a_plain_one_does_not():
    ones = tf.ones((8, T, 32))
    for variational, same in ((True, True), (None, False)):
        kept = dropout_layer(0.5, variational)(ones, training=True).numpy()
        assert np.mean(kept == 0) == pytest.approx(0.5, abs=0.1)
        assert np.all(kept[kept != 0] == 2)
        assert np.all(kept == kept[:, :1]) == same
        assert np.any(kept[0] != kept[1])  # each sequence has its own


def _dropped(stack):
    """The share of zeros that each dropout of a stack makes, and whether they last all steps."""
    found = []
    for dropout in stack.dropouts:
        kept = dropout(tf.ones((64, T, 32)), training=True).numpy()
        found.append((round(float(np.mean(kept == 0)), 1), bool(np.all(kept == kept[:, :1]))))
    return found


def test_input_dropout_takes_the_place_of_dropout_at_the_bottom():
    assert _dropped(_stack(layers=3, dropout=0.5)) == [(0.5, False)] * 3
    lower = _stack(layers=3, dropout=0.5, input_dropout=0.0, variational=True)
    assert _dropped(lower) == [(0.0, True), (0.5, True), (0.5, True)]


def test_dropout_is_on_the_inputs_of_every_layer_and_in_training_only():
    plain, x = _stack(), _inputs()
    for changes in ({"input_dropout": 0.0}, {}):
        stack = _stack(dropout=0.5, **changes)
        np.testing.assert_array_equal(stack(x)[0], plain(x)[0])
        outputs, states = stack(x, training=True)
        of_lowest = np.abs(states[0][0] - plain(x)[1][0][0]).max()
        assert (of_lowest > 1e-3) == (not changes)
        assert np.abs(outputs - plain(x)[0]).max() > 1e-3


# Step by step -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("layers", "residual"), [(1, None), (2, None), (3, True)])
def test_by_step_is_all_steps_at_once(cell, layers, residual):
    stack, inputs, fed = _stack(cell, layers, residual=residual), _inputs(), _inputs(F)
    step = stack.step_fn(inputs, F, training=False)
    outputs, last = stack(tf.concat([inputs, fed], axis=2))
    states = stack.zero_state(B)
    for t in range(T):
        output, states = step(t, fed[:, t], states)
        np.testing.assert_allclose(output, outputs[:, t], atol=1e-5)
    for mine, theirs in zip(tf.nest.flatten(states), tf.nest.flatten(last), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def _first_steps(stack, many, training=True):
    """Outputs of some steps, each from the state before the first, of inputs that are all 1."""
    step = stack.step_fn(tf.ones((B, T, D)), F, training=training)
    states = stack.zero_state(B)
    return [step(t, tf.ones((B, F)), states)[0].numpy() for t in range(many)]


def test_by_step_drops_at_every_height():
    for height in range(3):
        bottom = 0.0 if height else 0.5
        stack = _stack("rnn", layers=height + 1, dropout=0.5, input_dropout=bottom)
        (still,) = _first_steps(stack, 1, training=False)
        first, second = _first_steps(stack, 2)
        assert np.abs(first - still).max() > 1e-3
        assert np.abs(first - second).max() > 1e-3  # a mask of its own for each step


def test_by_step_draws_variational_masks_and_weights_once_for_all_steps():
    stack = _stack("rnn", layers=3, dropout=0.5, variational=True, weight_drop=0.5)
    first, second, third = _first_steps(stack, 3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)
    assert np.abs(first - _first_steps(stack, 1)[0]).max() > 1e-3
    plain, dropped = _stack("rnn", 1), _stack("rnn", 1, weight_drop=0.5)
    states, given = [[tf.ones((B, U))]], (tf.ones((B, T, D)), F)
    outputs = [
        one.step_fn(*given, training=True)(0, tf.ones((B, F)), states)[0]
        for one in (plain, dropped)
    ]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


def test_by_step_drops_nothing_of_what_is_fed():
    stack, fed = RecurrentStack("rnn", U, 1, 0.9), _inputs(F)[:, 0]
    found = [
        stack.step_fn(tf.zeros((B, T, D)), F, training)(0, fed, stack.zero_state(B))[0]
        for training in (True, False)
    ]
    np.testing.assert_array_equal(*found)
