"""Plots of the experiments on single recurrent layers as SVG text, from their tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.reporting.plots import COLOURS, GRID, line_style, panels

if TYPE_CHECKING:
    import pandas as pd

SMALLEST = 1e-12  # lower limit of the axis of gradient norms
SOLVED_COLOUR, FAILED_COLOUR = COLOURS[0], COLOURS[1]
WEIGHTS = {
    "start": "initial weights",
    "clipped": "trained with clipping",
    "unclipped": "trained without clipping",
}


def relative_norms(curve: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return gradient norms (T,) by lag, divided by the norm at lag 0."""
    norms = curve.sort_values("lag")["norm"].to_numpy(np.float64)
    return np.asarray(norms / norms[0])


def gradient_flow(table: pd.DataFrame) -> str:
    """Plot gradient norms by lag, a line for each cell, in three panels.

    The panels show the initial weights, and weights trained with and without gradient clipping.
    """
    cells = list(table["cell"].unique())

    def panel(weights: str) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            for position, cell in enumerate(cells):
                norms = relative_norms(table[(table["cell"] == cell) & (table["when"] == weights)])
                axes.plot(range(len(norms)), norms, color=line_style(position)[0], label=cell)
            _set_log_axis(axes)
            axes.set_xlabel("steps back, t - k")
            axes.set_title(WEIGHTS[weights], pad=12)
            if weights == "start":
                axes.set_ylabel("norm of d loss(t) / d state(k)")
            if weights == "unclipped":
                axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))

        return draw

    return panels([panel(weights) for weights in WEIGHTS], (13.0, 4.2))


def _set_log_axis(axes: Any) -> None:
    """Use the same logarithmic y axis in every panel."""
    axes.set_yscale("log")
    axes.set_ylim(SMALLEST, 1e3)
    exponents = range(-12, 4, 3)
    axes.set_yticks([10.0**power for power in exponents], [f"1e{power}" for power in exponents])
    axes.minorticks_off()
    axes.grid(color=GRID, linewidth=0.8)


def long_memory(table: pd.DataFrame, title: str) -> str:
    """Plot a grid of cells (rows) by lags (columns).

    A field shows after how many steps the task was solved, or else the final loss as a percentage
    of the loss of a network without memory.
    """
    cells, lags = list(table["cell"].unique()), sorted(table["lag"].unique())

    def draw(axes: Any) -> None:
        for trial in table.itertuples():
            column, row = lags.index(trial.lag), cells.index(trial.cell)
            colour = SOLVED_COLOUR if trial.learnt else FAILED_COLOUR
            axes.bar(column, 0.88, 0.94, bottom=row - 0.44, color=colour)
            axes.text(column, row, _trial_text(trial), ha="center", va="center", color="white")
        axes.set_xticks(range(len(lags)), [f"{lag:,}" for lag in lags])
        axes.set_yticks(range(len(cells)), cells)
        axes.set_xlim(-0.5, len(lags) - 0.5)
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.tick_params(length=0)
        axes.set_xlabel("lag in steps", labelpad=8)
        axes.set_title(f"{title}: steps until solved, or remaining loss in per cent", pad=12)

    return panels([draw], (2.4 + 1.15 * len(lags), 1.5 + 0.5 * len(cells)))


def _trial_text(trial: Any) -> str:
    """Return the text in the field of a cell and a lag."""
    if trial.learnt:
        return f"{trial.steps:,} steps"
    remaining = trial.loss / trial.baseline
    return "diverged" if np.isnan(remaining) else f"{remaining:.0%}"
