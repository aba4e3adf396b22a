"""Perceptron and multi-layer perceptron in NumPy, with all derivatives written out.

Shapes: N examples, D inputs, H hidden units. Labels are 0 or 1, and the output is the probability
of 1. The loss is the mean cross entropy in nats.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pipelines.experiments.activations import ACTIVATIONS, Array, sigmoid

Parameters = dict[str, Array]


class Network(Protocol):
    """Binary classifier with parameters."""

    parameters: Parameters

    def logits(self, X: Array) -> Array:
        """Return the input of the last sigmoid (N, 1) for examples (N, D)."""

    def gradients(self, X: Array, y: Array) -> Parameters:
        """Return the gradient of the loss for each parameter, for labels (N, 1)."""


class Perceptron:
    """Perceptron: one output, sigmoid(X W + b).

    Args:
        random: generator of the initial weights.
        inputs: D.
    """

    def __init__(self, random: np.random.Generator, inputs: int) -> None:
        self.parameters = {"W": initial_weights(random, inputs, 1), "b": np.zeros(1)}

    def logits(self, X: Array) -> Array:
        """Return X W + b (N, 1)."""
        return X @ self.parameters["W"] + self.parameters["b"]

    def gradients(self, X: Array, y: Array) -> Parameters:
        """Return the gradients by the chain rule: dJ/dW = dJ/dz dz/dW, where z = X W + b."""
        dz = loss_derivative(self.logits(X), y)
        return {"W": X.T @ dz, "b": dz.sum(axis=0)}


class MultiLayerPerceptron:
    """Two layers: h = g(X W1 + b1), then sigmoid(h W2 + b2).

    Args:
        random: generator of the initial weights.
        inputs: D.
        hidden: H.
        activation: name of g.
    """

    def __init__(
        self, random: np.random.Generator, inputs: int, hidden: int, activation: str
    ) -> None:
        self.activation = ACTIVATIONS[activation]
        self.parameters = {
            "W1": initial_weights(random, inputs, hidden),
            "b1": np.zeros(hidden),
            "W2": initial_weights(random, hidden, 1),
            "b2": np.zeros(1),
        }

    def logits(self, X: Array) -> Array:
        """Return h W2 + b2 (N, 1)."""
        W1, b1, W2, b2 = self.parameters.values()
        h = self.activation.function(X @ W1 + b1)
        return h @ W2 + b2

    def gradients(self, X: Array, y: Array) -> Parameters:
        """Return the gradients by backpropagation (Rumelhart, Hinton and Williams 1986).

        Each line is one factor of the chain rule, from the loss back to the inputs.
        """
        W1, b1, W2, b2 = self.parameters.values()
        a = X @ W1 + b1  # (N, H)
        h = self.activation.function(a)  # (N, H)
        dz = loss_derivative(h @ W2 + b2, y)  # dJ/dz (N, 1)
        dW2 = h.T @ dz  # dJ/dz dz/dW2 (H, 1)
        db2 = dz.sum(axis=0)
        dh = dz @ W2.T  # dJ/dz dz/dh (N, H)
        da = dh * self.activation.derivative(a)  # dJ/dh dh/da (N, H)
        dW1 = X.T @ da  # dJ/da da/dW1 (D, H)
        db1 = da.sum(axis=0)
        return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def initial_weights(random: np.random.Generator, inputs: int, outputs: int) -> Array:
    """Draw weights (inputs, outputs) from a normal distribution of variance 1 / inputs."""
    return random.normal(0.0, inputs**-0.5, (inputs, outputs))


def loss(network: Network, X: Array, y: Array) -> float:
    """Return J, the mean cross entropy.

    For z = logit and o = sigmoid(z), -y log(o) - (1 - y) log(1 - o) equals log(1 + exp(z)) - y z,
    which does not overflow.
    """
    z = network.logits(X)
    return float(np.mean(np.logaddexp(0.0, z) - y * z))


def loss_derivative(z: Array, y: Array) -> Array:
    """Return dJ/dz (N, 1).

    With o = sigmoid(z), it is the product of dJ/do = (o - y) / (o (1 - o)) / N and
    do/dz = o (1 - o).
    """
    return (sigmoid(z) - y) / len(y)


def accuracy(network: Network, X: Array, y: Array) -> float:
    """Return the share of the examples whose label has the higher probability."""
    return float(np.mean((network.logits(X) > 0) == (y > 0.5)))


def sgd_step(network: Network, X: Array, y: Array, learning_rate: float) -> None:
    """Update each parameter by stochastic gradient descent: subtract the rate times the gradient.

    Args:
        network: its parameters are replaced.
        X: the examples of the step, here one (1, D).
        y: their labels (1, 1).
        learning_rate: step size, the tutorial's eta.
    """
    for name, gradient in network.gradients(X, y).items():
        network.parameters[name] = network.parameters[name] - learning_rate * gradient
