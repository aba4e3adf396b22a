"""Recurrent layers one above the other, forwards or both ways, with dropout between them.

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
from pipelines.layers.matmul import Precision, matmul
from pipelines.layers.recurrent import Recurrent


class RecurrentStack(keras.layers.Layer):
    """Layers of recurrence, each reading the outputs of the one below, with dropout before each
    (Zaremba et al. 2014: only on the connections that are not recurrent).

    Args:
        cell, units, forget_bias, weight_drop, precision: as for `Recurrent`.
        layers: how many.
        dropout: rate on the inputs of every layer.
        bidirectional: two layers at each height, one in each direction, their outputs concatenated
            (Schuster and Paliwal, 1997), so that outputs are 2 U wide.
        input_dropout: rate on the inputs of the lowest layer; `dropout` if None.
        variational: one dropout mask for all steps of a sequence (Gal and Ghahramani, 2016; without
            theirs on the recurrent connections, as in Merity et al. 2017, section 4.2).
        residual: above the lowest layer, outputs are added to inputs (Wu et al. 2016, section 3.1).
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
        entry: params.LanguageModel | params.Classifier | params.Seq2Seq,
        bidirectional: bool = False,
    ) -> Self:
        """The stack that an entry of params.yaml describes."""
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
            below = self.dropouts[height](outputs, training=training)
            before = states[height] if states else None
            above, state = layer(below, mask=mask, state=before, training=training)
            if self.backwards:
                back, back_state = self.backwards[height](below, mask=mask, training=training)
                above = tf.concat([above, back], axis=2)
                state = [tf.concat(pair, axis=1) for pair in zip(state, back_state, strict=True)]
            outputs = above + outputs if self.residual and height else above
            last.append(state)
        return outputs, last

    def step_fn(
        self, inputs: tf.Tensor, width: int, training: bool
    ) -> Callable[[tf.Tensor, tf.Tensor, list[State]], tuple[tf.Tensor, list[State]]]:
        """The same stack step by step, for inputs of which a part is known one step earlier only.

        What is known is projected for all steps at once. Its layers run on our own steps whatever
        the device: cuDNN has no single ones.

        Args:
            inputs: (B, T, D), known beforehand.
            width: F, of the other part of the inputs.
            training: whether dropout is on.

        Returns:
            (t, fed (B, F), states) -> output of the top layer (B, U), states.
        """
        if not self.built:
            self.build((None, None, inputs.shape[-1] + width))
        kernels = [tf.convert_to_tensor(layer.recurrence.cell.kernel) for layer in self.forwards]
        step_fns = [layer.step_fn(training) for layer in self.forwards]
        below, beside = tf.split(kernels[0], [inputs.shape[-1], width])
        dropped = self.dropouts[0](inputs, training=training)
        projected = matmul(dropped, below, self.precision)
        ones = tf.ones((tf.shape(inputs)[0], tf.shape(inputs)[1], self.width))
        masks = [dropout(ones, training=training) for dropout in self.dropouts[1:]]

        def step(
            t: tf.Tensor, fed: tf.Tensor, states: list[State]
        ) -> tuple[tf.Tensor, list[State]]:
            gates = projected[:, t] + matmul(fed, beside, self.precision)
            output, state = step_fns[0](gates, states[0])
            after = [state]
            for height, step_fn in enumerate(step_fns[1:], start=1):
                under = output * masks[height - 1][:, t]
                above, state = step_fn(
                    matmul(under, kernels[height], self.precision), states[height]
                )
                output = above + output if self.residual else above
                after.append(state)
            return output, after

        return step


def dropout_layer(rate: float, variational: bool | None) -> keras.layers.Layer:
    """Dropout of (B, T, D); with `variational` a unit is dropped at all steps or at none."""
    kind = keras.layers.SpatialDropout1D if variational else keras.layers.Dropout
    return kind(rate)
