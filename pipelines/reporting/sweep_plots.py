"""Plots of a sweep as SVG text: history, importance of the parameters, parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.reporting import plots
from pipelines.reporting.plots import COLOURS, GRID

GREY, WINNER = "#8a8a8a", COLOURS[1]
MARKS = {"complete": ("o", COLOURS[0]), "pruned": ("x", GREY), "failed": ("v", COLOURS[3])}
TITLES = {"complete": "complete", "pruned": "stopped early", "failed": "failed"}
MAX_TICKS = 6  # labels of an axis of numbers
MAX_LABEL = 24  # characters of a label


@dataclass(frozen=True)
class PlottedTrial:
    """A trial as the plots show it.

    Attributes:
        state: `complete`, `pruned` or `failed`.
        value: its metric; None if it has none.
        coordinates: its values of the parameters, numbers or texts.
        description: text that hovering over it shows.
    """

    state: str
    value: float | None
    coordinates: tuple[float | str, ...]
    description: str


def history(
    trials: Sequence[PlottedTrial],
    best: Sequence[float | None],
    start: float | None,
    metric: str,
    title: str,
) -> str:
    """Plot the metric of each trial, and the best of the complete ones up to each.

    Args:
        trials: in the order of their numbers.
        best: the best metric up to each trial; None before the first complete one.
        start: the metric of the starting point, if it was a trial.
        metric: title of the metric.
        title: title of the plot.
    """
    finished_axes: list[Any] = []
    height = [value for trial in trials if (value := trial.value) is not None]
    floor = min(height, default=0.0)

    def draw(axes: Any) -> None:
        for state, (marker, colour) in MARKS.items():
            points = [
                (number, floor if trial.value is None else trial.value)
                for number, trial in enumerate(trials)
                if trial.state == state
            ]
            if points:
                style = {"linestyle": "", "marker": marker, "color": colour}
                axes.plot(*zip(*points, strict=True), label=TITLES[state], **style)
        numbers = [number for number, value in enumerate(best) if value is not None]
        if numbers:
            line = {"drawstyle": "steps-post", "color": WINNER, "label": "best so far"}
            axes.plot(numbers, [best[number] for number in numbers], **line)
        if start is not None:
            dashed = {"color": "#000000", "linestyle": "--", "linewidth": 1.0}
            axes.axhline(start, label="starting point", **dashed)
        axes.set_xlim(-0.5, len(trials) - 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel="trial", ylabel=metric)
        axes.grid(color=GRID, linewidth=0.8)
        plots.title_and_legend(axes, title, 5)
        finished_axes.append(axes)

    picture = plots.svg(draw, (7.5, 4.2))
    box = plots.box_of(finished_axes[0])
    return plots.add_tooltips(picture, box, [[trial.description for trial in trials]])


def importances(shares: Mapping[str, float], title: str) -> str:
    """Plot the importance of each parameter as bars, the largest on top."""
    names = sorted(shares, key=lambda name: shares[name])

    def draw(axes: Any) -> None:
        axes.barh(range(len(names)), [shares[name] for name in names], color=COLOURS[0])
        for place, name in enumerate(names):
            axes.text(shares[name] + 0.01, place, f"{shares[name]:.0%}", va="center")
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.set_xlim(0, 1.1)
        ticks = [0, 0.25, 0.5, 0.75, 1]
        axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
        axes.set_xlabel("importance")
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, pad=12)

    return plots.svg(draw, (5.2, 1.4 + 0.35 * len(names)))


def parallel_coordinates(
    trials: Sequence[PlottedTrial],
    axes_titles: Sequence[str],
    logarithmic: Sequence[bool],
    winner: int | None,
    metric: str,
    title: str,
) -> str:
    """Plot each complete trial as a line through its values, and the others thin and grey.

    The colour is darker for a lower and lighter for a higher metric.

    Args:
        trials: in the order of their numbers.
        axes_titles: a title for each parameter.
        logarithmic: for each parameter, whether its axis is logarithmic.
        winner: position of the winner, which is drawn thick.
        metric: title of the metric, the last axis.
        title: title of the plot.
    """
    shown = [number for number, trial in enumerate(trials) if trial.value is not None]
    columns = [[trials[number].coordinates[p] for number in shown] for p in range(len(axes_titles))]
    values = [_value(trials[number]) for number in shown]
    scales = [_Scale(column, log) for column, log in zip(columns, logarithmic, strict=True)]
    scales.append(_Scale(values, False))
    titles = [*axes_titles, metric]

    def draw(axes: Any) -> None:
        places = range(len(scales))
        # The grey lines are below, the winner is on top.
        for order, number in sorted((_layer(trials[n], n == winner), n) for n in shown):
            trial = trials[number]
            points = (*trial.coordinates, _value(trial))
            heights = [scale.place(value) for scale, value in zip(scales, points, strict=True)]
            colour = plots.shade(heights[-1]) if order else GREY
            line = {"color": WINNER if order == 2 else colour, "linewidth": (0.6, 1.2, 3.0)[order]}
            axes.plot(places, heights, alpha=0.5 if order == 0 else 0.9, zorder=2 + order, **line)
        for place, scale in enumerate(scales):
            axes.axvline(place, color="#444444", linewidth=1.0, zorder=1)
            for height, label in scale.ticks():
                mark = {"fontsize": 9, "va": "center", "zorder": 9}
                patch = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
                axes.text(place + 0.03, height, label, bbox=patch, **mark)
        axes.set_xticks(places, [_short(name) for name in titles])
        for label in axes.get_xticklabels():
            label.set(rotation=20, ha="right", rotation_mode="anchor")
        axes.set(xlim=(-0.1, len(scales) - 0.6), ylim=(-0.06, 1.06), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="x", length=0)
        axes.set_title(title, pad=12)

    return plots.svg(draw, (max(5.2, 1.5 * len(scales)), 4.6))


class _Scale:
    """Axis of numbers from the lowest to the highest, or of texts; heights are from 0 to 1."""

    def __init__(self, values: Sequence[float | str], log: bool) -> None:
        self._texts: list[str] = []
        if not values or any(isinstance(value, str) for value in values):
            self._texts = sorted({str(value) for value in values})
            self._low, self._high, self._log = 0.0, max(len(self._texts) - 1.0, 0.0), False
            return
        numbers = [float(value) for value in values]
        self._low, self._high = min(numbers), max(numbers)
        self._log = log and self._low > 0

    def place(self, value: float | str) -> float:
        """Return the height of a value."""
        if self._texts:
            value = self._texts.index(str(value))
        low, high, number = (self._scaled(float(x)) for x in (self._low, self._high, value))
        return (number - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        """Return the heights and the labels of the axis."""
        if self._texts:
            return [(self.place(text), _short(text)) for text in self._texts]
        if self._high <= self._low:
            return [(0.5, f"{self._low:.4g}")]
        return [(self.place(value), f"{value:.4g}") for value in self._numbers()]

    def _numbers(self) -> list[float]:
        """Return both ends and round numbers between them."""
        low, high = self._low, self._high
        if self._log:
            decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            numbers = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        else:
            step = 10 ** math.floor(math.log10((high - low) / 2))
            first = math.ceil(low / step)
            numbers = [n * step for n in range(first, math.floor(high / step) + 1)]
        between = [x for x in numbers if 0.08 < self.place(x) < 0.92]
        chosen = between[:: math.ceil(len(between) / (MAX_TICKS - 2)) if between else 1]
        return [low, *chosen, high]

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._log else value


def _layer(trial: PlottedTrial, is_winner: bool) -> int:
    return 2 if is_winner else 1 if trial.state == "complete" else 0


def _value(trial: PlottedTrial) -> float:
    return np.nan if trial.value is None else trial.value


def _short(text: str) -> str:
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"
