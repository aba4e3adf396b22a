"""Norms of gradients against powers of the recurrent matrix, worked out by hand."""

import numpy as np
import pytest

from pipelines.config import params
from pipelines.experiments import gradient_flow
from pipelines.experiments import network as networks
from pipelines.experiments.synthetic_tasks import TASKS, ToyTask

LAG, UNITS = 12, 4


# Its loss is the output itself, whose gradient by the answer is 1.
PLAIN = ToyTask(
    inputs=UNITS,
    outputs=1,
    draw=lambda random, examples, lag: (np.zeros(0), np.zeros(0)),
    losses=lambda found, wanted: found[:, :, 0],
    unit="",
    baseline=lambda lag: 1.0,
)


def network_of(cell, kernel, inward, forget_bias=None):
    """A network with weights of ours; its answer is the sum of the units."""
    entry = params.CellConfig(cell=cell, forget_bias=forget_bias)
    network = networks.begin(entry, UNITS, PLAIN, 1)
    recurrence = network.recurrent.recurrence
    recurrence.cell.recurrent_kernel.assign(kernel)
    recurrence.cell.kernel.assign(inward)
    network.answer.kernel.assign(np.ones((UNITS, 1)))
    return network


def positive(examples=3):
    random = np.random.default_rng(0)
    return random.random((examples, LAG, UNITS)).astype(np.float32), np.zeros((examples, 1))


def test_a_linear_network_hands_back_powers_of_its_matrix():
    """Where all states are positive a ReLU is linear: d h(t) / d h(k) = W^(t - k)."""
    kernel = np.random.default_rng(1).random((UNITS, UNITS)).astype(np.float32) / 3
    network = network_of("irnn", kernel, np.eye(UNITS))
    found = gradient_flow.norms(network, PLAIN, positive())
    powers = [np.linalg.matrix_power(kernel.astype(np.float64), k) for k in range(LAG)]
    expected = [np.linalg.norm(power @ np.ones(UNITS)) for power in powers]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_relu_network_from_the_identity_keeps_the_norm():
    network = network_of("irnn", np.eye(UNITS), np.eye(UNITS))
    network.answer.kernel.assign(np.full((UNITS, 1), UNITS**-0.5))
    np.testing.assert_allclose(gradient_flow.norms(network, PLAIN, positive()), 1)


def test_a_tanh_network_falls_by_the_slope_of_each_step():
    """One state for all steps: 0.6 = tanh(w 0.6 + x), so each step takes (1 - 0.36) w."""
    weight, state = 0.9, 0.6
    network = network_of("rnn", weight * np.eye(UNITS), np.eye(UNITS))
    inputs = np.full((1, LAG, UNITS), np.arctanh(state) - weight * state, np.float32)
    inputs[:, 0] = np.arctanh(state)
    found = gradient_flow.norms(network, PLAIN, (inputs, np.zeros((1, 1))))
    expected = 2 * ((1 - state**2) * weight) ** np.arange(LAG)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0])
def test_an_lstm_hands_its_memory_back_through_the_forget_gate(forget_bias):
    """With no recurrent weights only the memory carries: sigmoid(bias) a step."""
    shape = (UNITS, 4 * UNITS)
    network = network_of("lstm", np.zeros(shape), np.zeros(shape), forget_bias)
    found = gradient_flow.norms(network, PLAIN, positive(examples=1))
    gate = 1 / (1 + np.exp(-forget_bias))
    assert found[0] == pytest.approx(2)  # the hidden state alone: the loss reads no memory
    # One step back: of the memory, through tanh at 0 and an output gate of a half.
    np.testing.assert_allclose(found[1:], 2 * 0.5 * gate ** np.arange(1, LAG), rtol=1e-5)


def test_an_lstm_with_forget_bias_1_decays_slower_than_with_0():
    task = TASKS["adding"]
    seen = networks.examples(task, 30, 8, 1, 0)
    left = {}
    for bias in (0.0, 1.0):
        entry = params.CellConfig(cell="lstm", forget_bias=bias)
        found = gradient_flow.norms(networks.begin(entry, 16, task, 1), task, seen)
        left[bias] = found[-1] / found[0]
    assert left[1.0] > 1000 * left[0.0] > 0


def test_the_gradient_of_the_tape_is_the_one_that_trains():
    """By the first state, through all steps, by the layer's own gradient too."""
    import tensorflow as tf

    task = TASKS["copying"]
    network = networks.begin(params.CellConfig(cell="gru"), 8, task, 1)
    inputs, wanted = networks.examples(task, 3, 1, 1, 0)
    first = network.recurrent(inputs[:, :1])[1]
    with tf.GradientTape() as tape:
        tape.watch(first)
        outputs, _ = network.recurrent(inputs[:, 1:], state=first)
        loss = tf.reduce_sum(task.losses(network.answer(outputs[:, -1:]), wanted[:, -1:]))
    expected = float(tf.norm(tape.gradient(loss, first)[0]))
    found = gradient_flow.norms(network, task, (inputs, wanted))
    assert len(found) == 23
    assert found[-1] == pytest.approx(expected, rel=1e-4)


def test_every_cell_has_three_curves_and_the_same_bytes_again():
    cells = {"gru": params.CellConfig(cell="gru")}
    entry = params.GradientFlow(
        lag=6, units=3, batch_size=2, steps=2, learning_rate=0.1, clip_norm=0.01
    )
    told = []
    found = [
        gradient_flow.gradient_norms(
            cells, entry, TASKS["adding"], 1, lambda amount, _: told.append(amount)
        )
        for _ in range(2)
    ]
    assert found[0].equals(found[1])
    assert len(told) == 2 * 2 * entry.steps
    curves = found[0].groupby(["cell", "when"])["norm"].agg(list)
    assert set(curves.index) == {(c, w) for c in cells for w in ("start", "clipped", "unclipped")}
    assert all(len(norms) == entry.lag for norms in curves)
    assert curves["gru", "start"] != curves["gru", "clipped"] != curves["gru", "unclipped"]


def test_a_training_that_diverged_has_no_norms():
    entry = params.GradientFlow(
        lag=4, units=3, batch_size=2, steps=9, learning_rate=1e30, clip_norm=1.0
    )
    cells = {"relu": params.CellConfig(cell="irnn")}
    found = gradient_flow.gradient_norms(
        cells, entry, TASKS["adding"], 1, lambda amount, remark: None
    )
    trained = found[found["when"] == "clipped"]
    assert trained["norm"].isna().all()
    assert trained["loss"].isna().all()
