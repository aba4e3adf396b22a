"""What every loop over time shares: T steps, of each of which some values are kept.

Keras' loops multiply the inputs step by step; ours are given inputs that one matrix product has
projected for all steps. Shapes: B batch, U units; time comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipelines.layers.matmul import Precision, matmul

# (step's number, state) -> what to keep of the step, each (B, D), and the next state
Step = Callable[[tf.Tensor, Any], tuple[tuple[tf.Tensor, ...], Any]]


def scan(
    step: Step, steps: tf.Tensor, state: Any, keep: int, backwards: bool = False
) -> tuple[list[tf.Tensor], Any]:
    """Run all steps, one after the other.

    Args:
        step: what happens at one of them.
        steps: T.
        state: what goes from step to step, tensors in any structure.
        keep: how many values `step` keeps.
        backwards: from the last step to the first.

    Returns:
        What was kept, (T, B, D) each, and the state at the end.
    """

    def body(done: tf.Tensor, state: Any, kept: tuple[tf.TensorArray, ...]) -> tuple[Any, ...]:
        t = steps - 1 - done if backwards else done
        values, state = step(t, state)
        return done + 1, state, tuple(a.write(t, v) for a, v in zip(kept, values, strict=True))

    room = [tf.TensorArray(tf.float32, steps, element_shape=(None, None)) for _ in range(keep)]
    start = (0, state, tuple(room))
    _, state, kept = tf.while_loop(lambda done, *_: done < steps, body, start)
    return [array.stack() for array in kept], state


def previous_states(first: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
    """What the steps began with (T, B, U): the `first` state, then those `states` after each."""
    return tf.concat([first[None], states[:-1]], axis=0)


def kernel_gradient(d_inner: tf.Tensor, states: tf.Tensor, precision: Precision) -> tf.Tensor:
    """The gradient (U, G) of a recurrent kernel, by one product for all steps.

    Args:
        d_inner: (T, B, G), that of states @ kernel.
        states: (T, B, U), what the kernel was multiplied by.
        precision: of the product.
    """
    left, right = (tf.reshape(part, (-1, tf.shape(part)[2])) for part in (states, d_inner))
    return matmul(tf.transpose(left), right, precision)


def cast_kernel(kernel: tf.Tensor, precision: Precision) -> tf.Tensor:
    """A kernel in the precision of the products inside a loop: once, not again at every step."""
    return kernel if precision is None else tf.cast(kernel, precision)
