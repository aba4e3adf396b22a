"""Recurrent layer over right-padded sequences, forwards or backwards.

Shapes: B batch, T steps, D inputs, U units. Padding never reaches a result: outputs are 0 there and
the state returned is the one after the last real step. No kernel needs the mask but cuDNN's LSTM,
whose cell state cannot be read at each step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf

from pipelines.layers.cell import State, get_cell
from pipelines.layers.loop import Loop
from pipelines.layers.matmul import Precision, matmul
from pipelines.layers.scopes import Unscoped

Kernel = Literal["cudnn", "fused"]


def kernel(cell: str) -> Kernel:
    """Return the implementation that runs a cell on this machine.

    `cudnn` is NVIDIA's kernel, for LSTM and GRU on a GPU. `fused` is the loop of this package: the
    inputs are projected for all steps at once, and the gradient is written out.
    """
    on_gpu = get_cell(cell).has_cudnn and tf.config.list_physical_devices("GPU")
    return "cudnn" if on_gpu else "fused"


class Recurrent(Unscoped, keras.layers.Layer):
    """Recurrent layer, forwards or backwards.

    Args:
        cell: name of a file in `pipelines/layers/cells`.
        units: U.
        reverse: read each sequence from its last real step to its first.
        forget_bias: initial bias of the forget gate; None for the cell's default.
        weight_drop: share of the recurrent kernel that is set to 0 for a whole training batch
            (Merity et al. 2017, section 2). It is dropped before the loop, which stays fused.
        precision: precision of matrix products, and of the states in cuDNN.
    """

    def __init__(
        self,
        cell: str,
        units: int,
        reverse: bool = False,
        forget_bias: float | None = None,
        weight_drop: float | None = None,
        precision: Precision = None,
    ) -> None:
        super().__init__()
        self.units, self.reverse, self.precision = units, reverse, precision
        self.cell = get_cell(cell)
        self.kernel = kernel(cell)
        options: dict[str, Any] = {"return_sequences": True, "return_state": True}
        if self.cell.has_cudnn:
            # True instead of "auto": a GPU must not fall back to the slow loop silently.
            options["use_cudnn"] = self.kernel == "cudnn"
        if self.kernel == "cudnn" and precision is not None:
            options["dtype"] = f"mixed_{precision}"  # weights stay in float32
        self.recurrence = self.cell.layer(units, forget_bias, **options)
        self.weight_drop = keras.layers.Dropout(weight_drop or 0.0)
        self.supports_masking = True  # masks are arguments; Keras must not warn about its own

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of shape (B, T, D)."""
        self.recurrence.build(input_shape)

    def zero_state(self, batch: int | tf.Tensor) -> State:
        """Return the state before the first step: a (B, U) tensor for each state of the cell."""
        return [tf.zeros((batch, self.units)) for _ in range(self.cell.states)]

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
            mask: (B, T), true on real steps; padding is on the right, no row is all padding.
            state: state before the first step; zeros if None.
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
        input_kernel, recurrent_kernel, bias = self._weights(training)
        if inputs.shape[1] == 1 and mask is None:  # a search decodes single steps, without a loop
            projected = matmul(inputs[:, 0], input_kernel, self.precision)
            projected += self.cell.input_bias(bias)
            state = self.cell.step(projected, recurrent_kernel, bias, state, self.precision)
            return state[0][:, None], state
        # Time first before the projection: the inputs are smaller than the gates.
        inputs = tf.transpose(inputs, (1, 0, 2))
        projected = matmul(inputs, input_kernel, self.precision) + self.cell.input_bias(bias)
        states = self.cell.scan(projected, recurrent_kernel, bias, state, self.precision)
        return tf.transpose(states[0], (1, 0, 2)), [_last(part, lengths) for part in states]

    def step_fn(
        self, training: bool, loop: Loop
    ) -> Callable[[tf.Tensor, State], tuple[tf.Tensor, State]]:
        """Return a function that runs one step; weights are dropped once for all steps.

        The function takes inputs @ kernel without the bias (B, G) and the state, and returns the
        output (B, U) and the next state.

        Args:
            training: whether weights are dropped.
            loop: the loop that runs the steps.
        """
        _, recurrent_kernel, bias = self._weights(training)
        recurrent_kernel = loop.kernel(recurrent_kernel, self.precision)
        bias = loop.constant(bias)

        def step(projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            projected += self.cell.input_bias(bias)
            state = self.cell.step(projected, recurrent_kernel, bias, state, self.precision)
            return state[0], state

        return step

    def _cudnn(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor | None,
        lengths: tf.Tensor | None,
        state: State,
        training: bool,
    ) -> tuple[tf.Tensor, State]:
        # The state of a cell with one state is its output, so no mask is needed to find the last.
        single = self.cell.states == 1
        weights = zip(self.recurrence.trainable_variables, self._weights(training), strict=True)
        with keras.StatelessScope(state_mapping=list(weights)):
            outputs, *last = self.recurrence(
                inputs, initial_state=state, mask=None if single else mask
            )
        outputs, *last = (tf.cast(tensor, tf.float32) for tensor in (outputs, *last))
        if single:
            last = [_last(tf.transpose(outputs, (1, 0, 2)), lengths)]
        return outputs, last


def _reverse(values: tf.Tensor, lengths: tf.Tensor | None) -> tf.Tensor:
    """Reverse the real steps of (B, T, D); padding stays on the right."""
    if lengths is None:
        return tf.reverse(values, axis=[1])
    return tf.reverse_sequence(values, lengths, seq_axis=1)


def _last(values: tf.Tensor, lengths: tf.Tensor | None) -> tf.Tensor:
    """Return the last real step of each row: (T, B, U) -> (B, U)."""
    if lengths is None:
        return values[-1]
    return tf.gather_nd(values, tf.stack([lengths - 1, tf.range(tf.size(lengths))], axis=1))
