"""Networks trained side by side, against the project's own layers trained one by one by Keras."""

from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.experiments import replicas
from pipelines.experiments.replicas import Batches, Replica, ReplicaGroup
from pipelines.experiments.synthetic_tasks import ToyTask, make_task
from pipelines.layers.recurrent import Recurrent

LAG, UNITS, BATCH, CLIP = 6, 4, 5, 0.3
CELLS = {
    "rnn": params.CellConfig(cell="rnn", recurrent_initializer="glorot_uniform"),
    "irnn": params.CellConfig(cell="irnn"),
    "gru": params.CellConfig(cell="gru"),
    "lstm": params.CellConfig(cell="lstm", forget_bias=0.5),
}


def draw(task, steps, seeds, lag=LAG, first=1):
    examples = [
        [task.draw(np.random.default_rng([seed, step]), BATCH, lag) for seed in seeds]
        for step in range(first, first + steps)
    ]
    return Batches(
        *(np.array([[part[place] for part in row] for row in examples]) for place in range(3))
    )


def keras_training(replica, task, batches, place):
    """Train the project's layer by Keras, one step for each batch; return weights and losses."""
    cell = replica.cell
    recurrent = Recurrent(cell.cell, UNITS, forget_bias=cell.forget_bias)
    recurrent.build((None, None, task.inputs))
    dense = keras.layers.Dense(task.outputs)
    dense.build((None, UNITS))
    variables = [*recurrent.recurrence.weights, *dense.weights]
    weights = replicas.initial_weights(cell, UNITS, task, replica.seed)
    for variable, weight in zip(variables, weights, strict=True):
        variable.assign(weight)
    optimizer = keras.optimizers.Adam(replica.learning_rate, global_clipnorm=CLIP)
    losses = []
    for inputs, targets, mask in zip(*(part[:, place] for part in batches), strict=True):
        with tf.GradientTape() as tape:
            outputs, state = [], None
            length = replica.bptt_steps or inputs.shape[1]
            for first in range(0, inputs.shape[1], length):
                state = None if state is None else [tf.stop_gradient(part) for part in state]
                segment, state = recurrent(inputs[:, first : first + length], state=state)
                outputs.append(dense(segment))
            loss = task.losses(tf.concat(outputs, axis=1), targets) * mask
            loss = tf.reduce_sum(loss) / mask.sum()
        optimizer.apply(tape.gradient(loss, variables), variables)
        losses.append(float(loss))
    return [np.asarray(variable) for variable in variables], losses


@pytest.mark.parametrize("kind", CELLS)
def test_replicas_learn_as_one_layer_trained_by_keras(kind):
    """Seeds, learning rates and truncation differ between the replicas of a group."""
    task = make_task("copying", 2)
    members = [
        Replica(CELLS[kind], 1, 0.01),
        Replica(CELLS[kind], 2, 0.1),
        Replica(CELLS[kind], 1, 0.05, bptt_steps=3),
    ]
    group = ReplicaGroup(members, task, UNITS, task.steps(LAG), CLIP)
    batches = draw(task, 3, (1, 2))
    losses = group.train(batches).loss
    for place, member in enumerate(members):
        weights, expected = keras_training(member, task, batches, member.seed - 1)
        np.testing.assert_allclose(losses[:, place], expected, rtol=1e-4)
        for weight, reference in zip(group.weights, weights, strict=True):
            np.testing.assert_allclose(weight[place], reference, rtol=1e-3, atol=1e-5)


def test_padding_and_calls_change_nothing():
    """A short sequence in a group of longer ones, in one call or in two."""
    task = make_task("adding", None)
    members = [Replica(CELLS["gru"], 1, 0.05, bptt_steps=4)]
    long, short = (ReplicaGroup(members, task, UNITS, steps, CLIP) for steps in (9, LAG))
    losses = long.train(draw(task, 4, (1,))).loss
    first = short.train(draw(task, 1, (1,))).loss
    rest = short.train(draw(task, 3, (1,), first=2)).loss
    np.testing.assert_allclose(losses, np.concatenate([first, rest]), rtol=1e-5)


def test_a_network_that_diverges_leaves_the_others_alone():
    task = make_task("adding", None)
    good = Replica(CELLS["irnn"], 1, 0.01)
    batches = draw(task, 5, (1,))
    losses = [
        ReplicaGroup(members, task, UNITS, LAG, CLIP).train(batches).loss[:, 0]
        for members in ([good, good], [good, good._replace(learning_rate=1e30)])
    ]
    np.testing.assert_array_equal(*losses)
    assert np.isfinite(losses[0]).all()


