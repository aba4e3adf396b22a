"""Pictures that say where a model fails: how sure it is, at which lengths, in which steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.reporting.figures import COLOURS, svg

SIZE = (5.2, 4.0)  # inches
SOFT = "#dddddd"


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


def _head(axes: Any, title: str, columns: int) -> None:
    """The title, and under it the legend, above the picture where it covers nothing."""
    axes.set_title(title, pad=30)
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "frameon": False}
    axes.legend(**place, ncols=columns, columnspacing=1.2, handlelength=1.6, fontsize=9)
