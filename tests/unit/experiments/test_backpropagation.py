"""The checks of gradients: three ways to compute them agree, and a wrong gradient does not."""

import numpy as np
import pytest

from pipelines.config import params
from pipelines.experiments import backpropagation
from pipelines.experiments.activations import ACTIVATIONS
from pipelines.experiments.perceptrons import MultiLayerPerceptron
from pipelines.experiments.planar_examples import xor

ENTRY = params.Backpropagation(
    examples=30, noise=0.3, hidden=3, activation="tanh", learning_rate=0.1, epochs=2
)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_three_ways_to_compute_gradients_agree(activation: str) -> None:
    random = np.random.default_rng(1)
    X, y = xor(random, 20, 0.3)
    network = MultiLayerPerceptron(random, 2, 3, activation)
    weights = {name: value.copy() for name, value in network.parameters.items()}
    gradients = network.gradients(X, y)
    tape = backpropagation.tape_gradients(network.parameters, activation, X, y)
    differences = backpropagation.central_differences(network, X, y)
    assert list(tape) == list(differences) == list(gradients) == ["W1", "b1", "W2", "b2"]
    for name, gradient in gradients.items():
        assert backpropagation.relative_difference(gradient, tape[name]) < 1e-12
        assert backpropagation.relative_difference(gradient, differences[name]) < 1e-6
        np.testing.assert_array_equal(network.parameters[name], weights[name])


def test_relative_differences() -> None:
    first, second = np.array([1.0, -4.0]), np.array([1.5, -4.0])
    assert backpropagation.relative_difference(first, second) == 0.125
    assert backpropagation.relative_difference(np.zeros(2), np.zeros(2)) == 0.0


def test_a_wrong_gradient_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the derivative of the activation, only the gradients of the first layer are wrong."""
    wrong = ACTIVATIONS["tanh"].__class__(np.tanh, np.ones_like)
    monkeypatch.setitem(ACTIVATIONS, "tanh", wrong)
    table = backpropagation.measure_backpropagation(ENTRY, "xor", 1)
    rows = table[(table["model"] == "mlp") & (table["step"] == 60)]
    for quantity in ("tape", "differences"):
        part = rows[rows["quantity"] == quantity].set_index("parameter")["value"]
        assert part["W1"] > 0.01
        assert part["W2"] < 1e-6


def test_the_surface_surrounds_the_examples() -> None:
    table = backpropagation.measure_backpropagation(ENTRY, "xor", 1)
    examples = table[table["quantity"] == "example"][["x1", "x2"]].to_numpy(float)
    surface = table[(table["quantity"] == "surface") & (table["model"] == "mlp")]
    points = surface[["x1", "x2"]].to_numpy(float)
    assert np.abs(points).max() >= np.abs(examples).max()
    assert len(surface) == len(np.unique(points, axis=0)) == 25**2
    assert surface["value"].between(0, 1).all()
