"""Diagrams of networks: boxes, circles and arrows, in units of the axes."""

from __future__ import annotations

from typing import Any, Literal

from pipelines.reporting.plots import COLOURS

Point = tuple[float, float]

INK = "#222222"
BLUE, RED, GREEN = COLOURS[0], COLOURS[1], COLOURS[2]
FILLS = {INK: "#f2f2f2", BLUE: "#dcebf5", RED: "#fbe3d3", GREEN: "#d8f0e8"}


def canvas(axes: Any, width: float, height: float, title: str = "") -> None:
    """Hide the axes and set their limits to (0, width) and (0, height)."""
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    if title:
        axes.set_title(title, pad=8)


def node(
    axes: Any,
    at: Point,
    text: str,
    colour: str = INK,
    shape: Literal["round", "square", "circle"] = "round",
) -> None:
    """Draw a text in a box or a circle, with its centre at a point."""
    style = f"{shape},pad={0.25 if shape == 'circle' else 0.45}"
    frame = {"boxstyle": style, "facecolor": FILLS[colour], "edgecolor": colour, "linewidth": 1.2}
    axes.text(*at, text, ha="center", va="center", color=INK, bbox=frame, zorder=3)


def label(axes: Any, at: Point, text: str, colour: str = INK, size: int = 10) -> None:
    """Write a text with its centre at a point."""
    axes.text(*at, text, ha="center", va="center", color=colour, fontsize=size, zorder=4)


def arrow(
    axes: Any,
    start: Point,
    end: Point,
    colour: str = INK,
    *,
    bend: float = 0.0,
    width: float = 1.2,
    gap: float = 14.0,
    dashed: bool = False,
) -> None:
    """Draw an arrow between the centres of two nodes.

    Args:
        axes: the axes.
        start: where it begins.
        end: where it ends.
        colour: of line and head.
        bend: curvature; 0 for a straight arrow.
        width: of the line, in points.
        gap: space to both centres, in points.
        dashed: whether the line is dashed.
    """
    style = {
        "arrowstyle": "-|>",
        "color": colour,
        "linewidth": width,
        "linestyle": "--" if dashed else "-",
        "shrinkA": gap,
        "shrinkB": gap,
        "connectionstyle": f"arc3,rad={bend}",
        "mutation_scale": 11,
    }
    axes.annotate("", xy=end, xytext=start, arrowprops=style, zorder=2)
