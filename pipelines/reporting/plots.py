"""Plots as SVG text: attention maps, confusion matrices, learning curves, reliability diagrams.

The figures are made without pyplot, so there is no global state, and the same numbers give the
same bytes. The background is white, so that a plot looks the same on a light and on a dark page.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pipelines.reporting.learning_curves import LearningCurve, LossUnit

STYLE = {
    "svg.hashsalt": "seqproof",  # otherwise element ids differ from run to run
    "svg.fonttype": "none",  # keep text as text: small files, and the reader's fonts draw it
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a dollar sign in the data is a dollar sign
    "axes.formatter.use_mathtext": False,
}
# The colour-blind safe palette of Okabe and Ito.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
MARKERS = "osD^vP*"
GRID = "#dddddd"
TOKEN_SIZE = 0.32  # inches for one token of an attention map
SIZE = (5.2, 4.0)  # inches of the smaller plots
CELLS_ID = "cells"  # id of the SVG group whose rectangles hold tooltips
MAX_POINTS = 150  # points of a line, so that the plot of a long training stays small
# A clipping limit this many times above the largest gradient is not drawn.
IRRELEVANT_LIMIT = 100


def attention_map(
    weights: np.ndarray, source: Sequence[str], target: Sequence[str], title: str
) -> str:
    """Plot attention weights: a row for each target token, a column for each source token.

    Args:
        weights: (T, S) attention weights, each row a distribution over the source.
        source: S tokens.
        target: T tokens.
        title: title of the plot.
    """
    width, height = 1.6 + TOKEN_SIZE * len(source), 1.6 + TOKEN_SIZE * len(target)
    finished_axes: list[Axes] = []

    def draw(axes: Axes) -> None:
        axes.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
        single_characters = all(len(token) <= 1 for token in source)
        axes.xaxis.tick_top()
        _set_token_ticks(axes, source, target, rotation=0 if single_characters else 60)
        axes.set_title(title, pad=12)
        finished_axes.append(axes)

    picture = svg(draw, (width, height))
    texts = [
        [
            f"{_visible(token)} ← {_visible(other)}: {weight:.2f}"
            for other, weight in zip(source, row, strict=True)
        ]
        for token, row in zip(target, weights, strict=True)
    ]
    return add_tooltips(picture, box_of(finished_axes[0]), texts)


def box_of(axes: Axes) -> tuple[float, float, float, float]:
    """Return left, top, width and height of axes, as fractions of the picture."""
    position = axes.get_position()
    return position.x0, 1 - position.y1, position.width, position.height


def add_tooltips(
    picture: str, box: tuple[float, float, float, float], texts: Sequence[Sequence[str]]
) -> str:
    """Add an invisible rectangle with a tooltip to each cell of a grid over the axes.

    Args:
        picture: SVG.
        box: left, top, width and height of the axes, as fractions of the picture.
        texts: the rows of the grid, each of the same number of tooltips.
    """
    view_box = ElementTree.fromstring(picture).attrib["viewBox"].split()
    picture_width, picture_height = float(view_box[2]), float(view_box[3])
    width, height = box[2] * picture_width / len(texts[0]), box[3] * picture_height / len(texts)
    cells = []
    for row, row_texts in enumerate(texts):
        for column, text in enumerate(row_texts):
            left = box[0] * picture_width + column * width
            top = box[1] * picture_height + row * height
            cells.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
                f'fill-opacity="0"><title>{escape(text)}</title></rect>'
            )
    head, end, tail = picture.rpartition("</svg>")
    return "".join([head, f'<g id="{CELLS_ID}">\n', "\n".join(cells), "\n</g>\n", end, tail])


def confusion_matrix(counts: np.ndarray, labels: Sequence[str], title: str) -> str:
    """Plot a confusion matrix: true labels as rows, predicted labels as columns.

    Args:
        counts: (L, L) test examples.
        labels: L names.
        title: title of the plot.
    """
    side = 2.2 + 0.9 * len(labels)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(axes: Axes) -> None:
        axes.imshow(fractions, cmap="Blues", vmin=0.0, vmax=1.0)
        _set_token_ticks(axes, labels, labels, rotation=0)
        for (row, column), count in np.ndenumerate(counts):
            # White on the dark half of the scale, black on the light half.
            colour = "white" if fractions[row, column] > 0.5 else "black"
            text = f"{int(count):,}\n{fractions[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set_xlabel("predicted", labelpad=10)
        axes.set_ylabel("true")
        axes.set_title(title, pad=12)

    return svg(draw, (side + 0.6, side))


def learning_curves(curves: Sequence[LearningCurve], unit: LossUnit, title: str) -> str:
    """Plot validation loss (solid) and training loss (dashed) against training tokens seen.

    A ring marks the best epoch. All seeds of a group have one colour, and only the first seed has a
    training loss.

    Args:
        curves: of one or several models.
        unit: unit of the losses.
        title: title of the plot.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    models = list(dict.fromkeys(curve.model for curve in curves))

    def draw(axes: Any) -> None:
        finished: set[str] = set()
        for curve in curves:
            colour, marker = line_style(models.index(curve.model))
            tokens, losses = curve.history["tokens"], curve.history["valid_loss"] / unit.nats
            label = None if curve.model in finished else curve.model
            axes.plot(tokens, losses, color=colour, marker=marker, label=label)
            if len(losses) > 1:
                ring = {"marker": "o", "markersize": 13, "fillstyle": "none", "color": colour}
                axes.plot(tokens.iloc[curve.best], losses.iloc[curve.best], **ring)
            if label and len(curve.train_losses):
                dashed = {"color": colour, "linestyle": "--", "linewidth": 1.0}
                axes.plot(curve.train_tokens, curve.train_losses / unit.nats, **dashed)
            finished.add(curve.model)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(_short_number)
        axes.set_xlabel("training tokens seen (log scale)")
        axes.set_ylabel(f"loss ({unit.name})")
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_title(title, pad=12)
        if curves:
            axes.legend(frameon=False)

    return svg(draw, (7.5, 4.2))


