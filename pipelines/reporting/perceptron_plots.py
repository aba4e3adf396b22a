"""Plots of perceptrons as SVG text: decision surfaces and losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.reporting.plots import COLOURS, GRID, line_style, panels

if TYPE_CHECKING:
    import pandas as pd

LEVELS = np.linspace(0, 1, 11)  # of the probability in a decision surface
# Colours between these levels: shares of red, green and blue of the probabilities 0, 1/2 and 1.
SHADES = np.array([(0.92, 0.73, 0.57), (1.0, 1.0, 1.0), (0.55, 0.76, 0.88)])
Draw = Callable[[Any], None]


def backpropagation(table: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Plot the decision surface of each model, and their losses by step.

    Args:
        table: as `pipelines.experiments.backpropagation` writes it.
        names: what to call each model.
    """
    draws = [*_surface_panels(table, names), _loss_panel(table, names)]
    return panels(draws, (4.0 * len(draws), 4.0))


def decision_surfaces(table: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Plot the decision surface of each model."""
    draws = _surface_panels(table, names)
    return panels(draws, (4.0 * len(draws), 4.2))


def losses(table: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Plot the loss of each model by the number of steps."""
    return panels([_loss_panel(table, names)], (6.5, 4.0))


def _surface_panels(table: pd.DataFrame, names: Mapping[str, str]) -> list[Draw]:
    """Return a panel for each model: probability of label 1, boundary at 1/2, and the examples."""
    middles = (LEVELS[1:] + LEVELS[:-1]) / 2
    shades = np.stack([np.interp(middles, (0, 0.5, 1), share) for share in SHADES.T], axis=1)
    examples = table[table["quantity"] == "example"]

    def panel(model: str, title: str) -> Draw:
        rows = table[(table["quantity"] == "surface") & (table["model"] == model)]
        surface = rows.pivot(index="x2", columns="x1", values="value")

        def draw(axes: Any) -> None:
            grid = (surface.columns.to_numpy(), surface.index.to_numpy(), surface.to_numpy())
            axes.contourf(*grid, levels=LEVELS, colors=list(shades))
            axes.contour(*grid, levels=[0.5], colors="black")
            for label, (marker, colour) in enumerate((("s", COLOURS[1]), ("o", COLOURS[0]))):
                points = examples[examples["value"] == label]
                style = {"marker": marker, "s": 14, "color": colour, "edgecolors": "white"}
                axes.scatter(points["x1"], points["x2"], linewidths=0.4, **style)
            axes.set_aspect("equal")
            axes.set(xlabel="x1", ylabel="x2")
            axes.set_title(title, pad=12)

        return draw

    return [panel(model, title) for model, title in names.items()]


def _loss_panel(table: pd.DataFrame, names: Mapping[str, str]) -> Draw:
    rows = table[table["quantity"] == "loss"]

    def draw(axes: Any) -> None:
        for position, (model, name) in enumerate(names.items()):
            part = rows[rows["model"] == model]
            colour, marker = line_style(position)
            style = {"color": colour, "marker": marker, "markersize": 4}
            axes.plot(part["step"], part["value"], label=name, **style)
        axes.set_ylim(bottom=0)
        axes.set(xlabel="step of SGD", ylabel="J(θ), nats")
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_title("loss", pad=12)
        axes.legend(frameon=False, fontsize=9, loc="center right")

    return draw
