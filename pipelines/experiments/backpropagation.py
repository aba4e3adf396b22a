"""Backpropagation: networks that learn by gradients written out in NumPy, and checks of these.

A perceptron, two layers without an activation function, and two layers with one learn the same
points by stochastic gradient descent. Their gradients are compared with those of TensorFlow's
`GradientTape` and with central differences (Bishop 2006, section 5.3.3).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.experiments import perceptrons, tables
from pipelines.experiments.activations import Array, sigmoid
from pipelines.experiments.perceptrons import (
    MultiLayerPerceptron,
    Network,
    Parameters,
    Perceptron,
)
from pipelines.experiments.planar_examples import PLANAR_EXAMPLES

GRID_STEPS = 12  # of the decision surface, from the origin to each side
DIFFERENCE = 1e-5  # step of the central differences
TF_ACTIVATIONS = {
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "linear": tf.identity,
}


def measure_backpropagation(entry: params.Backpropagation, name: str, seed: int) -> pd.DataFrame:
    """Train the three networks and check their gradients before and after.

    Args:
        entry: the experiment's entry in params.yaml.
        name: kind of examples.
        seed: seed of examples, initial weights and order of the examples.

    Returns:
        A long table, with a `quantity` in each row: the label of an `example`; `loss` and
        `accuracy` on all examples after a number of steps; the largest difference of a gradient to
        that of the `tape` and to central `differences`, relative to its largest element; the
        probability of label 1 on the decision `surface`.

    Raises:
        UserError: a training diverged.
    """
    X, y = PLANAR_EXAMPLES[name](np.random.default_rng([seed, 0]), entry.examples, entry.noise)
    rows = [
        {"quantity": "example", "x1": x1, "x2": x2, "value": label}
        for (x1, x2), label in zip(X, y[:, 0], strict=True)
    ]
    networks: dict[str, tuple[Network, str]] = {
        "perceptron": (Perceptron(np.random.default_rng([seed, 1]), 2), "linear")
    }
    for model, activation in (("linear", "linear"), ("mlp", entry.activation)):
        random = np.random.default_rng([seed, 1])
        networks[model] = (
            MultiLayerPerceptron(random, 2, entry.hidden, activation),
            activation,
        )
    for model, (network, activation) in networks.items():
        parts = [
            *_gradient_rows(network, activation, X, y, 0),
            *_train(network, X, y, entry, seed),
            *_gradient_rows(network, activation, X, y, entry.epochs * len(X)),
            *_surface_rows(network, X),
        ]
        rows += [{"model": model, **row} for row in parts]
    table = pd.DataFrame(rows, columns=list(tables.BACKPROPAGATION))
    if not np.isfinite(table["value"]).all():
        raise UserError(
            f"A training of experiments.backpropagation.{name} diverged. Lower its "
            f"'learning_rate' in params.yaml."
        )
    return table.astype({"step": "Int64"})


def _train(
    network: Network, X: Array, y: Array, entry: params.Backpropagation, seed: int
) -> list[dict[str, object]]:
    """Train a network by SGD, one example at each step; return rows of its loss and accuracy."""
    order = np.random.default_rng([seed, 2])
    rows: list[dict[str, object]] = []
    with np.errstate(over="ignore", invalid="ignore"):  # a training that diverges is reported
        for epoch in range(entry.epochs + 1):
            for place in order.permutation(len(X)) if epoch else ():
                example = slice(place, place + 1)
                perceptrons.sgd_step(network, X[example], y[example], entry.learning_rate)
            measures = {
                "loss": perceptrons.loss(network, X, y),
                "accuracy": perceptrons.accuracy(network, X, y),
            }
            rows += [
                {"quantity": quantity, "step": epoch * len(X), "value": value}
                for quantity, value in measures.items()
            ]
    return rows


def _gradient_rows(
    network: Network, activation: str, X: Array, y: Array, step: int
) -> list[dict[str, object]]:
    """Return rows of the largest differences between gradients, for each parameter."""
    with np.errstate(over="ignore", invalid="ignore"):
        gradients = network.gradients(X, y)
        references = {
            "tape": tape_gradients(network.parameters, activation, X, y),
            "differences": central_differences(network, X, y),
        }
        return [
            {
                "quantity": quantity,
                "parameter": name,
                "step": step,
                "value": relative_difference(gradients[name], gradient),
            }
            for quantity, reference in references.items()
            for name, gradient in reference.items()
        ]


def relative_difference(first: Array, second: Array) -> float:
    """Return the largest difference of two arrays, as a share of their largest element."""
    size = max(np.abs(first).max(), np.abs(second).max())
    return float(np.abs(first - second).max() / size) if size else 0.0


def tape_gradients(parameters: Parameters, activation: str, X: Array, y: Array) -> Parameters:
    """Return the gradients of the loss by TensorFlow's automatic differentiation.

    Args:
        parameters: of a perceptron, or of a network of two layers.
        activation: name of the function between the two layers.
        X: examples (N, D).
        y: labels (N, 1).
    """
    with tf.device("CPU"):
        tensors = {name: tf.constant(value) for name, value in parameters.items()}
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            *hidden, output = zip(*[iter(tensors.values())] * 2, strict=True)
            values = tf.constant(X)
            for weights, bias in hidden:
                values = TF_ACTIVATIONS[activation](values @ weights + bias)
            logits = values @ output[0] + output[1]
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
            mean = tf.reduce_mean(losses)
        return {name: value.numpy() for name, value in tape.gradient(mean, tensors).items()}


def central_differences(network: Network, X: Array, y: Array) -> Parameters:
    """Return the gradients of the loss by central differences of each single weight."""
    gradients = {}
    for name, value in network.parameters.items():
        gradient = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[place] = DIFFERENCE
            losses = []
            for moved in (value + step, value - step):
                network.parameters[name] = moved
                losses.append(perceptrons.loss(network, X, y))
            gradient[place] = (losses[0] - losses[1]) / (2 * DIFFERENCE)
        network.parameters[name] = value
        gradients[name] = gradient
    return gradients


def _surface_rows(network: Network, X: Array) -> list[dict[str, object]]:
    """Return rows of the probability of label 1 on a square grid around the examples."""
    spacing = np.ceil(10 * np.abs(X).max() / GRID_STEPS) / 10
    axis = spacing * np.arange(-GRID_STEPS, GRID_STEPS + 1)
    points = np.array([(x1, x2) for x2 in axis for x1 in axis])
    probabilities = sigmoid(network.logits(points))[:, 0]
    return [
        {"quantity": "surface", "x1": x1, "x2": x2, "value": probability}
        for (x1, x2), probability in zip(points, probabilities, strict=True)
    ]
