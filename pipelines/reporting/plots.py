"""Pictures as SVG text: attention maps, confusion matrices, learning curves.

Drawn without pyplot, so there is no global state; the same numbers give the same bytes. The
background is white, so that a picture reads the same on a light and on a dark page.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

from pipelines.training.history import by_seed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = {
    "svg.hashsalt": "seqproof",  # else every picture names its parts anew
    "svg.fonttype": "none",  # text stays text: small files, and letters no font here has
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a dollar sign in the data is a dollar sign
    "axes.formatter.use_mathtext": False,
}
# Okabe and Ito's colours, which people who are colour-blind can tell apart.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
MARKERS = "osD^vP*"
CELL = 0.32  # inches for one token
CELLS = "cells"  # of an SVG: what shows words where the pointer rests


def attention_map(weights: np.ndarray, source: list[str], target: list[str], title: str) -> str:
    """Where the decoder looked: one row a target token, one column a source token.

    Args:
        weights: (T, S) attention weights, each row a distribution over the source.
        source: S tokens.
        target: T tokens.
        title: stands above the picture.
    """
    width, height = 1.6 + CELL * len(source), 1.6 + CELL * len(target)

    def draw(axes: Axes) -> None:
        axes.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
        upright = all(len(token) <= 1 for token in source)
        axes.xaxis.tick_top()
        _ticks(axes, source, target, rotation=0 if upright else 60)
        axes.set_title(title, pad=12)
        drawn.append(axes)

    drawn: list[Axes] = []
    picture = svg(draw, (width, height))
    place = drawn[0].get_position()
    return _with_words(
        picture, (place.x0, 1 - place.y1, place.width, place.height), weights, source, target
    )


def _with_words(
    picture: str,
    place: tuple[float, float, float, float],
    weights: np.ndarray,
    source: list[str],
    target: list[str],
) -> str:
    """Each cell of a map with words that show where the pointer rests: tokens and weight.

    Args:
        picture: SVG.
        place: left, top, width and height of the axes, in shares of the picture.
        weights: (T, S).
        source: S tokens.
        target: T tokens.
    """
    size = ElementTree.fromstring(picture).attrib["viewBox"].split()
    across, down = float(size[2]), float(size[3])
    wide, high = place[2] * across / len(source), place[3] * down / len(target)
    cells = []
    for (row, column), weight in np.ndenumerate(weights):
        left, top = place[0] * across + column * wide, place[1] * down + row * high
        words = escape(f"{_visible(target[row])} ← {_visible(source[column])}: {weight:.2f}")
        cells.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" '
            f'fill-opacity="0"><title>{words}</title></rect>'
        )
    head, end, tail = picture.rpartition("</svg>")
    return "".join([head, f'<g id="{CELLS}">\n', "\n".join(cells), "\n</g>\n", end, tail])


def confusion_matrix(counts: np.ndarray, labels: Sequence[str], title: str) -> str:
    """How often each true label (rows) was given each predicted label (columns).

    Args:
        counts: (L, L) test examples.
        labels: L names.
        title: stands above the picture.
    """
    side = 2.2 + 0.9 * len(labels)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(axes: Axes) -> None:
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        _ticks(axes, list(labels), list(labels), rotation=0)
        for (row, column), count in np.ndenumerate(counts):
            # White on the dark half of the scale, black on the light half.
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{int(count):,}\n{shares[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set_xlabel("predicted", labelpad=10)
        axes.set_ylabel("true")
        axes.set_title(title, pad=12)

    return svg(draw, (side + 0.6, side))


def learning_curves(histories: Mapping[str, pd.DataFrame], title: str) -> str:
    """Validation loss over the training tokens seen so far, one line a model and seed.

    Args:
        histories: by model, a frame with the columns `tokens` and `valid_loss` (nats per item).
        title: stands above the picture.
    """

    from matplotlib.ticker import LogLocator, NullLocator

    def draw(axes: Axes) -> None:
        for position, (name, history) in enumerate(histories.items()):
            colour, marker = COLOURS[position % 7], MARKERS[position % 7]
            for number, part in enumerate(by_seed(history).values()):
                label = name if number == 0 else None  # one for all seeds
                axes.plot(
                    part["tokens"], part["valid_loss"], color=colour, marker=marker, label=label
                )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(_short)
        axes.set_xlabel("training tokens seen (log scale)")
        axes.set_ylabel("validation loss (nats)")
        axes.grid(color="#dddddd", linewidth=0.8)
        axes.set_title(title, pad=12)
        if histories:
            axes.legend(frameon=False)

    return svg(draw, (7.5, 4.2))


def _short(value: float, position: float | None = None) -> str:
    """20000 -> 20k, 3e6 -> 3M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _ticks(axes: Axes, across: list[str], down: list[str], rotation: int) -> None:
    align: Any = "center" if rotation == 0 else "left"
    axes.set_xticks(range(len(across)), [_visible(token) for token in across])
    axes.set_yticks(range(len(down)), [_visible(token) for token in down])
    for label in axes.get_xticklabels():
        label.set(rotation=rotation, ha=align, rotation_mode="anchor")
    axes.tick_params(length=0)


def _visible(token: str) -> str:
    """Spaces as an open box; control characters, which no SVG may hold, as a dot."""
    return "".join(
        c if c.isprintable() and c != " " else "␣" if c.isspace() else "·" for c in token
    )


def svg(draw: Any, size: tuple[float, float]) -> str:
    """One axes drawn by `draw`, as SVG of a size in inches."""
    return panels([draw], size)


def panels(draws: Sequence[Any], size: tuple[float, float]) -> str:
    """Axes side by side as SVG, each drawn by one of `draws`; no date, no version, no warning about
    letters.

    Args:
        draws: each is given its axes.
        size: of all of it, in inches.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # With svg.fonttype "none" the reader's own fonts draw the letters; ours need not know them.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure: Figure = Figure(figsize=size, layout="tight")
        for place, draw in enumerate(draws, 1):
            draw(figure.add_subplot(1, len(draws), place))
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()
