"""Loop over time steps that multiplies by kernels, with one product for the gradient of a kernel.

The gradient of TensorFlow's loop adds a product to the gradient of each kernel at every step, and
fetches each intermediate value from a list. This one computes the values of a step again, except
for the products. Shapes: B batch, T steps, D, I, O units; time comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipelines.layers.matmul import LoopFactor, Precision, matmul, multiplier
from pipelines.layers.scan import Step, kernel_gradient
from pipelines.layers.scopes import custom_gradient

Multiply = Callable[[tf.Tensor], tf.Tensor]


class LoopKernel(LoopFactor):
    """Kernel (I, O), or one for each row, (B, I, O); a step multiplies by it once.

    Attributes:
        value: the kernel.
        left, product: factor (B, I) and product (B, O) of the step that is traced.
        d_product: gradient of that product.
    """

    left: tf.Tensor
    product: tf.Tensor
    d_product: tf.Tensor

    def __init__(self, value: tf.Tensor, precision: Precision) -> None:
        self.value, self.precision = value, precision
        self.is_batch = value.shape.rank == 3
        self._multiply = self._multiply_once

    def __call__(self, left: tf.Tensor) -> tf.Tensor:
        """Multiply (B, I) by the kernel."""
        return self._multiply(left)

    def _multiply_once(self, left: tf.Tensor) -> tf.Tensor:
        if self.is_batch:
            return tf.matmul(left[:, None], self.value)[:, 0]
        return matmul(left, self.value, self.precision)

    def multiplier(self, transpose: bool) -> Multiply:
        """Return a function that multiplies (B, I) by the kernel, which is laid out once."""
        if not self.is_batch:
            return multiplier(tf.transpose(self.value) if transpose else self.value, self.precision)
        return lambda left: tf.matmul(left[:, None], self.value, transpose_b=transpose)[:, 0]

    def record(self, multiply: Multiply) -> None:
        """Let the next call record its factor and its product."""

        def run(left: tf.Tensor) -> tf.Tensor:
            self.left, self.product = left, multiply(left)
            return self.product

        self._multiply = run

    def replay(self, product: tf.Tensor, backwards: Multiply) -> None:
        """Let the next call return the product of an earlier one, and record its gradient."""
        product.set_shape(self.product.shape)
        self.d_product = tf.zeros_like(product)

        @custom_gradient
        def run(left: tf.Tensor) -> tuple[tf.Tensor, Multiply]:
            def gradient(d_product: tf.Tensor) -> tf.Tensor:
                self.d_product = d_product
                return backwards(d_product)

            return tf.identity(product), gradient

        self._multiply = run

    def gradient(self, lefts: tf.Tensor, d_products: tf.Tensor) -> tf.Tensor:
        """Return the gradient of the kernel from (T, B, I) and (T, B, O)."""
        if self.is_batch:
            lefts, d_products = (tf.transpose(part, (1, 0, 2)) for part in (lefts, d_products))
            return tf.matmul(lefts, d_products, transpose_a=True)
        return kernel_gradient(d_products, lefts, self.precision)


class LoopInputs:
    """Inputs (T, B, D) of a loop, each read at its step.

    Attributes:
        rows: the inputs.
        value: input of the step that is traced, (B, D).
    """

    value: tf.Tensor

    def __init__(self, rows: tf.Tensor) -> None:
        self.rows = rows

    def read(self, t: tf.Tensor) -> tf.Tensor:
        """Return the input of a step."""
        self.value = self.rows[t]
        return self.value


class Loop:
    """Loop over steps; what its steps read is registered before it runs."""

    def __init__(self) -> None:
        self._kernels: list[LoopKernel] = []
        self._inputs: list[LoopInputs] = []
        self._constants: list[tf.Tensor] = []

    def kernel(self, value: Any, precision: Precision = None) -> LoopKernel:
        """Register a kernel by which a step multiplies once, (I, O) or (B, I, O)."""
        self._kernels.append(LoopKernel(tf.convert_to_tensor(value), precision))
        return self._kernels[-1]

    def inputs(self, rows: tf.Tensor) -> LoopInputs:
        """Register inputs (T, B, D)."""
        self._inputs.append(LoopInputs(rows))
        return self._inputs[-1]

    def constant(self, value: Any) -> tf.Tensor:
        """Register a tensor that all steps read."""
        self._constants.append(tf.convert_to_tensor(value))
        return self._constants[-1]

    def run(
        self, step: Step, steps: int | tf.Tensor, state: Any, keep: int
    ) -> tuple[list[Any], Any]:
        """Run a step function over all steps; arguments and results are those of `scan`."""
        if isinstance(steps, int) and steps == 1:
            values, state = step(0, state)
            return [value[None] for value in values], state
        kernels, flat = self._kernels, tf.nest.flatten(state)
        for kernel in kernels:
            kernel.record(kernel.multiplier(transpose=False))
        sources = [
            *flat,
            *(kernel.value for kernel in kernels),
            *(inputs.rows for inputs in self._inputs),
            *self._constants,
        ]

        @custom_gradient
        def run(*_: tf.Tensor) -> tuple[Any, Callable[..., Any]]:
            def body(t: tf.Tensor, state: Any, arrays: Any) -> tuple[Any, ...]:
                values, following = step(t, state)
                lefts = [kernel.left for kernel in kernels]
                products = [kernel.product for kernel in kernels]
                records = [*values, *tf.nest.flatten(state), *lefts, *products]
                arrays = [a.write(t, v) for a, v in zip(arrays, records, strict=True)]
                return t + 1, following, arrays

            count = keep + len(flat) + 2 * len(kernels)
            _, final, arrays = tf.while_loop(
                lambda t, *_: t < steps, body, (0, state, _arrays(steps, count))
            )

            def gradient(*d_results: tf.Tensor) -> list[tf.Tensor]:
                return self._gradient(step, steps, state, arrays[keep:], d_results, keep)

            stacked = [array.stack() for array in arrays[:keep]]
            return (*stacked, *tf.nest.flatten(final)), gradient

        results = run(*sources)
        return list(results[:keep]), tf.nest.pack_sequence_as(state, results[keep:])

    def _gradient(
        self,
        step: Step,
        steps: int | tf.Tensor,
        state: Any,
        arrays: list[tf.TensorArray],
        d_results: tuple[tf.Tensor, ...],
        keep: int,
    ) -> list[tf.Tensor]:
        """Return the gradients of the first state, the kernels, the inputs and the constants.

        Args:
            step, steps, state, keep: as for `run`.
            arrays: state before each step, left factors, products.
            d_results: gradients of the collected values (T, B, D) and of the final state.
        """
        kernels, flat = self._kernels, tf.nest.flatten(state)
        befores, lefts = arrays[: len(flat)], arrays[len(flat) : len(flat) + len(kernels)]
        products = arrays[len(flat) + len(kernels) :]
        backwards = [kernel.multiplier(transpose=True) for kernel in kernels]

        def back(count: tf.Tensor, d_state: Any, d_constants: Any, arrays: Any) -> tuple[Any, ...]:
            t = steps - 1 - count
            before = []
            for array, first in zip(befores, flat, strict=True):
                before.append(array.read(t))
                before[-1].set_shape(first.shape)
            for kernel, product, backward in zip(kernels, products, backwards, strict=True):
                kernel.replay(product.read(t), backward)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([before, self._constants, [inputs.rows for inputs in self._inputs]])
                values, following = step(t, tf.nest.pack_sequence_as(state, before))
            read = [inputs.value for inputs in self._inputs]
            d_before, d_read, d_added = tape.gradient(
                [*values, *tf.nest.flatten(following)],
                [before, read, self._constants],
                output_gradients=[*(d_values[t] for d_values in d_results[:keep]), *d_state],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            records = [*(kernel.d_product for kernel in kernels), *d_read]
            arrays = [a.write(t, v) for a, v in zip(arrays, records, strict=True)]
            d_constants = [d + new for d, new in zip(d_constants, d_added, strict=True)]
            return count + 1, d_before, d_constants, arrays

        start = (
            0,
            list(d_results[keep:]),
            [tf.zeros_like(constant) for constant in self._constants],
            _arrays(steps, len(kernels) + len(self._inputs)),
        )
        _, d_state, d_constants, arrays = tf.while_loop(
            lambda count, *_: count < steps, back, start
        )
        d_arrays = [array.stack() for array in arrays]
        d_kernels = [
            kernel.gradient(left.stack(), d_products)
            for kernel, left, d_products in zip(
                kernels, lefts, d_arrays[: len(kernels)], strict=True
            )
        ]
        return [*d_state, *d_kernels, *d_arrays[len(kernels) :], *d_constants]


def _arrays(steps: int | tf.Tensor, count: int) -> list[tf.TensorArray]:
    return [tf.TensorArray(tf.float32, steps, element_shape=(None, None)) for _ in range(count)]
