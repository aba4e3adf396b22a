"""Stack of recurrent layers, unidirectional or bidirectional, with dropout between them.

Shapes: B batch, T steps, D inputs, U units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import keras
import tensorflow as tf

from pipelines.config import params
from pipelines.config.params import Cell
from pipelines.layers.cell import State
from pipelines.layers.loop import Loop
from pipelines.layers.matmul import Precision, matmul
from pipelines.layers.recurrent import Recurrent
from pipelines.layers.scan import by_step
from pipelines.layers.scopes import Unscoped, scope


class RecurrentStack(Unscoped, keras.layers.Layer):
    """Stack of recurrent layers with dropout on the inputs of each (Zaremba et al. 2014: on the
    non-recurrent connections only).

    Args:
        cell, units, forget_bias, weight_drop, precision: as for `Recurrent`.
        layers: number of layers.
        dropout: dropout rate on the inputs of every layer.
        bidirectional: two layers at each level, one per direction, with concatenated outputs of
            2 U units (Schuster and Paliwal, 1997).
        input_dropout: dropout rate on the inputs of the first layer; `dropout` if None.
        variational: one dropout mask for all steps of a sequence (Gal and Ghahramani, 2016), not on
            the recurrent connections, as in Merity et al. (2017, section 4.2).
        residual: add the inputs of a layer to its outputs, except in the first layer (Wu et al.
            2016, section 3.1).
    """

    def __init__(
        self,
        cell: Cell,
        units: int,
        layers: int,
        dropout: float,
        bidirectional: bool = False,
        *,
        input_dropout: float | None = None,
        variational: bool | None = None,
        residual: bool | None = None,
        forget_bias: float | None = None,
        weight_drop: float | None = None,
        precision: Precision = None,
    ) -> None:
        super().__init__()

        def layer(reverse: bool) -> Recurrent:
            return Recurrent(cell, units, reverse, forget_bias, weight_drop, precision)

        self.forwards = [layer(reverse=False) for _ in range(layers)]
        self.backwards = [layer(reverse=True) for _ in range(layers)] if bidirectional else []
        self.width = units * (2 if bidirectional else 1)
        bottom = dropout if input_dropout is None else input_dropout
        rates = [bottom, *[dropout] * (layers - 1)]
        self.dropouts = [dropout_layer(rate, variational) for rate in rates]
        self.residual, self.precision = residual, precision
        self.supports_masking = True

    @classmethod
    def of(
        cls,
        entry: params.RecurrentConfig,
        bidirectional: bool = False,
    ) -> Self:
        """Create the stack that an entry of params.yaml describes."""
        return cls(
            entry.cell,
            entry.units,
            entry.layers,
            entry.dropout,
            bidirectional,
            input_dropout=entry.input_dropout,
            variational=entry.variational,
            residual=entry.residual,
            forget_bias=entry.forget_bias,
            weight_drop=entry.weight_drop,
            precision=entry.precision,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of shape (B, T, D)."""
        for height, layer in enumerate(self.forwards):
            shape = input_shape if height == 0 else (*input_shape[:-1], self.width)
            with scope(f"forward_{height + 1}"):
                layer.build(shape)
            if self.backwards:
                with scope(f"backward_{height + 1}"):
                    self.backwards[height].build(shape)

    def zero_state(self, batch: int | tf.Tensor) -> list[State]:
        """Return the state of every forward layer before the first step."""
        return [layer.zero_state(batch) for layer in self.forwards]

    def call(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor | None = None,
        states: list[State] | None = None,
        training: bool = False,
    ) -> tuple[tf.Tensor, list[State]]:
        """Return the outputs of the last layer (B, T, U or 2 U) and the final state of every layer.

        With `bidirectional` the states of both directions are concatenated to (B, 2 U).
        """
        outputs, final_states = inputs, []
        for height, layer in enumerate(self.forwards):
            layer_inputs = self.dropouts[height](outputs, training=training)
            initial = states[height] if states else None
            with scope(f"forward_{height + 1}"):
                above, state = layer(layer_inputs, mask=mask, state=initial, training=training)
            if self.backwards:
                with scope(f"backward_{height + 1}"):
                    back, back_state = self.backwards[height](
                        layer_inputs, mask=mask, training=training
                    )
                above = tf.concat([above, back], axis=2)
                state = [tf.concat(pair, axis=1) for pair in zip(state, back_state, strict=True)]
            outputs = above + outputs if self.residual and height else above
            final_states.append(state)
        return outputs, final_states

    def last_output(self, states: list[State]) -> tf.Tensor:
        """Return the outputs after each whole sequence, (B, U or 2 U), given the final states.

        A backward layer is done with a sequence at its first step. The gradient of this needs no
        other outputs, unlike that of a step that is read from them.
        """
        return tf.add_n([state[0] for state in (states if self.residual else states[-1:])])

    def step_fn(
        self, inputs: tf.Tensor, width: int, training: bool, loop: Loop
    ) -> Callable[[tf.Tensor, tf.Tensor, list[State]], tuple[tf.Tensor, list[State]]]:
        """Return a function that runs one step, for inputs that partly depend on the previous step.

        The known part is projected for all steps at once. The layers use `Cell.step` on every
        device, since cuDNN has no single steps.

        Args:
            inputs: (B, T, D), known part of the inputs.
            width: number of units F of the other part.
            training: whether dropout is applied.
            loop: the loop that runs the steps.

        Returns:
            A function (t, feed (B, F), states) -> output of the last layer (B, U), states.
        """
        if not self.built:
            self.build((None, None, inputs.shape[-1] + width))
        first, *others = (layer.recurrence.cell.kernel for layer in self.forwards)
        input_kernel, feed_kernel = tf.split(first, [inputs.shape[-1], width])
        kernels = [loop.kernel(kernel, self.precision) for kernel in (feed_kernel, *others)]
        step_fns = [layer.step_fn(training, loop) for layer in self.forwards]
        dropped = tf.transpose(self.dropouts[0](inputs, training=training), (1, 0, 2))
        projected = loop.inputs(matmul(dropped, input_kernel, self.precision))
        ones = tf.ones((tf.shape(inputs)[0], tf.shape(inputs)[1], self.width))
        masks = [by_step(dropout(ones, training=training)) for dropout in self.dropouts[1:]]

        def step(
            t: tf.Tensor, feed: tf.Tensor, states: list[State]
        ) -> tuple[tf.Tensor, list[State]]:
            gates = projected.read(t) + kernels[0](feed)
            output, state = step_fns[0](gates, states[0])
            new_states = [state]
            for height, step_fn in enumerate(step_fns[1:], start=1):
                under = output * masks[height - 1].read(t)
                above, state = step_fn(kernels[height](under), states[height])
                output = above + output if self.residual else above
                new_states.append(state)
            return output, new_states

        return step


def dropout_layer(rate: float, variational: bool | None) -> keras.layers.Layer:
    """Return a dropout layer for (B, T, D); `variational` drops a unit at all steps or at none."""
    kind = keras.layers.SpatialDropout1D if variational else keras.layers.Dropout
    return kind(rate)