def reliability_diagram(
    counts: np.ndarray, confidence: np.ndarray, accuracy: np.ndarray, title: str
) -> str:
    """Plot the accuracy of a classifier against its confidence (Guo et al. 2017).

    Args:
        counts: (K,) test examples in each of K equally wide bins from 0 to 1.
        confidence: (K,) their mean confidence.
        accuracy: (K,) the fraction of them that is correct.
        title: title of the plot.
    """
    bins = len(counts)
    edges, filled = np.arange(bins) / bins, counts > 0

    def draw(axes: Any) -> None:
        fractions = counts / max(counts.sum(), 1)
        bar = {"width": 1 / bins, "align": "edge"}
        axes.bar(edges, fractions, color=GRID, label="fraction of examples", **bar)
        axes.plot([0, 1], [0, 1], color="#666666", linestyle="--", label="perfectly calibrated")
        line = {"color": COLOURS[0], "marker": "o", "label": "accuracy"}
        axes.plot(confidence[filled], accuracy[filled], **line)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="fraction")
        title_and_legend(axes, title, 3)

    return svg(draw, SIZE)


def score_by_length(
    length: str,
    score: str,
    longest: Sequence[int],
    counts: Sequence[int],
    values: Sequence[float],
    title: str,
) -> str:
    """Plot a score in buckets of test items, from the shortest to the longest.

    Args:
        length: label of the length axis.
        score: label of the score axis, with its unit.
        longest: the length of the longest item in each of K buckets.
        counts: K numbers of items, written below these lengths.
        values: K scores.
        title: title of the plot.
    """

    def draw(axes: Any) -> None:
        positions = range(len(values))
        axes.bar(positions, values, color=COLOURS[0], width=0.8)
        labels = [f"≤ {limit}\n{count:,}" for limit, count in zip(longest, counts, strict=True)]
        axes.set_xticks(positions, labels, fontsize=9)
        axes.set(xlabel=f"{length}; below, the number of test items", ylabel=score)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_title(title, pad=12)

    return svg(draw, SIZE)