def test_measuring_changes_no_weights():
    task = make_task("adding", None)
    group = ReplicaGroup([Replica(CELLS["rnn"], 1, 0.1)], task, UNITS, LAG, CLIP)
    before = [np.asarray(weight) for weight in group.weights]
    first, second = (group.measure(draw(task, 2, (1,))) for _ in range(2))
    np.testing.assert_array_equal(first.loss, second.loss)
    assert all(np.array_equal(*pair) for pair in zip(before, group.weights, strict=True))


# The loss is the output itself: its gradient with respect to the output is 1.
IDENTITY_TASK = ToyTask(
    inputs=UNITS,
    outputs=1,
    steps=lambda lag: lag,
    draw=lambda random, examples, lag: (np.zeros(0), np.zeros(0), np.zeros(0)),
    losses=lambda outputs, targets: outputs[..., 0],
    baseline=lambda examples: 1.0,
    chance=None,
)
STEPS = 12


def norms(kind, recurrent_kernel, kernel, inputs, forget_bias=None):
    """Norms by steps back of a network with these weights, whose output is the sum of its units."""
    cell = params.CellConfig(cell=kind, forget_bias=forget_bias)
    group = ReplicaGroup([Replica(cell, 1, 0.1)], IDENTITY_TASK, UNITS, STEPS, 1.0)
    bias = group.weights[2]
    weights = [kernel, recurrent_kernel, bias[0], np.ones((UNITS, 1)), np.zeros(1)]
    group.weights = [tf.constant(np.asarray(weight)[None], tf.float32) for weight in weights]
    inputs = np.asarray(inputs, np.float32)[None, None]
    mask = np.zeros(inputs.shape[:4], np.float32)
    mask[..., -1] = 1
    # The loss is the mean over the examples.
    return group.measure(Batches(inputs, 0 * mask, mask)).norms[0, ::-1, 0] * inputs.shape[2]


def positive_inputs(examples=3):
    return np.random.default_rng(0).random((examples, STEPS, UNITS))


def test_gradients_of_a_linear_network_are_powers_of_its_matrix():
    """ReLU is linear for positive states: d h(t) / d h(k) = W^(t - k)."""
    kernel = np.random.default_rng(1).random((UNITS, UNITS)) / 3
    expected = [
        np.linalg.norm(np.linalg.matrix_power(kernel, k) @ np.ones(UNITS)) for k in range(STEPS)
    ]
    measured = norms("irnn", kernel, np.eye(UNITS), positive_inputs())
    np.testing.assert_allclose(measured, expected, rtol=1e-5)


def test_gradients_of_a_tanh_network_shrink_by_its_slope():
    """The state is 0.6 = tanh(w 0.6 + x) at all steps, so each step multiplies by (1 - 0.36) w."""
    weight, state = 0.9, 0.6
    inputs = np.full((1, STEPS, UNITS), np.arctanh(state) - weight * state)
    inputs[:, 0] = np.arctanh(state)
    measured = norms("rnn", weight * np.eye(UNITS), np.eye(UNITS), inputs)
    expected = 2 * ((1 - state**2) * weight) ** np.arange(STEPS)
    np.testing.assert_allclose(measured, expected, rtol=1e-4)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0])
def test_the_cell_state_of_an_lstm_carries_gradients_through_the_forget_gate(forget_bias):
    """Without recurrent weights only the cell state carries gradients: sigmoid(bias) per step."""
    zeros = np.zeros((UNITS, 4 * UNITS))
    measured = norms("lstm", zeros, zeros, positive_inputs(1), forget_bias)
    assert measured[0] == pytest.approx(2)  # the loss does not read the last cell state
    gate = 1 / (1 + np.exp(-forget_bias))
    for earlier, later in pairwise(measured[1:]):
        assert later / earlier == pytest.approx(gate, rel=1e-4)


def test_initializers_replace_the_recurrent_kernel_only():
    task = make_task("adding", None)
    default, identity = (
        replicas.initial_weights(
            params.CellConfig(cell="rnn", recurrent_initializer=name), UNITS, task, 3
        )
        for name in (None, "identity")
    )
    np.testing.assert_array_equal(identity[1], np.eye(UNITS))
    np.testing.assert_allclose(default[1] @ default[1].T, np.eye(UNITS), atol=1e-5)  # orthogonal
    for place in (0, 2, 3, 4):
        np.testing.assert_array_equal(default[place], identity[place])
