"""All steps of a recurrence whose inputs are projected already: tanh and ReLU RNN, GRU, LSTM.

Keras' loops multiply the inputs step by step; here one matrix product outside serves all steps.
Shapes: T steps, B batch, U units; time comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipelines.layers.products import Precision, product

Step = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (B, G) of one step, (B, U) -> (B, U)


def rnn_steps(
    inputs: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    activation: Callable[[tf.Tensor], tf.Tensor],
    precision: Precision = None,
) -> tf.Tensor:
    """Elman's network (1990), or with ReLU that of Le et al. (2015).

    Args:
        inputs: (T, B, U), x @ kernel + bias.
        recurrent_kernel: (U, U).
        hidden: (B, U), the state before the first step.
        activation: tanh or ReLU.
        precision: of the product inside.

    Returns:
        The state after every step, (T, B, U).
    """

    def step(projected: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        return rnn_step(projected, recurrent_kernel, hidden, activation, precision)

    return _all(step, inputs, hidden)


def rnn_step(
    projected: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    activation: Callable[[tf.Tensor], tf.Tensor],
    precision: Precision = None,
) -> tf.Tensor:
    """One step of `rnn_steps`: (B, U) -> (B, U)."""
    return activation(projected + product(hidden, recurrent_kernel, precision))


def gru_steps(
    inputs: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    recurrent_bias: tf.Tensor,
    hidden: tf.Tensor,
    precision: Precision = None,
) -> tf.Tensor:
    """GRU (Cho et al. 2014), the reset gate after the product as in cuDNN.

    Args:
        inputs: (T, B, 3 U), x @ kernel + bias: update, reset, candidate, as in Keras.
        recurrent_kernel: (U, 3 U).
        recurrent_bias: (3 U,).
        hidden: (B, U), the state before the first step.
        precision: of the product inside.

    Returns:
        The state after every step, (T, B, U).
    """

    def step(projected: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        return gru_step(projected, recurrent_kernel, recurrent_bias, hidden, precision)

    return _all(step, inputs, hidden)


def gru_step(
    projected: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    recurrent_bias: tf.Tensor,
    hidden: tf.Tensor,
    precision: Precision = None,
) -> tf.Tensor:
    """One step of `gru_steps`: (B, 3 U), (B, U) -> (B, U)."""
    update, reset, candidate = tf.split(projected, 3, axis=1)
    inner = product(hidden, recurrent_kernel, precision) + recurrent_bias
    inner_update, inner_reset, inner_candidate = tf.split(inner, 3, axis=1)
    z = tf.sigmoid(update + inner_update)
    r = tf.sigmoid(reset + inner_reset)
    return z * hidden + (1 - z) * tf.tanh(candidate + r * inner_candidate)


def _all(step: Step, inputs: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
    steps = tf.shape(inputs)[0]

    def body(t: tf.Tensor, hidden: tf.Tensor, kept: tf.TensorArray) -> tuple[Any, ...]:
        hidden = step(inputs[t], hidden)
        return t + 1, hidden, kept.write(t, hidden)

    start = (0, hidden, step_array(steps))
    # The most steps there are: without it XLA cannot compile the gradient.
    _, _, kept = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
    return kept.stack()


def lstm_steps(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    precision: Precision = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """LSTM (Hochreiter and Schmidhuber, 1997; forget gate of Gers et al. 2000), gradient by hand.

    One matrix product serves all steps for the gradient of the recurrent kernel too: of Keras' five
    small products a step, two are left.

    Args:
        gates: (T, B, 4 U), inputs @ kernel + bias: input, forget, candidate, output, as in Keras.
        recurrent_kernel: (U, 4 U).
        hidden, memory: (B, U), the state before the first step.
        precision: of the products inside.

    Returns:
        Hidden and memory after every step, both (T, B, U).
    """

    @tf.custom_gradient
    def run(
        gates: tf.Tensor, recurrent_kernel: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], object]:
        # Rounded once here, not again at every step.
        rounded = recurrent_kernel if precision is None else tf.cast(recurrent_kernel, precision)
        active, hiddens, memories = _lstm_forward(gates, rounded, hidden, memory, precision)

        def gradient(d_hiddens: tf.Tensor, d_memories: tf.Tensor) -> tuple[tf.Tensor, ...]:
            before = tf.concat([memory[None], memories[:-1]], axis=0)
            d_gates, d_hidden, d_memory = _lstm_backward(
                active, before, memories, rounded, d_hiddens, d_memories, precision
            )
            inputs = tf.concat([hidden[None], hiddens[:-1]], axis=0)
            d_kernel = product(_rows(inputs, transposed=True), _rows(d_gates), precision)
            return d_gates, d_kernel, d_hidden, d_memory

        return (hiddens, memories), gradient

    hiddens, memories = run(gates, recurrent_kernel, hidden, memory)
    return hiddens, memories


def lstm_step(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    precision: Precision = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """One step of `lstm_steps`: (B, 4 U), the state -> hidden and memory (B, U)."""
    _, hidden, memory = _lstm_step(gates, recurrent_kernel, hidden, memory, precision)
    return hidden, memory


def _lstm_step(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    precision: Precision,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Activated gates (B, 4 U), hidden and memory (B, U)."""
    inner = product(hidden, recurrent_kernel, precision)
    i, f, g, o = tf.split(gates + inner, 4, axis=1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    memory = f * memory + i * g
    return tf.concat([i, f, g, o], axis=1), o * tf.tanh(memory), memory


def _lstm_forward(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    precision: Precision,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Activated gates (T, B, 4 U), hidden and memory (T, B, U)."""
    steps = tf.shape(gates)[0]

    def step(
        t: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor, *kept: tf.TensorArray
    ) -> tuple[Any, ...]:
        now = _lstm_step(gates[t], recurrent_kernel, hidden, memory, precision)
        kept = tuple(array.write(t, value) for array, value in zip(kept, now, strict=True))
        return t + 1, now[1], now[2], *kept

    start = (0, hidden, memory, *(step_array(steps) for _ in range(3)))
    _, _, _, *kept = tf.while_loop(lambda t, *_: t < steps, step, start)
    active, hiddens, memories = (array.stack() for array in kept)
    return active, hiddens, memories


def _lstm_backward(
    active: tf.Tensor,
    before: tf.Tensor,
    memories: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    d_hiddens: tf.Tensor,
    d_memories: tf.Tensor,
    precision: Precision,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of the gates (T, B, 4 U) and of the first state (B, U each)."""
    steps = tf.shape(active)[0]
    i, f, g, o = tf.split(active, 4, axis=2)
    squashed = tf.tanh(memories)
    # What does not depend on later steps is computed for all steps at once.
    to_memory = o * (1 - squashed * squashed)
    to_output = squashed * o * (1 - o)
    to_gates = tf.concat([g * i * (1 - i), before * f * (1 - f), i * (1 - g * g)], axis=2)
    transposed = tf.transpose(recurrent_kernel)

    def step(
        k: tf.Tensor, d_hidden: tf.Tensor, d_memory: tf.Tensor, kept: tf.TensorArray
    ) -> tuple[Any, ...]:
        t = steps - 1 - k
        d_hidden += d_hiddens[t]
        d_memory += d_memories[t] + d_hidden * to_memory[t]
        d_gates = tf.concat(
            [tf.tile(d_memory, (1, 3)) * to_gates[t], d_hidden * to_output[t]], axis=1
        )
        d_hidden = product(d_gates, transposed, precision)
        return k + 1, d_hidden, d_memory * f[t], kept.write(t, d_gates)

    zero = tf.zeros_like(before[0])
    start = (0, zero, zero, step_array(steps))
    _, d_hidden, d_memory, kept = tf.while_loop(lambda k, *_: k < steps, step, start)
    return kept.stack(), d_hidden, d_memory


def step_array(steps: tf.Tensor) -> tf.TensorArray:
    """Room for one (B, D) of every step."""
    return tf.TensorArray(tf.float32, size=steps, element_shape=(None, None))


def _rows(values: tf.Tensor, transposed: bool = False) -> tf.Tensor:
    """(T, B, D) -> (T B, D), or (D, T B)."""
    rows = tf.reshape(values, (-1, tf.shape(values)[2]))
    return tf.transpose(rows) if transposed else rows
