"""Recurrent layers over right-padded sequences: tanh RNN, GRU, LSTM; one way, both ways, stacked.

Shapes: B batch, T steps, D inputs, U units. Padding never reaches a result: outputs are 0 there and
the state returned is the one after the last real step, so no kernel ever needs to know of masks
except cuDNN's LSTM, whose cell state cannot be read at each step.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

from pipelines.params import Cell

Kernel = Literal["cudnn", "fused", "loop"]
State = list[tf.Tensor]


def kernel(cell: Cell) -> Kernel:
    """How a cell is computed here, for the run's record.

    `cudnn`: NVIDIA's kernel, for LSTM and GRU where there is a GPU. `fused`: `lstm_steps` below.
    `loop`: Keras' own loop.
    """
    if cell != "rnn" and tf.config.list_physical_devices("GPU"):
        return "cudnn"
    return "fused" if cell == "lstm" else "loop"


def _keras_layer(cell: Cell, units: int) -> keras.layers.Layer:
    options = {"return_sequences": True, "return_state": True}
    if cell == "rnn":
        return keras.layers.SimpleRNN(units, **options)
    # True, not "auto": a GPU that falls back to the slow loop in silence is a defect.
    options["use_cudnn"] = kernel(cell) == "cudnn"
    return {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[cell](units, **options)


class Recurrent(keras.layers.Layer):
    """One recurrent layer, forwards or backwards.

    tanh RNN: Elman (1990). LSTM: Hochreiter and Schmidhuber (1997) with the forget gate of Gers et
    al. (2000), its bias started at 1. GRU: Cho et al. (2014).

    Args:
        cell: `rnn`, `gru` or `lstm`.
        units: U.
        reverse: read each sequence from its last real step to its first.
    """

    def __init__(self, cell: Cell, units: int, reverse: bool = False) -> None:
        super().__init__()
        self.cell, self.units, self.reverse = cell, units, reverse
        self.kernel = kernel(cell)
        self.recurrence = _keras_layer(cell, units)
        self.supports_masking = True  # masks come as arguments; Keras must not warn of its own

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights for inputs of shape (B, T, D)."""
        self.recurrence.build(input_shape)

    def zero_state(self, batch: int | tf.Tensor) -> State:
        """The state before the first step: one (B, U) tensor, two for an LSTM."""
        return [tf.zeros((batch, self.units)) for _ in range(2 if self.cell == "lstm" else 1)]

    def call(
        self, inputs: tf.Tensor, mask: tf.Tensor | None = None, state: State | None = None
    ) -> tuple[tf.Tensor, State]:
        """Run over all steps.

        Args:
            inputs: (B, T, D).
            mask: (B, T), true on real steps; padding stands at the right, no row is all padding.
            state: the state before the first step; zeros if None.

        Returns:
            Outputs (B, T, U), 0 on padding, and the state after each row's last real step.
        """
        lengths = None if mask is None else tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        state = self.zero_state(tf.shape(inputs)[0]) if state is None else state
        if self.reverse:
            inputs = _reverse(inputs, lengths)
        outputs, state = self._run(inputs, mask, lengths, state)
        if mask is not None:
            outputs *= tf.cast(mask, outputs.dtype)[:, :, None]
        return (_reverse(outputs, lengths) if self.reverse else outputs), state

    def _run(
        self, inputs: tf.Tensor, mask: tf.Tensor | None, lengths: tf.Tensor | None, state: State
    ) -> tuple[tf.Tensor, State]:
        if self.kernel == "fused":
            cell = self.recurrence.cell
            gates = tf.tensordot(inputs, cell.kernel, 1) + cell.bias
            hidden, memory = lstm_steps(
                tf.transpose(gates, (1, 0, 2)), tf.convert_to_tensor(cell.recurrent_kernel), *state
            )
            outputs = tf.transpose(hidden, (1, 0, 2))
            return outputs, [
                _last(outputs, lengths),
                _last(tf.transpose(memory, (1, 0, 2)), lengths),
            ]
        if self.cell == "lstm":
            outputs, *state = self.recurrence(inputs, mask=mask, initial_state=state)
            return outputs, list(state)
        outputs, *_ = self.recurrence(inputs, initial_state=state)
        return outputs, [_last(outputs, lengths)]


