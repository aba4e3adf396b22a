"""Attention of a translation, drawn with shaded cells in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipelines import console

SHADES = ((0.75, "█"), (0.5, "▓"), (0.25, "▒"), (0.1, "░"))  # smaller weights are blank
LEGEND = ", ".join(f"{shade} {weight:g}" for weight, shade in reversed(SHADES))
MARGIN = 4
MIN_WIDTH = 2  # of a cell


def attention_lines(sources: Sequence[str], targets: Sequence[str], weights: Any) -> Iterator[str]:
    """Yield the lines of a map: a row for each target token, a column for each source token.

    A map that is wider than the terminal is cut into several, one below the other.

    Args:
        sources: S source tokens.
        targets: T target tokens.
        weights: (T, S), the attention of each target token.
    """
    heads, labels = [_visible(token) for token in sources], [_visible(token) for token in targets]
    label_width = max(map(console.cell_width, labels), default=0)
    widths = [max(console.cell_width(head), MIN_WIDTH) for head in heads]
    for columns in _panels(widths, console.out().width - MARGIN - label_width):
        yield _row("", label_width, [_pad(heads[column], widths[column]) for column in columns])
        for label, row in zip(labels, weights, strict=True):
            cells = [_shade(row[column]) * widths[column] for column in columns]
            yield _row(label, label_width, cells)


def _panels(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Yield the numbers of the columns that fit beside each other."""
    panel: list[int] = []
    used = 0
    for column, width in enumerate(widths):
        if panel and used + width + 1 > room:
            yield panel
            panel, used = [], 0
        panel.append(column)
        used += width + 1
    if panel:
        yield panel


def _row(label: str, width: int, cells: Sequence[str]) -> str:
    return f"{' ' * MARGIN}{_pad(label, width)} {' '.join(cells)}".rstrip()


def _pad(text: str, width: int) -> str:
    return text + " " * (width - console.cell_width(text))


def _shade(weight: float) -> str:
    return next((shade for least, shade in SHADES if weight >= least), " ")


def _visible(token: str) -> str:
    """Return a token in which blanks and characters without a shape can be seen."""
    return "".join(letter if letter.isprintable() else "�" for letter in token.replace(" ", "␣"))
