"""Plots of the experiments as SVG text, from the tables of `pipelines.experiments`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipelines.reporting.plots import GRID, line_style, panels

if TYPE_CHECKING:
    import pandas as pd


def order_sensitivity(fractions: Sequence[tuple[str, float]], title: str) -> str:
    """Plot a bar for each classifier: the fraction of pairs that it answers differently.

    Args:
        fractions: name and fraction of each classifier.
        title: title of the plot.
    """

    def draw(axes: Any) -> None:
        for position, (_, fraction) in enumerate(fractions):
            axes.barh(position, fraction, color=line_style(position)[0], height=0.6)
            axes.text(fraction + 0.01, position, f"{fraction:.0%}", va="center")
        axes.set_yticks(range(len(fractions)), [name for name, _ in fractions])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        ticks = [0, 0.25, 0.5, 0.75, 1]
        axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
        axes.set_xlabel("pairs with the same words that get different answers")
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, pad=12)

    return panels([draw], (7.5, 1.4 + 0.55 * len(fractions)))


def source_length(table: pd.DataFrame, title: str) -> str:
    """Plot the score of each model against the mean source length of each bucket."""

    def draw(axes: Any) -> None:
        for position, (name, part) in enumerate(table.groupby("model", sort=False)):
            colour, marker = line_style(position)
            axes.plot(part["mean"], part["score"], color=colour, marker=marker, label=str(name))
        axes.set_ylim(0, max(table["score"].max() * 1.3, 1e-3))
        axes.set_xlabel("source length in tokens")
        axes.set_ylabel(str(table["measure"].iloc[0]))
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_title(title, pad=12)
        axes.legend(frameon=False, ncols=2, loc="upper center")

    return panels([draw], (7.5, 4.2))
