"""Perceptrons in NumPy: outputs, losses and gradients by hand, and what they can separate."""

import numpy as np
import pytest

from pipelines.experiments import perceptrons
from pipelines.experiments.activations import ACTIVATIONS
from pipelines.experiments.perceptrons import MultiLayerPerceptron, Network, Perceptron
from pipelines.experiments.planar_examples import PLANAR_EXAMPLES, RADII


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_are_limits_of_quotients(name: str) -> None:
    activation = ACTIVATIONS[name]
    a = np.array([-30.0, -2.0, -0.3, 0.4, 3.0, 30.0])
    quotients = (activation.function(a + 1e-6) - activation.function(a - 1e-6)) / 2e-6
    np.testing.assert_allclose(activation.derivative(a), quotients, atol=1e-9)


def test_the_sigmoid_of_large_numbers_does_not_overflow() -> None:
    np.testing.assert_array_equal(perceptrons.sigmoid(np.array([-1e4, 0.0, 1e4])), [0, 0.5, 1])
    assert perceptrons.sigmoid(np.array(3.2)) == pytest.approx(1 / (1 + np.exp(-3.2)))


def test_the_gradients_of_a_perceptron_by_hand() -> None:
    """One example, x = (1, -2), y = 1, with z = 0.5: dJ/dz = sigmoid(0.5) - 1."""
    network = Perceptron(random(), 2)
    network.parameters = {"W": np.array([[0.5], [0.25]]), "b": np.array([0.5])}
    X, y = np.array([[1.0, -2.0]]), np.array([[1.0]])
    dz = 1 / (1 + np.exp(-0.5)) - 1
    assert perceptrons.loss(network, X, y) == pytest.approx(-np.log(1 + dz))
    gradients = network.gradients(X, y)
    np.testing.assert_allclose(gradients["W"], [[dz], [-2 * dz]])
    np.testing.assert_allclose(gradients["b"], [dz])
    perceptrons.sgd_step(network, X, y, 0.1)
    np.testing.assert_allclose(network.parameters["W"], [[0.5 - 0.1 * dz], [0.25 + 0.2 * dz]])


def test_the_gradients_of_two_layers_by_hand() -> None:
    """One example and one unit: x = 2, y = 0, h = tanh(2 * 0.5 - 1) = 0, o = sigmoid(0.4)."""
    network = MultiLayerPerceptron(random(), 1, 1, "tanh")
    network.parameters = {
        "W1": np.array([[0.5]]),
        "b1": np.array([-1.0]),
        "W2": np.array([[3.0]]),
        "b2": np.array([0.4]),
    }
    gradients = network.gradients(np.array([[2.0]]), np.array([[0.0]]))
    o = 1 / (1 + np.exp(-0.4))
    expected = {"W1": 2 * 3 * o, "b1": 3 * o, "W2": 0.0, "b2": o}  # tanh'(0) = 1
    assert {name: value.item() for name, value in gradients.items()} == pytest.approx(expected)


def test_the_gradient_of_a_batch_is_the_mean_of_its_examples() -> None:
    X, y = PLANAR_EXAMPLES["xor"](random(), 6, 0.3)
    network = MultiLayerPerceptron(random(), 2, 3, "sigmoid")
    singles = [network.gradients(X[[place]], y[[place]]) for place in range(6)]
    for name, gradient in network.gradients(X, y).items():
        np.testing.assert_allclose(gradient, np.mean([part[name] for part in singles], axis=0))


def train(network: Network, kind: str) -> float:
    """Return the accuracy on the examples of ten epochs."""
    X, y = PLANAR_EXAMPLES[kind](random(), 200, 0.2)
    for place in np.tile(np.arange(200), 10):
        perceptrons.sgd_step(network, X[[place]], y[[place]], 0.1)
    return perceptrons.accuracy(network, X, y)


@pytest.mark.parametrize("kind", PLANAR_EXAMPLES)
def test_only_two_layers_with_an_activation_separate_the_examples(kind: str) -> None:
    assert train(MultiLayerPerceptron(random(), 2, 8, "tanh"), kind) > 0.95
    for network in (Perceptron(random(), 2), MultiLayerPerceptron(random(), 2, 8, "linear")):
        assert train(network, kind) < 0.8


def test_xor_gives_opposite_corners_the_same_label() -> None:
    X, y = PLANAR_EXAMPLES["xor"](random(), 100, 0.0)
    assert {(*point, label) for point, (label,) in zip(X.tolist(), y.tolist(), strict=True)} == {
        (1, 1, 0),
        (-1, -1, 0),
        (1, -1, 1),
        (-1, 1, 1),
    }


def test_the_inner_circle_has_label_1() -> None:
    X, y = PLANAR_EXAMPLES["circles"](random(), 100, 0.0)
    radii = np.hypot(X[:, 0], X[:, 1])
    np.testing.assert_allclose(radii, np.where(y[:, 0] == 1, *RADII))
    assert 20 < y.sum() < 80
