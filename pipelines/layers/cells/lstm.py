"""LSTM (Hochreiter and Schmidhuber, 1997) with the forget gate of Gers et al. (2000)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.layers.cell import Cell, State
from pipelines.layers.matmul import Precision, matmul, multiplier
from pipelines.layers.scan import kernel_gradient, previous_states, scan
from pipelines.layers.scopes import custom_gradient

HiddenAndCell = tuple[tf.Tensor, tf.Tensor]


def lstm_scan(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    cell_state: tf.Tensor,
    precision: Precision = None,
) -> HiddenAndCell:
    """Run all steps, with a gradient that needs one matrix product for the recurrent kernel.

    Each step has two small matrix products instead of the five of Keras.

    Args:
        gates: (T, B, 4 U), projected inputs: input, forget, candidate, output, as in Keras.
        recurrent_kernel: (U, 4 U).
        hidden, cell_state: (B, U), states before the first step.
        precision: precision of the matrix products in the loop.

    Returns:
        Hidden state and cell state after every step, (T, B, U) each.
    """

    @custom_gradient
    def run(
        gates: tf.Tensor, recurrent_kernel: tf.Tensor, hidden: tf.Tensor, cell_state: tf.Tensor
    ) -> tuple[HiddenAndCell, object]:
        steps, multiply = tf.shape(gates)[0], multiplier(recurrent_kernel, precision)

        def step(t: tf.Tensor, state: HiddenAndCell) -> tuple[tuple[tf.Tensor, ...], HiddenAndCell]:
            active, hidden, cell_state = _step(gates[t], multiply(state[0]), state[1])
            return (*active, hidden, cell_state), (hidden, cell_state)

        (*active, hiddens, cell_states), _ = scan(step, steps, (hidden, cell_state), keep=6)

        def gradient(d_hiddens: tf.Tensor, d_cell_states: tf.Tensor) -> tuple[tf.Tensor, ...]:
            earlier = previous_states(cell_state, cell_states)
            d_gates, first = _backwards(
                active, earlier, cell_states, recurrent_kernel, d_hiddens, d_cell_states, precision
            )
            d_kernel = kernel_gradient(d_gates, previous_states(hidden, hiddens), precision)
            return d_gates, d_kernel, *first

        return (hiddens, cell_states), gradient

    hiddens, cell_states = run(gates, recurrent_kernel, hidden, cell_state)
    return hiddens, cell_states


def lstm_step(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    cell_state: tf.Tensor,
    precision: Precision = None,
) -> HiddenAndCell:
    """Run one step of `lstm_scan`: (B, 4 U) and the states -> hidden and cell state (B, U)."""
    return _step(gates, matmul(hidden, recurrent_kernel, precision), cell_state)[1:]


def _step(
    gates: tf.Tensor, inner: tf.Tensor, cell_state: tf.Tensor
) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
    """Return the four activated gates, the hidden state and the cell state, (B, U) each.

    Args:
        gates: (B, 4 U), projected inputs.
        inner: (B, 4 U), hidden state before the step, times the recurrent kernel.
        cell_state: (B, U), before the step.
    """
    i, f, g, o = tf.split(gates + inner, 4, axis=1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    cell_state = f * cell_state + i * g
    return [i, f, g, o], o * tf.tanh(cell_state), cell_state


def _backwards(
    active: list[tf.Tensor],
    earlier: tf.Tensor,
    cell_states: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    d_hiddens: tf.Tensor,
    d_cell_states: tf.Tensor,
    precision: Precision,
) -> tuple[tf.Tensor, HiddenAndCell]:
    """Return the gradients of the gates (T, B, 4 U) and of the first states (B, U)."""
    i, f, g, o = active
    squashed = tf.tanh(cell_states)
    # Factors that do not depend on later steps are computed for all steps at once.
    to_cell_state = o * (1 - squashed * squashed)
    to_output = squashed * o * (1 - o)
    to_gates = [g * i * (1 - i), earlier * f * (1 - f), i * (1 - g * g)]
    multiply = multiplier(tf.transpose(recurrent_kernel), precision)

    def back(t: tf.Tensor, state: HiddenAndCell) -> tuple[tuple[tf.Tensor, ...], HiddenAndCell]:
        d_hidden, d_cell_state = state
        d_hidden += d_hiddens[t]
        d_cell_state += d_cell_states[t] + d_hidden * to_cell_state[t]
        d_gates = [d_cell_state * to_gate[t] for to_gate in to_gates]
        d_gates = tf.concat([*d_gates, d_hidden * to_output[t]], axis=1)
        return (d_gates,), (multiply(d_gates), d_cell_state * f[t])

    zero = tf.zeros_like(earlier[0])
    steps = tf.shape(cell_states)[0]
    (d_gates,), first = scan(back, steps, (zero, zero), keep=1, backwards=True)
    return d_gates, first


class ForgetBias(keras.initializers.Initializer):
    """Initializer of the bias (4 U,): `value` for the forget gate, 0 for the other gates."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        """Return the bias of input, forget, candidate and output, the order of Keras."""
        gates = np.repeat([0.0, self.value, 0.0, 0.0], shape[0] // 4)
        return tf.constant(gates, dtype or tf.float32)


class LSTMCell(Cell):
    """LSTM; see `lstm_scan`. The bias of the forget gate starts at 1 (Jozefowicz et al. 2015)."""

    states = 2
    has_cudnn = True

    def layer(self, units: int, forget_bias: float | None, **options: Any) -> keras.layers.RNN:
        """Return the Keras layer that holds the weights."""
        if forget_bias is not None:
            options |= {"unit_forget_bias": False, "bias_initializer": ForgetBias(forget_bias)}
        return keras.layers.LSTM(units, **options)

    def scan(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        state: State,
        precision: Precision,
    ) -> tuple[tf.Tensor, ...]:
        """Run all steps."""
        return lstm_scan(projected, recurrent_kernel, state[0], state[1], precision)

    def step(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        state: State,
        precision: Precision,
    ) -> State:
        """Run one step."""
        return list(lstm_step(projected, recurrent_kernel, state[0], state[1], precision))


CELL = LSTMCell()
