"""Interface of recurrent cells. Shapes: B batch, T steps, U units, G gates times U."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import keras
import tensorflow as tf

from pipelines.layers.matmul import Precision

State = list[tf.Tensor]


class Cell(ABC):
    """A recurrent cell: how many states it has, which Keras layer holds its weights, and its loop.

    Attributes:
        states: number of state tensors (B, U); the first is the output.
        has_cudnn: whether cuDNN has a kernel for it.
    """

    states: ClassVar[int] = 1
    has_cudnn: ClassVar[bool] = False

    @abstractmethod
    def layer(self, units: int, forget_bias: float | None, **options: Any) -> keras.layers.RNN:
        """Return the Keras layer that holds and initializes the weights.

        Args:
            units: U.
            forget_bias: initial bias of the forget gate; None for the cell's default.
            options: further arguments of the Keras layer.
        """

    def input_bias(self, bias: tf.Tensor) -> tf.Tensor:
        """Return the part of the bias that is added to the projected inputs, (G,)."""
        return bias

    @abstractmethod
    def scan(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        state: State,
        precision: Precision,
    ) -> tuple[tf.Tensor, ...]:
        """Run all steps.

        Args:
            projected: inputs @ kernel + input bias, (T, B, G).
            recurrent_kernel: (U, G).
            bias: bias of the Keras layer.
            state: states before the first step, (B, U) each.
            precision: precision of the matrix products in the loop.

        Returns:
            Each state after every step, (T, B, U).
        """

    @abstractmethod
    def step(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        state: State,
        precision: Precision,
    ) -> State:
        """Run one step of `scan`: (B, G) and the states before it -> the states after it.

        The recurrent kernel is the right factor of one `matmul`; in a `Loop` it is no tensor.
        """


def get_cell(name: str) -> Cell:
    """Return a cell by the name of its file in `pipelines/layers/cells`.

    Raises:
        ModuleNotFoundError: no such file exists.
    """
    cell: Cell = importlib.import_module(f"pipelines.layers.cells.{name}").CELL
    return cell
