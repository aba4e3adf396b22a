"""All steps of an LSTM (Hochreiter and Schmidhuber, 1997; forget gate of Gers et al. 2000)."""

from __future__ import annotations

import tensorflow as tf

from pipelines.layers.matmul import Precision, matmul
from pipelines.layers.scan import cast_kernel, kernel_gradient, previous_states, scan

State = tuple[tf.Tensor, tf.Tensor]  # hidden and memory


def lstm_steps(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    precision: Precision = None,
) -> State:
    """Gradient by hand: one matrix product serves all steps for that of the recurrent kernel.

    Of Keras' five small products a step, two are left.

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
    ) -> tuple[State, object]:
        steps, kernel = tf.shape(gates)[0], cast_kernel(recurrent_kernel, precision)

        def step(t: tf.Tensor, state: State) -> tuple[tuple[tf.Tensor, ...], State]:
            active, hidden, memory = _step(gates[t], kernel, *state, precision)
            return (active, hidden, memory), (hidden, memory)

        (active, hiddens, memories), _ = scan(step, steps, (hidden, memory), keep=3)

        def gradient(d_hiddens: tf.Tensor, d_memories: tf.Tensor) -> tuple[tf.Tensor, ...]:
            earlier = previous_states(memory, memories)
            d_gates, first = _backwards(
                active, earlier, memories, kernel, d_hiddens, d_memories, precision
            )
            d_kernel = kernel_gradient(d_gates, previous_states(hidden, hiddens), precision)
            return d_gates, d_kernel, *first

        return (hiddens, memories), gradient

    hiddens, memories = run(gates, recurrent_kernel, hidden, memory)
    return hiddens, memories


def lstm_step(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    precision: Precision = None,
) -> State:
    """One step of `lstm_steps`: (B, 4 U), the state -> hidden and memory (B, U)."""
    return _step(gates, recurrent_kernel, hidden, memory, precision)[1:]


def _step(
    gates: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
    precision: Precision,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Activated gates (B, 4 U), hidden and memory (B, U)."""
    inner = matmul(hidden, recurrent_kernel, precision)
    i, f, g, o = tf.split(gates + inner, 4, axis=1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    memory = f * memory + i * g
    return tf.concat([i, f, g, o], axis=1), o * tf.tanh(memory), memory


def _backwards(
    active: tf.Tensor,
    earlier: tf.Tensor,
    memories: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    d_hiddens: tf.Tensor,
    d_memories: tf.Tensor,
    precision: Precision,
) -> tuple[tf.Tensor, State]:
    """Gradients of the gates (T, B, 4 U) and of the first state (B, U each)."""
    i, f, g, o = tf.split(active, 4, axis=2)
    squashed = tf.tanh(memories)
    # What does not depend on later steps is computed for all steps at once.
    to_memory = o * (1 - squashed * squashed)
    to_output = squashed * o * (1 - o)
    to_gates = tf.concat([g * i * (1 - i), earlier * f * (1 - f), i * (1 - g * g)], axis=2)
    transposed = tf.transpose(recurrent_kernel)

    def back(t: tf.Tensor, state: State) -> tuple[tuple[tf.Tensor, ...], State]:
        d_hidden, d_memory = state
        d_hidden += d_hiddens[t]
        d_memory += d_memories[t] + d_hidden * to_memory[t]
        d_gates = tf.concat(
            [tf.tile(d_memory, (1, 3)) * to_gates[t], d_hidden * to_output[t]], axis=1
        )
        return (d_gates,), (matmul(d_gates, transposed, precision), d_memory * f[t])

    zero = tf.zeros_like(earlier[0])
    steps = tf.shape(active)[0]
    (d_gates,), first = scan(back, steps, (zero, zero), keep=1, backwards=True)
    return d_gates, first
