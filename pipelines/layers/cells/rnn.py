"""Simple recurrent cell with tanh (Elman 1990); `irnn` is the same with ReLU."""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

from pipelines.layers.cell import Cell, State
from pipelines.layers.matmul import Precision, matmul, multiplier
from pipelines.layers.scan import kernel_gradient, previous_states, scan
from pipelines.layers.scopes import custom_gradient

Activation = Literal["tanh", "relu"]

_ACTIVATIONS = {"tanh": tf.tanh, "relu": tf.nn.relu}


def rnn_scan(
    inputs: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    activation: Activation,
    precision: Precision = None,
) -> tf.Tensor:
    """Run all steps, with a gradient that needs one matrix product for the recurrent kernel.

    Args:
        inputs: (T, B, U), projected inputs.
        recurrent_kernel: (U, U).
        hidden: (B, U), state before the first step.
        activation: `tanh` or `relu`.
        precision: precision of the matrix products in the loop.

    Returns:
        The state after every step, (T, B, U).
    """

    squash = _ACTIVATIONS[activation]

    @custom_gradient
    def run(
        inputs: tf.Tensor, recurrent_kernel: tf.Tensor, hidden: tf.Tensor
    ) -> tuple[tf.Tensor, object]:
        steps, multiply = tf.shape(inputs)[0], multiplier(recurrent_kernel, precision)

        def step(t: tf.Tensor, hidden: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
            hidden = squash(inputs[t] + multiply(hidden))
            return (hidden,), hidden

        (hiddens,), _ = scan(step, steps, hidden, keep=1)

        def gradient(d_hiddens: tf.Tensor) -> tuple[tf.Tensor, ...]:
            relu = activation == "relu"
            slopes = tf.cast(hiddens > 0, tf.float32) if relu else 1 - hiddens * hiddens
            multiply = multiplier(tf.transpose(recurrent_kernel), precision)

            def back(t: tf.Tensor, d_hidden: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
                d_inner = (d_hidden + d_hiddens[t]) * slopes[t]
                return (d_inner,), multiply(d_inner)

            zero = tf.zeros_like(hidden)
            (d_inner,), d_hidden = scan(back, steps, zero, keep=1, backwards=True)
            d_kernel = kernel_gradient(d_inner, previous_states(hidden, hiddens), precision)
            return d_inner, d_kernel, d_hidden

        return hiddens, gradient

    return run(inputs, recurrent_kernel, hidden)


def rnn_step(
    projected: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    activation: Activation,
    precision: Precision = None,
) -> tf.Tensor:
    """Run one step of `rnn_scan`: (B, U), (B, U) -> (B, U)."""
    return _ACTIVATIONS[activation](projected + matmul(hidden, recurrent_kernel, precision))


class SimpleCell(Cell):
    """Simple recurrent cell.

    Args:
        activation: `tanh` or `relu`.
        initializer: Keras initializer of the recurrent kernel.
    """

    def __init__(self, activation: Activation, initializer: str) -> None:
        self.activation: Activation = activation
        self.initializer = initializer

    def layer(self, units: int, forget_bias: float | None, **options: Any) -> keras.layers.RNN:
        """Return the Keras layer that holds the weights."""
        return keras.layers.SimpleRNN(
            units,
            activation=self.activation,
            recurrent_initializer=self.initializer,
            **options,
        )

    def scan(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        state: State,
        precision: Precision,
    ) -> tuple[tf.Tensor, ...]:
        """Run all steps."""
        return (rnn_scan(projected, recurrent_kernel, state[0], self.activation, precision),)

    def step(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        state: State,
        precision: Precision,
    ) -> State:
        """Run one step."""
        return [rnn_step(projected, recurrent_kernel, state[0], self.activation, precision)]


CELL = SimpleCell("tanh", "orthogonal")