class RecurrentStack(keras.layers.Layer):
    """Layers of recurrence, each reading the outputs of the one below, with dropout before each
    (Zaremba et al. 2014: only on the connections that are not recurrent).

    Args:
        cell, units: as for `Recurrent`.
        layers: how many.
        bidirectional: two layers at each height, one in each direction, their outputs concatenated
            (Schuster and Paliwal, 1997), so that outputs are 2 U wide.
        dropout: rate on the inputs of every layer.
    """

    def __init__(
        self, cell: Cell, units: int, layers: int, dropout: float, bidirectional: bool = False
    ) -> None:
        super().__init__()
        self.forwards = [Recurrent(cell, units) for _ in range(layers)]
        self.backwards = [Recurrent(cell, units, reverse=True) for _ in range(layers)]
        self.backwards = self.backwards if bidirectional else []
        self.width = units * (2 if bidirectional else 1)
        self.dropout = keras.layers.Dropout(dropout)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights for inputs of shape (B, T, D)."""
        for height, layer in enumerate(self.forwards):
            shape = input_shape if height == 0 else (*input_shape[:-1], self.width)
            layer.build(shape)
            if self.backwards:
                self.backwards[height].build(shape)

    def zero_state(self, batch: int | tf.Tensor) -> list[State]:
        """The state of every forward layer before the first step."""
        return [layer.zero_state(batch) for layer in self.forwards]

    def call(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor | None = None,
        states: list[State] | None = None,
        training: bool = False,
    ) -> tuple[tf.Tensor, list[State]]:
        """Outputs of the top layer (B, T, U or 2 U), and every layer's last state.

        With `bidirectional` the two directions' states are concatenated to (B, 2 U).
        """
        outputs, last = inputs, []
        for height, layer in enumerate(self.forwards):
            outputs = self.dropout(outputs, training=training)
            below = outputs
            outputs, state = layer(below, mask=mask, state=states[height] if states else None)
            if self.backwards:
                back, back_state = self.backwards[height](below, mask=mask)
                outputs = tf.concat([outputs, back], axis=2)
                state = [tf.concat(pair, axis=1) for pair in zip(state, back_state, strict=True)]
            last.append(state)
        return outputs, last


def lstm_steps(
    gates: tf.Tensor, recurrent_kernel: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """All steps of an LSTM whose inputs are projected already, with its gradient by hand.

    Keras' loop multiplies the inputs and adds up the weights' gradient step by step. Here one
    matrix product serves all steps for the inputs (outside), and one for the gradient of the
    recurrent kernel: two small products a step are left of five.

    Args:
        gates: (T, B, 4 U), inputs @ kernel + bias: input, forget, candidate, output, as in Keras.
        recurrent_kernel: (U, 4 U).
        hidden, memory: (B, U), the state before the first step.

    Returns:
        Hidden and memory after every step, both (T, B, U).
    """

    @tf.custom_gradient
    def run(
        gates: tf.Tensor, recurrent_kernel: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], object]:
        active, hiddens, memories = _lstm_forward(gates, recurrent_kernel, hidden, memory)

        def gradient(d_hiddens: tf.Tensor, d_memories: tf.Tensor) -> tuple[tf.Tensor, ...]:
            before = tf.concat([memory[None], memories[:-1]], axis=0)
            d_gates, d_hidden, d_memory = _lstm_backward(
                active, before, memories, recurrent_kernel, d_hiddens, d_memories
            )
            inputs = tf.concat([hidden[None], hiddens[:-1]], axis=0)
            d_kernel = tf.einsum("tbu,tbg->ug", inputs, d_gates)
            return d_gates, d_kernel, d_hidden, d_memory

        return (hiddens, memories), gradient

    hiddens, memories = run(gates, recurrent_kernel, hidden, memory)
    return hiddens, memories


def _lstm_forward(
    gates: tf.Tensor, recurrent_kernel: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Activated gates (T, B, 4 U), hidden and memory (T, B, U)."""
    steps = tf.shape(gates)[0]

    def step(
        t: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor, *kept: tf.TensorArray
    ) -> tuple[Any, ...]:
        i, f, g, o = tf.split(gates[t] + tf.matmul(hidden, recurrent_kernel), 4, axis=1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        memory = f * memory + i * g
        hidden = o * tf.tanh(memory)
        now = (tf.concat([i, f, g, o], axis=1), hidden, memory)
        kept = tuple(array.write(t, value) for array, value in zip(kept, now, strict=True))
        return t + 1, hidden, memory, *kept

    start = (0, hidden, memory, *(_array(steps) for _ in range(3)))
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
        return k + 1, tf.matmul(d_gates, transposed), d_memory * f[t], kept.write(t, d_gates)

    zero = tf.zeros_like(before[0])
    start = (0, zero, zero, _array(steps))
    _, d_hidden, d_memory, kept = tf.while_loop(lambda k, *_: k < steps, step, start)
    return kept.stack(), d_hidden, d_memory


def _array(steps: tf.Tensor) -> tf.TensorArray:
    return tf.TensorArray(tf.float32, size=steps, element_shape=(None, None))


def _reverse(values: tf.Tensor, lengths: tf.Tensor | None) -> tf.Tensor:
    """Reverse the real steps of (B, T, D); padding stays at the right."""
    if lengths is None:
        return tf.reverse(values, axis=[1])
    return tf.reverse_sequence(values, lengths, seq_axis=1)


def _last(values: tf.Tensor, lengths: tf.Tensor | None) -> tf.Tensor:
    """(B, T, U) -> (B, U) at each row's last real step."""
    if lengths is None:
        return values[:, -1]
    return tf.gather(values, lengths - 1, axis=1, batch_dims=1)
