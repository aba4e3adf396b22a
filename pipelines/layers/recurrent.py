"""Recurrent layers over right-padded sequences: tanh RNN, ReLU RNN, GRU, LSTM; forwards, backwards.

Shapes: B batch, T steps, D inputs, U units. Padding never reaches a result: outputs are 0 there and
the state returned is the one after the last real step, so no kernel ever needs to know of masks
except cuDNN's LSTM, whose cell state cannot be read at each step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from pipelines.config.params import Cell
from pipelines.layers.gru import gru_step, gru_steps
from pipelines.layers.lstm import lstm_step, lstm_steps
from pipelines.layers.matmul import Precision, matmul
from pipelines.layers.rnn import Activation, rnn_step, rnn_steps

Kernel = Literal["cudnn", "fused"]
State = list[tf.Tensor]


def kernel(cell: Cell) -> Kernel:
    """How a cell is computed here, for the run's record.

    `cudnn`: NVIDIA's kernel, for LSTM and GRU where there is a GPU. `fused`: a loop of
    ours, the inputs projected for all steps at once and the gradient by hand.
    """
    gated = cell in ("gru", "lstm")
    return "cudnn" if gated and tf.config.list_physical_devices("GPU") else "fused"


class ForgetBias(keras.initializers.Initializer):
    """The bias (4 U,) of an LSTM: `value` for the forget gate, 0 for the others."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        """Input, forget, candidate, output, as in Keras."""
        gates = np.repeat([0.0, self.value, 0.0, 0.0], shape[0] // 4)
        return tf.constant(gates, dtype or tf.float32)


def _keras_layer(cell: Cell, units: int, forget_bias: float | None) -> keras.layers.Layer:
    options: dict[str, Any] = {"return_sequences": True, "return_state": True}
    if cell == "rnn":
        return keras.layers.SimpleRNN(units, **options)
    if cell == "irnn":
        start = {"recurrent_initializer": "identity", "activation": "relu"}
        return keras.layers.SimpleRNN(units, **options, **start)
    # True, not "auto": a GPU that falls back to the slow loop in silence is a defect.
    options["use_cudnn"] = kernel(cell) == "cudnn"
    if cell == "gru":
        return keras.layers.GRU(units, **options)
    if forget_bias is not None:
        options |= {"unit_forget_bias": False, "bias_initializer": ForgetBias(forget_bias)}
    return keras.layers.LSTM(units, **options)


class Recurrent(keras.layers.Layer):
    """One recurrent layer, forwards or backwards.

    tanh RNN: Elman (1990). ReLU RNN from the identity (`irnn`): Le et al. (2015). LSTM: Hochreiter
    and Schmidhuber (1997) with the forget gate of Gers et al. (2000). GRU: Cho et al. (2014).

    Args:
        cell: `rnn`, `irnn`, `gru` or `lstm`.
        units: U.
        reverse: read each sequence from its last real step to its first.
        forget_bias: what an LSTM's forget gate starts from; 1 if None (Jozefowicz et al. 2015).
        weight_drop: share of the recurrent kernel that is 0 for a whole batch of training (Merity
            et al. 2017, section 2): dropped before the kernel is used, so that it stays fused.
        precision: of matrix products, outside cuDNN.
    """

    def __init__(
        self,
        cell: Cell,
        units: int,
        reverse: bool = False,
        forget_bias: float | None = None,
        weight_drop: float | None = None,
        precision: Precision = None,
    ) -> None:
        super().__init__()
        self.cell, self.units, self.reverse, self.precision = cell, units, reverse, precision
        self.kernel = kernel(cell)
        self.recurrence = _keras_layer(cell, units, forget_bias)
        self.weight_drop = keras.layers.Dropout(weight_drop or 0.0)
        self.supports_masking = True  # masks come as arguments; Keras must not warn of its own

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights for inputs of shape (B, T, D)."""
        self.recurrence.build(input_shape)

    def zero_state(self, batch: int | tf.Tensor) -> State:
        """The state before the first step: one (B, U) tensor, two for an LSTM."""
        return [tf.zeros((batch, self.units)) for _ in range(2 if self.cell == "lstm" else 1)]

    def call(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor | None = None,
        state: State | None = None,
        training: bool = False,
    ) -> tuple[tf.Tensor, State]:
        """Run over all steps.

        Args:
            inputs: (B, T, D).
            mask: (B, T), true on real steps; padding stands at the right, no row is all padding.
            state: the state before the first step; zeros if None.
            training: whether weights are dropped.

        Returns:
            Outputs (B, T, U), 0 on padding, and the state after each row's last real step.
        """
        lengths = None if mask is None else tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        state = self.zero_state(tf.shape(inputs)[0]) if state is None else state
        if self.reverse:
            inputs = _reverse(inputs, lengths)
        run = self._cudnn if self.kernel == "cudnn" else self._fused
        outputs, state = run(inputs, mask, lengths, state, training)
        if mask is not None:
            outputs *= tf.cast(mask, outputs.dtype)[:, :, None]
        return (_reverse(outputs, lengths) if self.reverse else outputs), state

    def _weights(self, training: bool) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        cell = self.recurrence.cell
        recurrent = tf.convert_to_tensor(cell.recurrent_kernel)
        dropped = self.weight_drop(recurrent, training=training)
        return tf.convert_to_tensor(cell.kernel), dropped, tf.convert_to_tensor(cell.bias)

    def _fused(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor | None,
        lengths: tf.Tensor | None,
        state: State,
        training: bool,
    ) -> tuple[tf.Tensor, State]:
        inward, recurrent, bias = self._weights(training)
        gru = self.cell == "gru"
        gates = matmul(inputs, inward, self.precision) + (bias[0] if gru else bias)
        gates = tf.transpose(gates, (1, 0, 2))
        kept: tuple[tf.Tensor, ...]
        if self.cell == "lstm":
            kept = lstm_steps(gates, recurrent, state[0], state[1], self.precision)
        elif gru:
            kept = (gru_steps(gates, recurrent, bias[1], state[0], self.precision),)
        else:
            kept = (rnn_steps(gates, recurrent, state[0], self._activation(), self.precision),)
        rows = [tf.transpose(part, (1, 0, 2)) for part in kept]
        return rows[0], [_last(part, lengths) for part in rows]

    def stepper(self, training: bool) -> Callable[[tf.Tensor, State], tuple[tf.Tensor, State]]:
        """One step at a time, weights dropped once for all of them: (inputs @ kernel without the
        bias (B, G), state) -> output (B, U), state."""
        _, recurrent, bias = self._weights(training)
        gru = self.cell == "gru"

        def step(gates: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            gates += bias[0] if gru else bias
            if self.cell == "lstm":
                state = list(lstm_step(gates, recurrent, state[0], state[1], self.precision))
            elif gru:
                state = [gru_step(gates, recurrent, bias[1], state[0], self.precision)]
            else:
                activation = self._activation()
                state = [rnn_step(gates, recurrent, state[0], activation, self.precision)]
            return state[0], state

        return step

    def _activation(self) -> Activation:
        return "tanh" if self.cell == "rnn" else "relu"

    def _cudnn(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor | None,
        lengths: tf.Tensor | None,
        state: State,
        training: bool,
    ) -> tuple[tf.Tensor, State]:
        (outputs, *last), _ = self.recurrence.stateless_call(
            list(self._weights(training)),
            self.recurrence.non_trainable_variables,
            inputs,
            # A GRU's last state is one of its outputs: it runs without the mask.
            mask=mask if self.cell == "lstm" else None,
            initial_state=state,
        )
        return outputs, last if self.cell == "lstm" else [_last(outputs, lengths)]


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
