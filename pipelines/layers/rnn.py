"""All steps of a plain recurrence: tanh (Elman 1990) or ReLU (Le et al. 2015)."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from pipelines.layers.matmul import Precision, matmul
from pipelines.layers.scan import cast_kernel, kernel_gradient, previous_states, scan

Activation = Literal["tanh", "relu"]


def rnn_steps(
    inputs: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    activation: Activation,
    precision: Precision = None,
) -> tf.Tensor:
    """Gradient by hand: one matrix product serves all steps for that of the recurrent kernel.

    Args:
        inputs: (T, B, U), x @ kernel + bias.
        recurrent_kernel: (U, U).
        hidden: (B, U), the state before the first step.
        activation: of every step.
        precision: of the products inside.

    Returns:
        The state after every step, (T, B, U).
    """

    @tf.custom_gradient
    def run(
        inputs: tf.Tensor, recurrent_kernel: tf.Tensor, hidden: tf.Tensor
    ) -> tuple[tf.Tensor, object]:
        steps, kernel = tf.shape(inputs)[0], cast_kernel(recurrent_kernel, precision)

        def step(t: tf.Tensor, hidden: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
            hidden = rnn_step(inputs[t], kernel, hidden, activation, precision)
            return (hidden,), hidden

        (hiddens,), _ = scan(step, steps, hidden, keep=1)

        def gradient(d_hiddens: tf.Tensor) -> tuple[tf.Tensor, ...]:
            relu = activation == "relu"
            slopes = tf.cast(hiddens > 0, tf.float32) if relu else 1 - hiddens * hiddens
            transposed = tf.transpose(kernel)

            def back(t: tf.Tensor, d_hidden: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
                d_inner = (d_hidden + d_hiddens[t]) * slopes[t]
                return (d_inner,), matmul(d_inner, transposed, precision)

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
    """One step of `rnn_steps`: (B, U) -> (B, U)."""
    squash = tf.tanh if activation == "tanh" else tf.nn.relu
    return squash(projected + matmul(hidden, recurrent_kernel, precision))
