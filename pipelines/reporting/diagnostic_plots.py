"""Pictures that say where a model fails: how sure it is, at which lengths, in which steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.reporting.plots import COLOURS, svg

SIZE = (5.2, 4.0)  # inches
SOFT = "#dddddd"
FAR = 100  # times the largest gradient: a limit beyond that is none
POINTS = 150  # of a line, so that a long training's picture is no larger than another's


def calibration(
    counts: np.ndarray, confidence: np.ndarray, accuracy: np.ndarray, title: str
) -> str:
    """Reliability diagram: how often a classifier is right, by how sure it is (Guo et al. 2017).

    Args:
        counts: (K,) test examples in each of K equally wide bins from 0 to 1.
        confidence: (K,) their mean confidence.
        accuracy: (K,) the share of them that is right.
        title: stands above the picture.
    """
    bins = len(counts)
    edges, there = np.arange(bins) / bins, counts > 0

    def draw(axes: Any) -> None:
        shares = counts / max(counts.sum(), 1)
        wide = {"width": 1 / bins, "align": "edge"}
        axes.bar(edges, shares, color=SOFT, label="share of the examples", **wide)
        axes.plot([0, 1], [0, 1], color="#666666", linestyle="--", label="as it should be")
        points = {"color": COLOURS[0], "marker": "o", "label": "accuracy"}
        axes.plot(confidence[there], accuracy[there], **points)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="share")
        _head(axes, title, 3)

    return svg(draw, SIZE)


def by_length(
    length: str,
    score: str,
    longest: Sequence[int],
    counts: Sequence[int],
    values: Sequence[float],
    title: str,
) -> str:
    """A score in buckets of test items, from the shortest to the longest.

    Args:
        length: what is counted.
        score: what is measured, with its unit.
        longest: the length of the longest item in each of K buckets.
        counts: K numbers of items, written below these lengths.
        values: K scores.
        title: stands above the picture.
    """

    def draw(axes: Any) -> None:
        places = range(len(values))
        axes.bar(places, values, color=COLOURS[0], width=0.8)
        said = [f"≤ {most}\n{count:,}" for most, count in zip(longest, counts, strict=True)]
        axes.set_xticks(places, said, fontsize=9)
        axes.set(xlabel=f"{length}; below, the number of test items", ylabel=score)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y", color=SOFT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_title(title, pad=12)

    return svg(draw, SIZE)


def gradient_norms(norms: np.ndarray, clip: float, title: str) -> str:
    """The size of the gradients over a training; of a long one in 150 parts of as many steps each.

    Args:
        norms: (N,), the norm of each step's gradient before it is clipped.
        clip: the norm above which it is.
        title: stands above the picture.
    """
    parts = np.array_split(norms, min(POINTS, len(norms)))
    size, ends = len(parts[0]), np.cumsum([len(part) for part in parts])
    least, mean, most = ([float(of(part)) for part in parts] for of in (np.min, np.mean, np.max))

    def draw(axes: Any) -> None:
        line = {"label": f"mean of {size:,} steps"} if size > 1 else {"label": "each step"}
        if size > 1:
            band = {"color": COLOURS[4], "alpha": 0.4, "linewidth": 0}
            axes.fill_between(ends, least, most, label="least to most", **band)
        axes.plot(ends, mean, color=COLOURS[0], marker="." if size == 1 else "", **line)
        if clip < FAR * max(most):
            axes.axhline(clip, color=COLOURS[1], linestyle="--", label="clipped above")
        axes.set(yscale="log", xlabel="step", ylabel="gradient norm (log scale)")
        wide = max(most) > 1000 * min(least)
        axes.yaxis.get_major_locator().set_params(subs=(1,) if wide else (1, 2, 5))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
        _head(axes, title, 3)

    return svg(draw, SIZE)


def _head(axes: Any, title: str, columns: int) -> None:
    """The title, and under it the legend, above the picture where it covers nothing."""
    axes.set_title(title, pad=30)
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "frameon": False}
    axes.legend(**place, ncols=columns, columnspacing=1.2, handlelength=1.6, fontsize=9)
