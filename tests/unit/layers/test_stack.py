"""Stacks of recurrent layers: bidirectional, residual, with dropout, and step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.loop import Loop
from pipelines.layers.stack import RecurrentStack, dropout_layer

RANDOM = np.random.default_rng(0)
CELLS = ["rnn", "irnn", "gru", "lstm"]
B, T, D, F, U = 4, 6, 3, 2, 5


def _stack(cell="lstm", layers=2, dropout=0.0, **options):
    keras.utils.set_random_seed(3)
    return RecurrentStack(cell, U, layers, dropout, **options)


def _inputs(width=D):
    return tf.constant(RANDOM.normal(size=(B, T, width)), tf.float32)


def _assert_close(states, expected, atol):
    pairs = zip(tf.nest.flatten(states), tf.nest.flatten(expected), strict=True)
    for state, expected_state in pairs:
        np.testing.assert_allclose(state, expected_state, atol=atol)


def test_bidirectional_stack_concatenates_both_directions():
    outputs, states = _stack(bidirectional=True)(_inputs())
    assert outputs.shape == (B, T, 2 * U)
    assert [[tensor.shape for tensor in state] for state in states] == [[(B, 2 * U)] * 2] * 2
    # The forward half of the state is its last output, the backward half its first.
    np.testing.assert_allclose(states[1][0][:, :U], outputs[:, -1, :U], atol=1e-6)
    np.testing.assert_allclose(states[1][0][:, U:], outputs[:, 0, U:], atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_residual_adds_inputs_to_outputs_above_the_lowest_layer(bidirectional):
    stack, x = _stack(layers=3, residual=True, bidirectional=bidirectional), _inputs()
    outputs, states = stack(x)

    def run_layer(number, inputs):
        directions = [stack.forwards[number](inputs)[0]]
        if bidirectional:
            directions.append(stack.backwards[number](inputs)[0])
        return np.concatenate(directions, axis=2)

    expected = run_layer(0, x)
    for number in (1, 2):
        expected = expected + run_layer(number, expected)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    # Inputs are not added to states.
    assert np.abs(states[2][0][:, :U] - outputs[:, -1, :U]).max() > 1e-3


def test_states_are_carried_layer_by_layer():
    stack, x = _stack(), _inputs()
    outputs, last_states = stack(x)
    _, states = stack(x[:, :2])
    rest, states = stack(x[:, 2:], states=states)
    np.testing.assert_allclose(rest, outputs[:, 2:], atol=1e-6)
    _assert_close(states, last_states, 1e-6)


# Dropout ----------------------------------------------------------------------------------------


def test_only_a_variational_mask_is_the_same_for_all_steps():
    ones = tf.ones((8, T, 32))
    for variational, same in ((True, True), (None, False)):
        mask = dropout_layer(0.5, variational)(ones, training=True).numpy()
        assert np.mean(mask == 0) == pytest.approx(0.5, abs=0.1)
        assert np.all(mask[mask != 0] == 2)
        assert np.all(mask == mask[:, :1]) == same
        assert np.any(mask[0] != mask[1])  # each sequence has its own


def _measure_dropouts(stack):
    """Return the rate of each dropout of a stack, and True if its mask is variational."""
    dropouts = []
    for dropout in stack.dropouts:
        mask = dropout(tf.ones((64, T, 32)), training=True).numpy()
        dropouts.append((round(float(np.mean(mask == 0)), 1), bool(np.all(mask == mask[:, :1]))))
    return dropouts


def test_input_dropout_replaces_dropout_at_the_lowest_layer():
    assert _measure_dropouts(_stack(layers=3, dropout=0.5)) == [(0.5, False)] * 3
    stack = _stack(layers=3, dropout=0.5, input_dropout=0.0, variational=True)
    assert _measure_dropouts(stack) == [(0.0, True), (0.5, True), (0.5, True)]


def test_dropout_acts_on_the_inputs_of_every_layer_in_training_only():
    without_dropout, x = _stack(), _inputs()
    for changes in ({"input_dropout": 0.0}, {}):
        stack = _stack(dropout=0.5, **changes)
        np.testing.assert_array_equal(stack(x)[0], without_dropout(x)[0])
        outputs, states = stack(x, training=True)
        difference = np.abs(states[0][0] - without_dropout(x)[1][0][0]).max()
        assert (difference > 1e-3) == (not changes)
        assert np.abs(outputs - without_dropout(x)[0]).max() > 1e-3


# Step by step -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("layers", "residual"), [(1, None), (2, None), (3, True)])
def test_step_fn_equals_all_steps_at_once(cell, layers, residual):
    stack, inputs, feedback = _stack(cell, layers, residual=residual), _inputs(), _inputs(F)
    step = stack.step_fn(inputs, F, training=False, loop=Loop())
    outputs, last = stack(tf.concat([inputs, feedback], axis=2))
    states = stack.zero_state(B)
    for t in range(T):
        output, states = step(t, feedback[:, t], states)
        np.testing.assert_allclose(output, outputs[:, t], atol=1e-5)
    _assert_close(states, last, 1e-5)


def _first_steps(stack, count, training=True):
    """Return the outputs of some steps, each from the initial state and with inputs of ones."""
    step = stack.step_fn(tf.ones((B, T, D)), F, training=training, loop=Loop())
    states = stack.zero_state(B)
    return [step(t, tf.ones((B, F)), states)[0].numpy() for t in range(count)]


def test_step_fn_applies_dropout_at_every_layer():
    for layers in (1, 2, 3):
        input_dropout = 0.5 if layers == 1 else 0.0
        stack = _stack("rnn", layers=layers, dropout=0.5, input_dropout=input_dropout)
        (without_dropout,) = _first_steps(stack, 1, training=False)
        first, second = _first_steps(stack, 2)
        assert np.abs(first - without_dropout).max() > 1e-3
        assert np.abs(first - second).max() > 1e-3  # each step has its own mask


def test_step_fn_draws_variational_masks_and_dropped_weights_once_for_all_steps():
    stack = _stack("rnn", layers=3, dropout=0.5, variational=True, weight_drop=0.5)
    first, second, third = _first_steps(stack, 3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)
    assert np.abs(first - _first_steps(stack, 1)[0]).max() > 1e-3
    states, inputs = [[tf.ones((B, U))]], tf.ones((B, T, D))
    outputs, dropped_outputs = (
        stack.step_fn(inputs, F, True, Loop())(0, tf.ones((B, F)), states)[0]
        for stack in (_stack("rnn", 1), _stack("rnn", 1, weight_drop=0.5))
    )
    assert np.abs(outputs - dropped_outputs).max() > 1e-3


def test_step_fn_does_not_apply_dropout_to_the_feedback():
    stack, feedback = RecurrentStack("rnn", U, 1, 0.9), _inputs(F)[:, 0]
    outputs = [
        stack.step_fn(tf.zeros((B, T, D)), F, training, Loop())(0, feedback, stack.zero_state(B))[0]
        for training in (True, False)
    ]
    np.testing.assert_array_equal(*outputs)
