"""Plots of the experiments as SVG text, from the tables of `pipelines.experiments`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipelines.reporting.plots import GRID, line_style, panels

if TYPE_CHECKING:
    import pandas as pd

Shares = Mapping[str, Mapping[str, float]]  # by kind of pair and classifier


def word_order(measures: Mapping[str, Shares], title: str) -> str:
    """Plot shares of texts or pairs as bars: a panel for each measure, a group for each kind.

    Args:
        measures: by measure and kind of pair, the share of each classifier. Every kind of a measure
            has the same classifiers.
        title: title of the plot.
    """
    classifiers = list(next(iter(next(iter(measures.values())).values())))
    height, width = max(len(shares) for shares in measures.values()), 0.8 / len(classifiers)

    def panel(number: int, measure: str, shares: Shares) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            for kind, values in enumerate(shares.values()):
                for position, (name, share) in enumerate(values.items()):
                    place = kind + (position - (len(values) - 1) / 2) * width
                    label = name if kind == 0 else None
                    colour = line_style(position)[0]
                    axes.barh(place, share, color=colour, height=0.9 * width, label=label)
                    axes.text(share + 0.01, place, f"{share:.0%}", va="center")
            axes.set_yticks(range(len(shares)), list(shares))
            axes.set_ylim(height - 0.5, -0.5)
            axes.set_xlim(0, 1.12)
            ticks = [0, 0.25, 0.5, 0.75, 1]
            axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
            axes.set_xlabel(measure)
            axes.tick_params(axis="y", length=0)
            if number == 0:
                axes.set_title(title, pad=12)
            if number == len(measures) - 1:
                axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))

        return draw

    draws = [panel(number, *entry) for number, entry in enumerate(measures.items())]
    return panels(draws, (13.0, 1.4 + 0.3 * height * len(classifiers)))


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
