"""Activation functions of a layer, with their derivatives (Goodfellow et al. 2016, section 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Activation:
    """Activation function.

    Attributes:
        function: a -> g(a), element by element.
        derivative: a -> g'(a), element by element.
    """

    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


def sigmoid(a: Array) -> Array:
    """Return 1 / (1 + exp(-a)), written with tanh because exp(-a) overflows for large -a."""
    return 0.5 * (1.0 + np.tanh(0.5 * a))


def sigmoid_derivative(a: Array) -> Array:
    """Return sigmoid(a) (1 - sigmoid(a)), which is at most 1/4."""
    return sigmoid(a) * (1.0 - sigmoid(a))


def tanh_derivative(a: Array) -> Array:
    """Return 1 - tanh(a)^2, which is at most 1."""
    return 1.0 - np.tanh(a) ** 2


def relu(a: Array) -> Array:
    """Return max(0, a)."""
    return np.maximum(a, 0.0)


def relu_derivative(a: Array) -> Array:
    """Return 1 for positive a, else 0."""
    return (a > 0.0).astype(np.float64)


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, sigmoid_derivative),
    "tanh": Activation(np.tanh, tanh_derivative),
    "relu": Activation(relu, relu_derivative),
    "linear": Activation(np.copy, np.ones_like),
}
