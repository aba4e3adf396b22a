"""Gradient norms against powers of the recurrent matrix, computed by hand."""

import numpy as np
import pytest

from pipelines.config import params
from pipelines.experiments import gradient_flow
from pipelines.experiments import network as networks
from pipelines.experiments.synthetic_tasks import TASKS, ToyTask

LAG, UNITS = 12, 4


# The loss is the output itself: its gradient with respect to the output is 1.
IDENTITY_TASK = ToyTask(
    inputs=UNITS,
    outputs=1,
    draw=lambda random, examples, lag: (np.zeros(0), np.zeros(0)),
    losses=lambda outputs, targets: outputs[:, :, 0],
    unit="",
    baseline=lambda lag: 1.0,
)


def make_network(cell, recurrent_kernel, kernel, forget_bias=None):
    """Return a network with these weights, whose output is the sum of the units."""
    entry = params.CellConfig(cell=cell, forget_bias=forget_bias)
    network = networks.make_network(entry, UNITS, IDENTITY_TASK, 1)
    recurrence = network.recurrent.recurrence
    recurrence.cell.recurrent_kernel.assign(recurrent_kernel)
    recurrence.cell.kernel.assign(kernel)
    network.output_layer.kernel.assign(np.ones((UNITS, 1)))
    return network


def positive_examples(examples=3):
    random = np.random.default_rng(0)
    return random.random((examples, LAG, UNITS)).astype(np.float32), np.zeros((examples, 1))


def test_gradients_of_a_linear_network_are_powers_of_its_matrix():
    """ReLU is linear for positive states: d h(t) / d h(k) = W^(t - k)."""
    kernel = np.random.default_rng(1).random((UNITS, UNITS)).astype(np.float32) / 3
    network = make_network("irnn", kernel, np.eye(UNITS))
    norms = gradient_flow.norms_by_lag(network, IDENTITY_TASK, positive_examples())
    powers = [np.linalg.matrix_power(kernel.astype(np.float64), k) for k in range(LAG)]
    expected = [np.linalg.norm(power @ np.ones(UNITS)) for power in powers]
    np.testing.assert_allclose(norms, expected, rtol=1e-5)


def test_relu_with_an_identity_matrix_preserves_the_norm():
    network = make_network("irnn", np.eye(UNITS), np.eye(UNITS))
    network.output_layer.kernel.assign(np.full((UNITS, 1), UNITS**-0.5))
    np.testing.assert_allclose(
        gradient_flow.norms_by_lag(network, IDENTITY_TASK, positive_examples()), 1
    )


def test_gradients_of_a_tanh_network_shrink_by_its_slope():
    """The state is 0.6 = tanh(w 0.6 + x) at all steps, so each step multiplies by (1 - 0.36) w."""
    weight, state = 0.9, 0.6
    network = make_network("rnn", weight * np.eye(UNITS), np.eye(UNITS))
    inputs = np.full((1, LAG, UNITS), np.arctanh(state) - weight * state, np.float32)
    inputs[:, 0] = np.arctanh(state)
    norms = gradient_flow.norms_by_lag(network, IDENTITY_TASK, (inputs, np.zeros((1, 1))))
    expected = 2 * ((1 - state**2) * weight) ** np.arange(LAG)
    np.testing.assert_allclose(norms, expected, rtol=1e-4)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0])
def test_the_cell_state_of_an_lstm_carries_gradients_through_the_forget_gate(forget_bias):
    """Without recurrent weights only the cell state carries gradients: sigmoid(bias) per step."""
    shape = (UNITS, 4 * UNITS)
    network = make_network("lstm", np.zeros(shape), np.zeros(shape), forget_bias)
    norms = gradient_flow.norms_by_lag(network, IDENTITY_TASK, positive_examples(examples=1))
    gate = 1 / (1 + np.exp(-forget_bias))
    # Only the hidden state: the loss does not read the last cell state.
    assert norms[0] == pytest.approx(2)
    # One step back, through tanh at 0 and an output gate of 0.5.
    np.testing.assert_allclose(norms[1:], 2 * 0.5 * gate ** np.arange(1, LAG), rtol=1e-5)


def test_an_lstm_with_forget_bias_1_decays_slower_than_with_0():
    task = TASKS["adding"]
    examples = networks.draw_examples(task, 30, 8, 1, 0)
    decay = {}
    for bias in (0.0, 1.0):
        entry = params.CellConfig(cell="lstm", forget_bias=bias)
        network = networks.make_network(entry, 16, task, 1)
        norms = gradient_flow.norms_by_lag(network, task, examples)
        decay[bias] = norms[-1] / norms[0]
    assert decay[1.0] > 1000 * decay[0.0] > 0


def test_norms_agree_with_the_gradient_of_the_layer():
    """Compare the gradient with respect to the first state with the layer's custom gradient."""
    import tensorflow as tf

    task = TASKS["copying"]
    network = networks.make_network(params.CellConfig(cell="gru"), 8, task, 1)
    inputs, targets = networks.draw_examples(task, 3, 1, 1, 0)
    first = network.recurrent(inputs[:, :1])[1]
    with tf.GradientTape() as tape:
        tape.watch(first)
        outputs, _ = network.recurrent(inputs[:, 1:], state=first)
        loss = tf.reduce_sum(task.losses(network.output_layer(outputs[:, -1:]), targets[:, -1:]))
    expected = float(tf.norm(tape.gradient(loss, first)[0]))
    norms = gradient_flow.norms_by_lag(network, task, (inputs, targets))
    assert len(norms) == 23
    assert norms[-1] == pytest.approx(expected, rel=1e-4)


def test_each_cell_has_three_reproducible_curves():
    cells = {"gru": params.CellConfig(cell="gru")}
    entry = params.GradientFlow(
        lag=6, units=3, batch_size=2, steps=2, learning_rate=0.1, clip_norm=0.01
    )
    amounts = []
    first, second = (
        gradient_flow.gradient_norms(
            cells, entry, TASKS["adding"], 1, lambda amount, _: amounts.append(amount)
        )
        for _ in range(2)
    )
    assert first.equals(second)
    assert len(amounts) == 2 * 2 * entry.steps
    curves = first.groupby(["cell", "when"])["norm"].agg(list)
    assert set(curves.index) == {
        (cell, training) for cell in cells for training in ("start", "clipped", "unclipped")
    }
    assert all(len(norms) == entry.lag for norms in curves)
    assert curves["gru", "start"] != curves["gru", "clipped"] != curves["gru", "unclipped"]


def test_norms_of_a_diverged_training_are_nan():
    entry = params.GradientFlow(
        lag=4, units=3, batch_size=2, steps=9, learning_rate=1e30, clip_norm=1.0
    )
    cells = {"relu": params.CellConfig(cell="irnn")}
    table = gradient_flow.gradient_norms(
        cells, entry, TASKS["adding"], 1, lambda amount, remark: None
    )
    trained = table[table["when"] == "clipped"]
    assert trained["norm"].isna().all()
    assert trained["loss"].isna().all()
