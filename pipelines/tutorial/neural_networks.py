"""Figures of chapter 1: Neural networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines import paths
from pipelines.config import params
from pipelines.experiments import tables
from pipelines.experiments.activations import ACTIVATIONS
from pipelines.reporting import perceptron_figures, perceptron_plots
from pipelines.reporting.plots import GRID, line_style, panels
from pipelines.tutorial import network_diagrams
from pipelines.tutorial.figure import TutorialFigure

if TYPE_CHECKING:
    import pandas as pd

REACH = 4.0  # of the axis of the activation functions, to each side
LINES = ("-", "--", ":", "-.")
STAGE = "backpropagation@xor"
TABLE = paths.experiment("backpropagation", "xor")


def activation_functions(root: Path) -> str:
    """Plot the activation functions and their derivatives side by side."""
    inputs = np.linspace(-REACH, REACH, 161)

    def panel(title: str, attribute: str, limits: tuple[float, float]) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            for position, (name, activation) in enumerate(ACTIVATIONS.items()):
                values = getattr(activation, attribute)(inputs)
                style = {"color": line_style(position)[0], "linestyle": LINES[position]}
                axes.plot(inputs, values, label=name, **style)
            axes.set(xlabel="a", ylim=limits)
            axes.grid(color=GRID, linewidth=0.8)
            axes.set_title(title, pad=12)
            axes.legend(frameon=False, loc="upper left", ncols=2, fontsize=9)

        return draw

    draws = [
        panel("activation g(a)", "function", (-1.2, 2.2)),
        panel("derivative g'(a)", "derivative", (-0.1, 1.4)),
    ]
    return panels(draws, (10.0, 3.8))


def _from_table(
    plot: Callable[[pd.DataFrame, Mapping[str, str]], str],
) -> Callable[[Path], str]:
    """Return the function that draws a plot of the networks in a project."""

    def draw(root: Path) -> str:
        entry = params.load(root / paths.PARAMS).experiments.backpropagation["xor"]
        names = perceptron_figures.model_names(entry)
        return plot(tables.read(root / TABLE, tables.BACKPROPAGATION), names)

    return draw


FIGURES: dict[str, TutorialFigure] = {
    "perceptron": TutorialFigure(
        "A perceptron: three inputs times their weights and the bias are added, and the activation "
        "function of the sum is the output",
        network_diagrams.perceptron,
    ),
    "networks": TutorialFigure(
        "A perceptron, a perceptron with two outputs, a multi-layer perceptron and a deep network",
        network_diagrams.networks,
    ),
    "gradient-descent": TutorialFigure(
        "The loss of a perceptron as contour lines over its two weights, and the path of gradient "
        "descent from high to low loss",
        network_diagrams.descent,
    ),
    "backpropagation": TutorialFigure(
        "The way from the input to the loss of a network of two layers; dashed arrows lead back "
        "from the loss to both weight matrices, each with a factor of the chain rule",
        network_diagrams.backward,
    ),
    "activations": TutorialFigure(
        "Sigmoid, tanh, ReLU and the linear function, with their derivatives",
        activation_functions,
    ),
    "decision-boundaries": TutorialFigure(
        "Decision boundaries of a perceptron, of two linear layers and of a multi-layer perceptron",
        _from_table(perceptron_plots.decision_surfaces),
        {STAGE: (TABLE,)},
    ),
    "sgd-loss": TutorialFigure(
        "Loss of the three networks by the steps of stochastic gradient descent",
        _from_table(perceptron_plots.losses),
        {STAGE: (TABLE,)},
    ),
}
