"""The loop with deferred gradients of kernels, compared with TensorFlow's own gradients."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.loop import Loop
from pipelines.layers.matmul import matmul

B, T, D, S = 3, 4, 5, 2


def _tensors():
    random = np.random.default_rng(0)
    shapes = {
        "state": (B, D),
        "rows": (T, B, D),
        "kernel": (D, D),
        "by_row": (B, D, S),
        "bias": (D,),
        "back": (S, D),
    }
    return {
        name: tf.constant(random.normal(size=shape), tf.float32) for name, shape in shapes.items()
    }


def _by_hand(state, rows, kernel, by_row, bias, back):
    values = []
    for t in range(T):
        state = tf.tanh(rows[t] + tf.matmul(state, kernel) + bias)
        values.append(tf.matmul(state[:, None], by_row)[:, 0])
        state = state * bias + tf.matmul(values[-1], back)
    return tf.stack(values), state


def _looped(state, rows, kernel, by_row, bias, back):
    loop = Loop()
    kernel, by_row, back = loop.kernel(kernel), loop.kernel(by_row), loop.kernel(back)
    inputs, bias = loop.inputs(rows), loop.constant(bias)

    def step(t, states):
        state = tf.tanh(inputs.read(t) + matmul(states[0], kernel, None) + bias)
        value = by_row(state)
        return (value,), [state * bias + back(value)]

    (values,), (state,) = loop.run(step, T, [state], keep=1)
    return values, state


def _gradients(run, tensors, reads_all=True):
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        values, state = run(**tensors)
        weights = tf.reshape(tf.range(tf.size(values), dtype=tf.float32), tf.shape(values))
        loss = tf.reduce_sum(values * weights) + (tf.reduce_sum(state**3) if reads_all else 0)
    return loss, tape.gradient(loss, tensors)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("reads_all", [False, True])
def test_gradients_are_those_of_tensorflow(compiled, reads_all):
    expected = _gradients(_by_hand, _tensors(), reads_all)
    compute = tf.function(_gradients, autograph=False) if compiled else _gradients
    actual = compute(_looped, _tensors(), reads_all)
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), expected, actual
    )


def test_the_gradient_of_a_kernel_is_one_product_after_the_loop():
    step = tf.function(_gradients, autograph=False).get_concrete_function(_looped, _tensors())
    types = [operation.type for operation in step.graph.get_operations()]
    assert types.count("StatelessWhile") == 2
    assert types.count("MatMul") == 2  # `kernel` and `back`; all others are in the loops
