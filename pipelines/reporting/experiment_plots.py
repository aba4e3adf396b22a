"""The pictures of the laboratory, as SVG text, drawn from the tables of `pipelines.laboratory`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.reporting.plots import COLOURS, MARKERS, panels

if TYPE_CHECKING:
    import pandas as pd

LEAST = 1e-12  # a share of a gradient below which nothing is drawn
LEARNT, FAILED = COLOURS[0], COLOURS[1]


def relative(curve: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Norms (T,) by lag as shares of that at lag 0."""
    norms = curve.sort_values("lag")["norm"].to_numpy(np.float64)
    return np.asarray(norms / norms[0])


def gradient_flow(table: pd.DataFrame) -> str:
    """Three panels, a line for each cell: norms at the start, trained with clipping, without."""
    titles = {"start": "at the start", "clipped": "trained, clipped", "unclipped": "trained, not"}
    cells = list(table["cell"].unique())

    def panel(when: str) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            for place, cell in enumerate(cells):
                curve = relative(table[(table["cell"] == cell) & (table["when"] == when)])
                axes.plot(range(len(curve)), curve, color=COLOURS[place % 7], label=cell)
            _powers(axes)
            axes.set_xlabel("steps back, t - k")
            axes.set_title(titles[when], pad=12)
            if when == "start":
                axes.set_ylabel("norm of d loss(t) / d state(k)")
            if when == "unclipped":
                axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))

        return draw

    return panels([panel(when) for when in titles], (13.0, 4.2))


def _powers(axes: Any) -> None:
    """Shares of a gradient in powers of ten, the same in every panel."""
    axes.set_yscale("log")
    axes.set_ylim(LEAST, 1e3)
    exponents = range(-12, 4, 3)
    axes.set_yticks([10.0**power for power in exponents], [f"1e{power}" for power in exponents])
    axes.minorticks_off()
    axes.grid(color="#dddddd", linewidth=0.8)


def long_memory(table: pd.DataFrame, title: str) -> str:
    """A row for each cell, a column for each lag: after how many steps it was learnt, or how much
    of the loss of a network without memory was left."""
    cells, lags = list(table["cell"].unique()), sorted(table["lag"].unique())

    def draw(axes: Any) -> None:
        for row in table.itertuples():
            across, down = lags.index(row.lag), cells.index(row.cell)
            colour = LEARNT if row.learnt else FAILED
            axes.bar(across, 0.88, 0.94, bottom=down - 0.44, color=colour)
            axes.text(across, down, _found(row), ha="center", va="center", color="white")
        axes.set_xticks(range(len(lags)), [f"{lag:,}" for lag in lags])
        axes.set_yticks(range(len(cells)), cells)
        axes.set_xlim(-0.5, len(lags) - 0.5)
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.tick_params(length=0)
        axes.set_xlabel("lag in steps", labelpad=8)
        axes.set_title(f"{title}: steps until learnt, or what was left of the loss", pad=12)

    return panels([draw], (2.4 + 1.15 * len(lags), 1.5 + 0.5 * len(cells)))


def _found(row: Any) -> str:
    """What stands in the field of a cell and a lag."""
    if row.learnt:
        return f"{row.steps:,} steps"
    share = row.loss / row.baseline
    return "diverged" if np.isnan(share) else f"{share:.0%}"


def told_apart(shares: Sequence[tuple[str, float]], title: str) -> str:
    """A bar for each classifier: the share of pairs that it answers differently."""

    def draw(axes: Any) -> None:
        for place, (_, share) in enumerate(shares):
            axes.barh(place, share, color=COLOURS[place % 7], height=0.6)
            axes.text(share + 0.01, place, f"{share:.0%}", va="center")
        axes.set_yticks(range(len(shares)), [name for name, _ in shares])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        ticks = [0, 0.25, 0.5, 0.75, 1]
        axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
        axes.set_xlabel("pairs of the same words that are told apart")
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, pad=12)

    return panels([draw], (7.5, 1.4 + 0.55 * len(shares)))


def source_length(table: pd.DataFrame, title: str) -> str:
    """The score of each model over the mean length of the sources in a bucket."""

    def draw(axes: Any) -> None:
        for place, (name, part) in enumerate(table.groupby("model", sort=False)):
            colour, marker = COLOURS[place % 7], MARKERS[place % 7]
            axes.plot(part["mean"], part["score"], color=colour, marker=marker, label=str(name))
        axes.set_ylim(0, max(table["score"].max() * 1.3, 1e-3))
        axes.set_xlabel("length of the source in tokens")
        axes.set_ylabel(str(table["measure"].iloc[0]))
        axes.grid(color="#dddddd", linewidth=0.8)
        axes.set_title(title, pad=12)
        axes.legend(frameon=False, ncols=2, loc="upper center")

    return panels([draw], (7.5, 4.2))
