"""GRU (Cho et al. 2014), with the reset gate after the matrix product as in cuDNN."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from pipelines.layers.cell import Cell, State
from pipelines.layers.matmul import Precision, matmul, multiplier
from pipelines.layers.scan import kernel_gradient, previous_states, scan
from pipelines.layers.scopes import custom_gradient


def gru_scan(
    inputs: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    recurrent_bias: tf.Tensor,
    hidden: tf.Tensor,
    precision: Precision = None,
) -> tf.Tensor:
    """Run all steps, with a gradient that needs one matrix product for the recurrent kernel.

    Args:
        inputs: (T, B, 3 U), projected inputs: update, reset, candidate, as in Keras.
        recurrent_kernel: (U, 3 U).
        recurrent_bias: (3 U,).
        hidden: (B, U), state before the first step.
        precision: precision of the matrix products in the loop.

    Returns:
        The state after every step, (T, B, U).
    """

    @custom_gradient
    def run(
        inputs: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor, hidden: tf.Tensor
    ) -> tuple[tf.Tensor, object]:
        steps, multiply = tf.shape(inputs)[0], multiplier(recurrent_kernel, precision)

        def step(t: tf.Tensor, hidden: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
            active, hidden = _step(inputs[t], multiply(hidden) + bias, hidden)
            return (active, hidden), hidden

        (active, hiddens), _ = scan(step, steps, hidden, keep=2)

        def gradient(d_hiddens: tf.Tensor) -> tuple[tf.Tensor, ...]:
            earlier = previous_states(hidden, hiddens)
            d_inputs, d_inner, d_hidden = _backwards(
                active, earlier, recurrent_kernel, d_hiddens, precision
            )
            d_kernel = kernel_gradient(d_inner, earlier, precision)
            return d_inputs, d_kernel, tf.reduce_sum(d_inner, (0, 1)), d_hidden

        return hiddens, gradient

    return run(inputs, recurrent_kernel, recurrent_bias, hidden)


def gru_step(
    projected: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    recurrent_bias: tf.Tensor,
    hidden: tf.Tensor,
    precision: Precision = None,
) -> tf.Tensor:
    """Run one step of `gru_scan`: (B, 3 U), (B, U) -> (B, U)."""
    inner = matmul(hidden, recurrent_kernel, precision) + recurrent_bias
    return _step(projected, inner, hidden)[1]


def _step(projected: tf.Tensor, inner: tf.Tensor, hidden: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the gates and the candidate's recurrent part (B, 4 U), and the new state (B, U).

    Args:
        projected: (B, 3 U), projected inputs.
        inner: (B, 3 U), state before the step times the recurrent kernel, and its bias.
        hidden: (B, U), state before the step.
    """
    update, reset, candidate = tf.split(projected, 3, axis=1)
    inner_update, inner_reset, inner_candidate = tf.split(inner, 3, axis=1)
    z = tf.sigmoid(update + inner_update)
    r = tf.sigmoid(reset + inner_reset)
    c = tf.tanh(candidate + r * inner_candidate)
    return tf.concat([z, r, c, inner_candidate], axis=1), z * hidden + (1 - z) * c


def _backwards(
    active: tf.Tensor,
    earlier: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    d_hiddens: tf.Tensor,
    precision: Precision,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the gradients of inputs, hidden @ kernel + bias (T, B, 3 U each) and first state."""
    z, r, c, inner = tf.split(active, 4, axis=2)
    # Factors that do not depend on later steps are computed for all steps at once.
    to_update = (earlier - c) * z * (1 - z)
    to_candidate = (1 - z) * (1 - c * c)
    to_reset = to_candidate * inner * r * (1 - r)
    to_inner = tf.concat([to_update, to_reset, to_candidate * r], axis=2)
    multiply = multiplier(tf.transpose(recurrent_kernel), precision)

    def back(t: tf.Tensor, d_hidden: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        d_hidden += d_hiddens[t]
        d_inner = tf.tile(d_hidden, (1, 3)) * to_inner[t]
        return (d_hidden, d_inner), d_hidden * z[t] + multiply(d_inner)

    zero = tf.zeros_like(earlier[0])
    steps = tf.shape(active)[0]
    (d_all, d_inner), d_hidden = scan(back, steps, zero, keep=2, backwards=True)
    gates = d_inner[:, :, : 2 * tf.shape(z)[2]]
    return tf.concat([gates, d_all * to_candidate], axis=2), d_inner, d_hidden


class GRUCell(Cell):
    """GRU; see `gru_scan`."""

    has_cudnn = True

    def layer(self, units: int, forget_bias: float | None, **options: Any) -> keras.layers.RNN:
        """Return the Keras layer that holds the weights."""
        return keras.layers.GRU(units, **options)

    def input_bias(self, bias: tf.Tensor) -> tf.Tensor:
        """Return the first of the two biases; the second is added inside the reset gate."""
        return bias[0]

    def scan(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        state: State,
        precision: Precision,
    ) -> tuple[tf.Tensor, ...]:
        """Run all steps."""
        return (gru_scan(projected, recurrent_kernel, bias[1], state[0], precision),)

    def step(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        state: State,
        precision: Precision,
    ) -> State:
        """Run one step."""
        return [gru_step(projected, recurrent_kernel, bias[1], state[0], precision)]


CELL = GRUCell()