def gradient_norms(norms: np.ndarray, clip: float, title: str) -> str:
    """Plot the gradient norm over the training steps; a long training in 150 equal parts.

    Args:
        norms: (N,), the norm of each step's gradient before clipping.
        clip: the norm above which gradients are clipped.
        title: title of the plot.
    """
    parts = np.array_split(norms, min(MAX_POINTS, len(norms)))
    size, ends = len(parts[0]), np.cumsum([len(part) for part in parts])
    low, mean, high = (
        [float(statistic(part)) for part in parts] for statistic in (np.min, np.mean, np.max)
    )

    def draw(axes: Any) -> None:
        line = {"label": f"mean of {size:,} steps"} if size > 1 else {"label": "each step"}
        if size > 1:
            band = {"color": COLOURS[4], "alpha": 0.4, "linewidth": 0}
            axes.fill_between(ends, low, high, label="minimum to maximum", **band)
        axes.plot(ends, mean, color=COLOURS[0], marker="." if size == 1 else "", **line)
        if clip < IRRELEVANT_LIMIT * max(high):
            axes.axhline(clip, color=COLOURS[1], linestyle="--", label="clipping limit")
        axes.set(yscale="log", xlabel="step", ylabel="gradient norm (log scale)")
        wide_range = max(high) > 1000 * min(low)
        axes.yaxis.get_major_locator().set_params(subs=(1,) if wide_range else (1, 2, 5))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
        title_and_legend(axes, title, 3)

    return svg(draw, SIZE)


def svg(draw: Callable[[Any], None], size: tuple[float, float]) -> str:
    """Render one axes, filled by `draw`, as SVG of a size in inches."""
    return panels([draw], size)


def panels(draws: Sequence[Callable[[Any], None]], size: tuple[float, float]) -> str:
    """Render axes side by side as SVG.

    The file holds no date and no version, and letters missing from our font cause no warning.

    Args:
        draws: functions that each fill one axes.
        size: width and height of the whole figure in inches.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import TightLayoutEngine

    # With svg.fonttype "none" the reader's fonts draw the letters, so ours need not have them.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure: Figure = Figure(figsize=size)
        FigureCanvasSVG(figure)  # measures the texts of the layout
        for place, draw in enumerate(draws, 1):
            draw(figure.add_subplot(1, len(draws), place))
        # A figure with a layout engine of its own is drawn twice.
        TightLayoutEngine().execute(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def line_style(position: int) -> tuple[str, str]:
    """Return the colour and the marker of the line at a position; they repeat after seven."""
    return COLOURS[position % len(COLOURS)], MARKERS[position % len(MARKERS)]


def shade(fraction: float) -> tuple[float, float, float, float]:
    """Return the colour of a number from 0 to 1 on a scale from dark blue to light green."""
    from matplotlib import colormaps

    red, green, blue, alpha = colormaps["viridis"](0.9 * fraction)
    return red, green, blue, alpha


def _short_number(value: float, position: float | None = None) -> str:
    """Format 20000 as 20k and 3e6 as 3M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _set_token_ticks(
    axes: Axes, columns: Sequence[str], rows: Sequence[str], rotation: int
) -> None:
    align: Any = "center" if rotation == 0 else "left"
    axes.set_xticks(range(len(columns)), [_visible(token) for token in columns])
    axes.set_yticks(range(len(rows)), [_visible(token) for token in rows])
    for label in axes.get_xticklabels():
        label.set(rotation=rotation, ha=align, rotation_mode="anchor")
    axes.tick_params(length=0)


def _visible(token: str) -> str:
    """Replace spaces by an open box, and control characters, which SVG forbids, by a dot."""
    return "".join(
        c if c.isprintable() and c != " " else "␣" if c.isspace() else "·" for c in token
    )


def title_and_legend(axes: Any, title: str, columns: int) -> None:
    """Set the title and put the legend below it, outside the axes, where it covers nothing.

    Args:
        axes: of the plot.
        title: of the plot.
        columns: of the legend.
    """
    axes.set_title(title, pad=30)
    position = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "frameon": False}
    axes.legend(**position, ncols=columns, columnspacing=1.2, handlelength=1.6, fontsize=9)
