"""Plots of the experiments on single recurrent layers as SVG text, from their tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.reporting.cell_outcomes import CHANCE, Outcome
from pipelines.reporting.plots import COLOURS, GRID, line_style, panels

if TYPE_CHECKING:
    import pandas as pd

SMALLEST = 1e-12  # lower limit of the axis of gradient norms
LEAST_ERROR, LARGEST_ERROR = 1e-3, 3.0  # limits of the axis of errors
GREY = "#999999"
WEIGHTS = {"initial": "initial weights", "trained": "after training"}


def relative_norms(curves: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return gradient norms by steps back, divided by the norm at the last state.

    Args:
        curves: the rows of a cell.

    Returns:
        Median over the seeds (T,); NaN where most seeds diverged.
    """
    norms = curves.pivot(index="steps_back", columns="seed", values="norm").to_numpy(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = norms / norms[0]
    # Seeds that diverged have the last ranks: the median is finite unless it is one of them.
    medians = np.median(np.where(np.isnan(shares), np.inf, shares), axis=1)
    return np.where(np.isinf(medians), np.nan, medians)


def gradient_flow(table: pd.DataFrame, failures: Sequence[str]) -> str:
    """Plot relative gradient norms by the number of steps back, a line for each cell.

    The panels show the initial weights and the trained ones, where cells in `failures` are grey.
    """
    cells = list(table["cell"].unique())

    def panel(weights: str) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            rows = table[table["weights"] == weights]
            for position, cell in enumerate(cells):
                norms = relative_norms(rows[rows["cell"] == cell])
                grey = weights == "trained" and cell in failures
                style = {"color": GREY if grey else line_style(position)[0]}
                style["linestyle"] = ":" if grey else "-" if position < len(COLOURS) else "--"
                axes.plot(range(len(norms)), norms, label=cell, **style)
            _set_log_axis(axes)
            axes.set_xlabel("steps back, t - k")
            axes.set_title(WEIGHTS[weights], pad=12)
            if weights == "initial":
                axes.set_ylabel("share of the norm at the last state")
            axes.legend(frameon=False, fontsize=8, loc="lower left")

        return draw

    return panels([panel(weights) for weights in WEIGHTS], (11.0, 4.6))


def _set_log_axis(axes: Any) -> None:
    """Use the same logarithmic y axis in every panel."""
    axes.set_yscale("log")
    axes.set_ylim(SMALLEST, 1e3)
    exponents = range(-12, 4, 3)
    axes.set_yticks([10.0**power for power in exponents], [f"1e{power}" for power in exponents])
    axes.minorticks_off()
    axes.grid(color=GRID, linewidth=0.8)


def memory(
    outcomes: Mapping[tuple[str, str], Outcome], titles: Mapping[str, str], symbols: bool
) -> str:
    """Plot the result of each seed as a dot, a row for each cell, a panel for each condition.

    Args:
        outcomes: outcomes by cell and condition.
        titles: title of each condition.
        symbols: plot the share of recalled symbols instead of the remaining error.
    """
    cells = list(dict.fromkeys(cell for cell, _ in outcomes))

    def panel(condition: str) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            for row, cell in enumerate(cells):
                outcome = outcomes[cell, condition]
                colour = COLOURS[0] if outcome.learnt else COLOURS[1]
                values = [_position(error, symbols) for error in sorted(outcome.errors)]
                axes.plot(values, [row] * len(values), color=colour, marker="o", alpha=0.75)
            axes.axvline(_position(1.0, symbols), color=GREY, linestyle="--")
            axes.axvline(_position(outcome.threshold, symbols), color=GREY, linestyle=":")
            axes.set_yticks(range(len(cells)), cells if condition == next(iter(titles)) else [])
            axes.set_ylim(len(cells) - 0.5, -0.5)
            axes.set_title(titles[condition], pad=12)
            axes.grid(color=GRID, linewidth=0.8, axis="x")
            _set_error_axis(axes, symbols)

        return draw

    width = 1.6 + 2.3 * len(titles)
    return panels([panel(condition) for condition in titles], (width, 1.6 + 0.4 * len(cells)))


def _position(error: float, symbols: bool) -> float:
    """Return the place of an error on the axis: itself, or the share of recalled symbols."""
    if symbols:
        return max(0.0, 1 - error * (1 - CHANCE))
    return min(max(error, LEAST_ERROR), LARGEST_ERROR)


def _set_error_axis(axes: Any, symbols: bool) -> None:
    if symbols:
        axes.set_xlim(-0.03, 1.03)
        ticks = [0, 0.5, 1]
        axes.set_xlabel("symbols recalled")
    else:
        axes.set_xscale("log")
        axes.set_xlim(LEAST_ERROR / 1.3, LARGEST_ERROR * 1.3)
        ticks = [0.001, 0.01, 0.1, 1]
        axes.set_xlabel("remaining error")
    axes.set_xticks(
        ticks, [f"{tick:.1%}" if tick < 0.01 and tick else f"{tick:.0%}" for tick in ticks]
    )
    axes.minorticks_off()
