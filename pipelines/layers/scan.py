"""Loop over time steps that collects some values of each step.

The loops of Keras multiply the inputs step by step. These loops take inputs that one matrix product
has projected for all steps. Shapes: B batch, U units; time comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipelines.layers.matmul import Precision, matmul

# (step number, state) -> values to collect, each (B, D), and the next state
Step = Callable[[tf.Tensor, Any], tuple[tuple[tf.Tensor, ...], Any]]


def scan(
    step: Step, steps: tf.Tensor, state: Any, keep: int, backwards: bool = False
) -> tuple[list[tf.Tensor], Any]:
    """Run a step function over all steps.

    Args:
        step: function of the step number and the state.
        steps: number of steps T.
        state: state before the first step, tensors in any structure.
        keep: number of values that `step` returns to collect.
        backwards: run from the last step to the first.

    Returns:
        Collected values, (T, B, D) each, and the final state.
    """

    def body(count: tf.Tensor, state: Any, arrays: tuple[tf.TensorArray, ...]) -> tuple[Any, ...]:
        t = steps - 1 - count if backwards else count
        values, state = step(t, state)
        arrays = tuple(a.write(t, v) for a, v in zip(arrays, values, strict=True))
        return count + 1, state, arrays

    arrays = [tf.TensorArray(tf.float32, steps, element_shape=(None, None)) for _ in range(keep)]
    start = (0, state, tuple(arrays))
    _, state, arrays = tf.while_loop(lambda count, *_: count < steps, body, start)
    return [array.stack() for array in arrays], state


def by_step(rows: tf.Tensor) -> tf.TensorArray:
    """Return the steps of (B, T, D), for a loop that is differentiated.

    The gradient of a step that is sliced from a tensor is as large as the whole tensor.
    """
    steps = tf.TensorArray(
        rows.dtype,
        tf.shape(rows)[1],
        element_shape=(None, rows.shape[2]),
        clear_after_read=False,
    )
    return steps.unstack(tf.transpose(rows, (1, 0, 2)))


def previous_states(first: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
    """Return the state before each step (T, B, U), given the `states` after each step."""
    return tf.concat([first[None], states[:-1]], axis=0)


def kernel_gradient(d_inner: tf.Tensor, states: tf.Tensor, precision: Precision) -> tf.Tensor:
    """Compute the gradient (U, G) of a recurrent kernel with one matrix product for all steps.

    Args:
        d_inner: (T, B, G), gradient of states @ kernel.
        states: (T, B, U), factors of the kernel.
        precision: precision of the product.
    """
    left, right = (tf.reshape(part, (-1, tf.shape(part)[2])) for part in (states, d_inner))
    return matmul(tf.transpose(left), right, precision)
