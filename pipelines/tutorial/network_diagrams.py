"""Diagrams of chapter 1: networks, the gradient's way back, and a descent on a loss surface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.experiments.activations import Array
from pipelines.experiments.perceptrons import Perceptron
from pipelines.reporting import plots
from pipelines.tutorial.diagrams import BLUE, GREEN, INK, RED, arrow, canvas, label, node

# Units of each layer of the networks, from the inputs on, by title.
NETWORKS = {
    "perceptron": (3, 1),
    "multi-output perceptron": (3, 2),
    "multi-layer perceptron": (3, 4, 2),
    "deep network": (3, 4, 4, 2),
}
SUBSCRIPTS = "₀₁₂₃"
LETTERS = ("x", "h", "o")
START, STEPS, RATE = (-3.0, 2.5), 40, 1.0  # of the descent
LEVELS = (0.3, 0.4, 0.6, 1.0, 1.5, 2.0, 3.0)  # of its loss


def networks(root: Path) -> str:
    """Draw networks of perceptrons, with an arrow for each weight."""

    def panel(title: str, layers: Sequence[int]) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            canvas(axes, 1.3 * len(layers) + 0.7, 5, title)
            columns = [
                [(1.0 + 1.3 * layer, 2.5 + (size - 1) / 2 - unit) for unit in range(size)]
                for layer, size in enumerate(layers)
            ]
            for left, right in pairwise(columns):
                for start in left:
                    for end in right:
                        arrow(axes, start, end, gap=13, width=0.8)
            for layer, column in enumerate(columns):
                kind = 0 if layer == 0 else 2 if layer == len(layers) - 1 else 1
                for unit, place in enumerate(column):
                    colour = (INK, GREEN, BLUE)[kind]
                    text = LETTERS[kind] + SUBSCRIPTS[unit]
                    node(axes, place, text, colour, shape="circle")

        return draw

    return plots.panels([panel(*entry) for entry in NETWORKS.items()], (13.0, 3.6))


def perceptron(root: Path) -> str:
    """Draw a perceptron: weighted sum of inputs and bias, then the activation function."""

    def draw(axes: Any) -> None:
        canvas(axes, 9, 5)
        rows = (("x₀", "w₀", 4.4), ("x₁", "w₁", 3.2), ("x₂", "w₂", 2.0), ("1", "b", 0.7))
        for name, weight, row in rows:
            arrow(axes, (0.9, row), (4.0, 2.4), gap=17)
            node(axes, (0.9, row), name, shape="circle")
            label(axes, (1.9, row + 0.32 * (2.4 - row) + 0.3), weight)
        arrow(axes, (4.0, 2.4), (6.0, 2.4), gap=17)
        arrow(axes, (6.35, 2.4), (7.5, 2.4), gap=0)
        node(axes, (4.0, 2.4), "Σ", shape="circle")
        node(axes, (6.0, 2.4), "g", GREEN, shape="circle")
        node(axes, (8.2, 2.4), "output", BLUE)
        for column, text in ((0.9, "inputs"), (2.4, "weights"), (4.0, "sum"), (6.0, "activation")):
            label(axes, (column, 0.1), text, size=9)

    return plots.svg(draw, (7.0, 3.6))


def backward(root: Path) -> str:
    """Draw the way from input to loss, and the factors of the gradient on the way back."""
    # By name: text, colour, and place of the left and the right end on the way.
    nodes = {
        "x": ("x", INK, 0.3, 0.6),
        "a": ("a = xW₁ + b₁", INK, 1.6, 2.95),
        "h": ("h = g(a)", GREEN, 3.85, 4.8),
        "z": ("z = hW₂ + b₂", INK, 5.7, 7.05),
        "o": ("o = σ(z)", BLUE, 7.95, 8.85),  # noqa: RUF001
        "J": ("J", RED, 9.6, 9.85),
    }
    factors = ("", "∂h/∂a", "∂z/∂h", "∂o/∂z", "∂J/∂o")

    def centre(name: str) -> float:
        return (nodes[name][2] + nodes[name][3]) / 2

    def draw(axes: Any) -> None:
        canvas(axes, 10.1, 4)
        for (left, right), factor in zip(pairwise(nodes), factors, strict=True):
            arrow(axes, (nodes[left][3], 2.0), (nodes[right][2], 2.0), gap=2)
            if factor:
                ends = (centre(right) - 0.1, 2.35), (centre(left) + 0.1, 2.35)
                arrow(axes, *ends, RED, bend=0.4, gap=0, dashed=True)
                label(axes, ((centre(left) + centre(right)) / 2, 3.3), factor, RED)
        for name, weights in (("a", "W₁"), ("z", "W₂")):
            arrow(axes, (centre(name), 2.0), (centre(name), 0.6), RED, gap=16, dashed=True)
            node(axes, (centre(name), 0.6), weights)
            label(axes, (centre(name) + 0.65, 1.3), f"∂{name}/∂{weights}", RED)
        for name, (text, colour, _, _) in nodes.items():
            node(axes, (centre(name), 2.0), text, colour)

    return plots.svg(draw, (9.6, 3.4))


def descent(root: Path) -> str:
    """Draw the loss of a perceptron by its two weights, and the path of gradient descent."""
    network, X, y = separable_points()
    path = descend(network, X, y)
    w1, w2 = np.meshgrid(np.linspace(-4, 5, 46), np.linspace(-3, 5, 41))
    z = w1[..., None] * X[:, 0] + w2[..., None] * X[:, 1]
    surface = np.mean(np.logaddexp(0, z) - y[:, 0] * z, axis=-1)

    def draw(axes: Any) -> None:
        lines = axes.contour(
            w1, w2, surface, levels=[0.3, 0.4, 0.6, 1, 1.5, 2, 3], colors="#999999"
        )
        axes.clabel(lines, fontsize=8)
        style = {"color": plots.COLOURS[1], "marker": "o", "markersize": 3}
        axes.plot(path[:, 0], path[:, 1], **style)
        axes.annotate("start", START, xytext=(-4, -16), textcoords="offset points")
        axes.set(xlabel="weight of x1", ylabel="weight of x2")
        axes.set_title("loss J of a perceptron by its weights", pad=12)

    return plots.svg(draw, (6.0, 4.6))


def separable_points() -> tuple[Perceptron, Array, Array]:
    """Return a perceptron, and two groups of points that overlap a little, with their labels."""
    random = np.random.default_rng(1)
    y = np.repeat([[0.0], [1.0]], 20, axis=0)
    X = (2 * y - 1) * [0.8, 0.6] + random.normal(0, 0.9, (40, 2))
    return Perceptron(random, 2), X, y


def descend(network: Perceptron, X: Array, y: Array) -> Array:
    """Return the weights (steps + 1, 2) of gradient descent from `START`, with a bias of 0."""
    weights = np.array(START)[:, None]
    path = [weights[:, 0]]
    for _ in range(STEPS):
        network.parameters = {"W": weights, "b": np.zeros(1)}
        weights = weights - RATE * network.gradients(X, y)["W"]
        path.append(weights[:, 0])
    return np.array(path)
