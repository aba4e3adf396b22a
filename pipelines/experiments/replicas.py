"""Many small recurrent networks of one kind, trained side by side as one computation.

The networks, called replicas, differ in initial weights, learning rate and length of truncated
backpropagation through time. Their weights are stacked along a first axis, and the step function of
the project's own cells is mapped over it. Shapes: R replicas, B batch, T steps, D inputs, U units,
G gates times U, A width of an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.config import params
from pipelines.experiments.synthetic_tasks import ToyTask
from pipelines.layers.cell import Cell, get_cell
from pipelines.training.seeding import seed_everything

# Decay of the moments, and the constant in the denominator, of Adam (Kingma and Ba 2015).
FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-7

BATCHES = 20  # batches in a call of the compiled function

Weights = list[tf.Tensor]
States = tuple[tf.Tensor, ...]


class Replica(NamedTuple):
    """One network: cell, seed of the initial weights, and training.

    Attributes:
        cell: the cell's entry in params.yaml.
        seed: seed of the initial weights.
        learning_rate: step size of Adam.
        bptt_steps: steps after which the gradient is cut, while the state is carried on; None for
            no cut.
    """

    cell: params.CellConfig
    seed: int
    learning_rate: float
    bptt_steps: int | None = None


class Batches(NamedTuple):
    """Examples of S seeds for N steps of training, at most `BATCHES`.

    Shorter sequences than the longest, T, are padded on the left.

    Attributes:
        inputs: (N, S, B, T, D).
        targets: (N, S, B, T).
        mask: steps whose loss counts (N, S, B, T).
    """

    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[np.float32]
    mask: npt.NDArray[np.float32]


class Measurement(NamedTuple):
    """Results of each replica on N batches.

    Attributes:
        loss: mean loss (N, R).
        recalled: share of the symbols to recall that have the highest output (N, R).
        norms: norm of the loss's gradient with respect to the state after each step, mean over
            the examples (N, T, R). The state includes the cell state of an LSTM.
    """

    loss: npt.NDArray[np.float32]
    recalled: npt.NDArray[np.float32]
    norms: npt.NDArray[np.float32]


def initial_weights(cell: params.CellConfig, units: int, task: ToyTask, seed: int) -> list[Any]:
    """Return kernel (D, G), recurrent kernel (U, G), bias, output kernel (U, A) and bias (A,)."""
    seed_everything(seed)
    layer = get_cell(cell.cell).layer(units, cell.forget_bias)
    layer.build((None, None, task.inputs))
    output_layer = keras.layers.Dense(task.outputs)
    output_layer.build((None, units))
    kernel, recurrent_kernel, bias = (weight.numpy() for weight in layer.weights)
    if cell.recurrent_initializer is not None:
        initializer = keras.initializers.get(cell.recurrent_initializer)
        recurrent_kernel = np.asarray(initializer(recurrent_kernel.shape))
    output = [weight.numpy() for weight in output_layer.weights]
    return [kernel, recurrent_kernel, bias, *output]


def _pad(values: npt.NDArray[np.float32], steps: int) -> npt.NDArray[np.float32]:
    """Pad (N, S, B, T, ...) with zeros to `BATCHES` batches, and on the left to `steps` steps."""
    widths = [(0, 0)] * values.ndim
    widths[0] = (0, BATCHES - values.shape[0])
    widths[3] = (steps - values.shape[3], 0)
    return np.pad(values, widths)


class ReplicaGroup:
    """Networks of one kind of cell, trained by Adam.

    Args:
        replicas: the networks; their cells are of one kind.
        task: the task.
        units: U.
        steps: T.
        clip_norm: maximal norm of a network's gradient.
    """

    def __init__(
        self, replicas: Sequence[Replica], task: ToyTask, units: int, steps: int, clip_norm: float
    ) -> None:
        self.replicas, self.task, self.units, self.steps = replicas, task, units, steps
        self.cell: Cell = get_cell(replicas[0].cell.cell)
        self.clip_norm = clip_norm
        seeds = sorted({replica.seed for replica in replicas})
        self.seed_index = tf.constant([seeds.index(replica.seed) for replica in replicas])
        self.rates = np.array([replica.learning_rate for replica in replicas], np.float32)
        weights = {
            (cell, seed): initial_weights(cell, units, task, seed)
            for cell, seed in dict.fromkeys((replica.cell, replica.seed) for replica in replicas)
        }
        stacked = zip(*(weights[r.cell, r.seed] for r in replicas), strict=True)
        self.initial = [tf.constant(np.stack(parts), tf.float32) for parts in stacked]
        self.size = sum(int(tf.size(weight)) for weight in self.initial)
        self._run = tf.function(self._updates, jit_compile=True, autograph=False)
        self.reset()

    def reset(self) -> None:
        """Go back to the initial weights."""
        self.weights = self.initial
        self.moments = [tf.zeros_like(weight) for weight in self.weights * 2]
        self.updates = 0

    def train(self, batches: Batches) -> Measurement:
        """Take a step of Adam on each batch; the results are those before each step."""
        # The gradient passes on from step t to t - 1 if t is not the first step of a segment.
        segments = [replica.bptt_steps or self.steps for replica in self.replicas]
        start = self.steps - batches.inputs.shape[3]
        numbers = np.arange(self.steps)[:, None] - start
        carry = (numbers % np.array(segments) != 0).astype(np.float32)
        measurement, self.weights, self.moments = self._call(batches, self.rates, carry)
        self.updates += len(batches.inputs)
        return measurement

    def measure(self, batches: Batches) -> Measurement:
        """Compute loss, share of recalled symbols and the norms of gradients that nothing cuts."""
        rates = np.zeros_like(self.rates)  # the same compiled function, without an update
        carry = np.ones((self.steps, len(rates)), np.float32)
        return self._call(batches, rates, carry)[0]

    def _call(
        self, batches: Batches, rates: npt.NDArray[np.float32], carry: npt.NDArray[np.float32]
    ) -> tuple[Measurement, Weights, Weights]:
        examples, count = batches[:3], len(batches.inputs)
        start = self.steps - batches.inputs.shape[3]
        # One shape for all calls, so that the function is compiled once.
        padded = [_pad(part, self.steps) for part in examples]
        data = (*padded, count, start, self.updates, rates, carry)
        tensors = [tf.convert_to_tensor(part) for part in data]
        results, weights, moments = self._run(self.weights, self.moments, *tensors)
        return Measurement(*(part.numpy()[:count] for part in results)), weights, moments

    def _updates(
        self,
        weights: Weights,
        moments: Weights,
        inputs: tf.Tensor,
        targets: tf.Tensor,
        mask: tf.Tensor,
        count: tf.Tensor,
        start: tf.Tensor,
        updates: tf.Tensor,
        rates: tf.Tensor,
        carry: tf.Tensor,
    ) -> tuple[tuple[tf.Tensor, ...], Weights, Weights]:
        """Take a step of Adam on each of the first `count` batches."""
        replicas = len(self.replicas)
        shapes = ((replicas,), (replicas,), (self.steps, replicas))
        arrays = tuple(tf.TensorArray(tf.float32, BATCHES, element_shape=shape) for shape in shapes)

        def body(n: tf.Tensor, weights: Weights, moments: Weights, arrays: Any) -> tuple[Any, ...]:
            batch = [tf.gather(part[n], self.seed_index) for part in (inputs, targets, mask)]
            results, gradients = self._gradients(weights, *batch, start=start, carry=carry)
            steps = tf.cast(updates + n + 1, tf.float32)
            weights, moments = self._adam(weights, moments, gradients, steps, rates)
            arrays = tuple(
                array.write(n, part) for array, part in zip(arrays, results, strict=True)
            )
            return n + 1, weights, moments, arrays

        loop = (tf.constant(0), weights, moments, arrays)
        _, weights, moments, arrays = tf.while_loop(
            lambda n, *_: n < count, body, loop, maximum_iterations=BATCHES
        )
        return tuple(array.stack() for array in arrays), weights, moments

    def _gradients(
        self,
        weights: Weights,
        inputs: tf.Tensor,
        targets: tf.Tensor,
        mask: tf.Tensor,
        *,
        start: tf.Tensor,
        carry: tf.Tensor,
    ) -> tuple[tuple[tf.Tensor, ...], Weights]:
        """Run forwards and backwards through time, from step `start` to the last.

        Args:
            weights: weights of the replicas.
            inputs: (R, B, T, D).
            targets, mask: (R, B, T).
            start: first step that is not padding.
            carry: 0 where no gradient passes from step t to t - 1, else 1, (T, R).

        Returns:
            Loss (R,), recalled symbols (R,) and norms (T, R); gradients of the weights.
        """
        kernel, recurrent_kernel, bias, output_kernel, output_bias = weights
        inputs = tf.transpose(inputs, (2, 0, 1, 3))
        input_bias = tf.vectorized_map(self.cell.input_bias, bias)
        projected = tf.einsum("trbd,rdg->trbg", inputs, kernel) + input_bias[:, None]
        before, hidden = self._forwards(projected, recurrent_kernel, bias, start)
        with tf.GradientTape() as tape:
            tape.watch([hidden, output_kernel, output_bias])
            outputs = tf.einsum("trbu,rua->rbta", hidden, output_kernel)
            outputs += output_bias[:, None, None]
            losses = self.task.losses(outputs, targets) * mask
            loss = tf.reduce_sum(losses, (1, 2)) / tf.reduce_sum(mask, (1, 2))
        d_hidden, *d_output = tape.gradient(loss, [hidden, output_kernel, output_bias])
        d_projected, d_recurrent, d_bias, norms = self._backwards(
            projected, recurrent_kernel, bias, before, d_hidden, start, carry
        )
        d_kernel = tf.einsum("trbd,trbg->rdg", inputs, d_projected)
        bias_gradient = d_bias + self._input_bias_gradient(bias, d_projected)
        symbols = tf.cast(targets > 0, tf.float32) * mask
        right = tf.cast(tf.argmax(outputs, axis=3), tf.float32) == targets
        recalled = tf.reduce_sum(tf.cast(right, tf.float32) * symbols, (1, 2))
        recalled /= tf.maximum(tf.reduce_sum(symbols, (1, 2)), 1)
        return (loss, recalled, norms), [d_kernel, d_recurrent, bias_gradient, *d_output]

    def _input_bias_gradient(self, bias: tf.Tensor, d_projected: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(bias)
            input_bias = tf.vectorized_map(self.cell.input_bias, bias)
        return tape.gradient(input_bias, bias, output_gradients=tf.reduce_sum(d_projected, (0, 2)))

    def _arrays(self, count: int, shape: Any) -> tuple[tf.TensorArray, ...]:
        make = tf.TensorArray
        return tuple(
            make(tf.float32, self.steps, element_shape=shape, clear_after_read=False)
            for _ in range(count)
        )

    def _forwards(
        self, projected: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor, start: tf.Tensor
    ) -> tuple[tuple[tf.TensorArray, ...], tf.Tensor]:
        """Return the states before each step, and the output after each step (T, R, B, U)."""
        shape = (*projected.shape[1:3], self.units)
        state = tuple(tf.zeros(shape) for _ in range(self.cell.states))
        before, after = self._arrays(self.cell.states, shape), self._arrays(1, shape)

        def body(t: tf.Tensor, state: States, before: Any, after: Any) -> tuple[Any, ...]:
            before = tuple(array.write(t, part) for array, part in zip(before, state, strict=True))
            factors = (projected[t], recurrent_kernel, bias, state)
            state = tf.vectorized_map(lambda parts: self._step(*parts), factors)
            return t + 1, state, before, (after[0].write(t, state[0]),)

        loop = (start, state, before, after)
        steps = self.steps
        *_, before, (outputs,) = tf.while_loop(
            lambda t, *_: t < steps, body, loop, maximum_iterations=steps
        )
        return before, outputs.stack()

    def _step(
        self, projected: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor, state: States
    ) -> States:
        return tuple(self.cell.step(projected, recurrent_kernel, bias, list(state), None))

    def _step_gradient(self, factors: tuple[Any, ...], d_state: States) -> Any:
        """Pass the gradient of the state after a step on to the factors of the step."""
        with tf.GradientTape() as tape:
            tape.watch(factors)
            state = self._step(*factors)
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(state, factors, d_state, unconnected_gradients=zero)

    def _backwards(
        self,
        projected: tf.Tensor,
        recurrent_kernel: tf.Tensor,
        bias: tf.Tensor,
        before: tuple[tf.TensorArray, ...],
        d_hidden: tf.Tensor,
        start: tf.Tensor,
        carry: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return gradients of projected inputs, recurrent kernel and bias, and the norms (T, R)."""
        shape, gates = d_hidden.shape[1:], projected.shape[1:]
        (d_projected,), (norms,) = self._arrays(1, gates), self._arrays(1, shape[:1])

        def body(t: tf.Tensor, d_state: States, d_sums: Any, arrays: Any) -> tuple[Any, ...]:
            d_projected, norms = arrays
            d_state = (d_state[0] + d_hidden[t], *d_state[1:])
            squares = sum(tf.reduce_sum(part * part, 2) for part in d_state)
            norms = norms.write(t, tf.reduce_mean(tf.sqrt(squares), 1))
            state = tuple(array.read(t) for array in before)
            factors = (projected[t], recurrent_kernel, bias, state)
            d_input, d_recurrent, d_bias, d_state = tf.vectorized_map(
                lambda parts: self._step_gradient(*parts), (factors, d_state)
            )
            passed = carry[t][:, None, None]
            d_state = tuple(part * passed for part in d_state)
            d_sums = (d_sums[0] + d_recurrent, d_sums[1] + d_bias)
            return t - 1, d_state, d_sums, (d_projected.write(t, d_input), norms)

        d_state = tuple(tf.zeros(shape) for _ in range(self.cell.states))
        d_sums = (tf.zeros_like(recurrent_kernel), tf.zeros_like(bias))
        loop = (tf.constant(self.steps - 1), d_state, d_sums, (d_projected, norms))
        *_, (d_recurrent, d_bias), (d_projected, norms) = tf.while_loop(
            lambda t, *_: t >= start, body, loop, maximum_iterations=self.steps
        )
        return d_projected.stack(), d_recurrent, d_bias, norms.stack()

    def _adam(
        self,
        weights: Weights,
        moments: Weights,
        gradients: Weights,
        count: tf.Tensor,
        rates: tf.Tensor,
    ) -> tuple[Weights, Weights]:
        """Clip each network's gradient, and return weights and moments after a step of Adam."""
        squares = [tf.reduce_sum(part * part, range(1, part.shape.rank)) for part in gradients]
        factor = tf.minimum(1.0, self.clip_norm / tf.sqrt(tf.add_n(squares)))
        first, second = moments[: len(weights)], moments[len(weights) :]
        rate = rates * tf.sqrt(1 - SECOND_DECAY**count) / (1 - FIRST_DECAY**count)
        next_weights, next_first, next_second = [], [], []
        for weight, mean, square, gradient in zip(weights, first, second, gradients, strict=True):
            gradient.set_shape(weight.shape)  # unknown to TensorFlow in a group of one
            axes = (-1, *(1 for _ in weight.shape[1:]))
            clipped = gradient * tf.reshape(factor, axes)
            mean += (clipped - mean) * (1 - FIRST_DECAY)
            square += (clipped * clipped - square) * (1 - SECOND_DECAY)
            next_weights.append(
                weight - tf.reshape(rate, axes) * mean / (tf.sqrt(square) + EPSILON)
            )
            next_first.append(mean)
            next_second.append(square)
        return next_weights, [*next_first, *next_second]
