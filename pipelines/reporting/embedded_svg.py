"""A picture as it stands in the page: within it, whole, and with words where the pointer rests."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from xml.etree import ElementTree

from pipelines.reporting import plots


@dataclass(frozen=True)
class Picture:
    """An SVG picture and the words for who cannot see it."""

    words: str
    svg: str

    @property
    def address(self) -> str:
        """As a data address: inside <img> nothing of a picture can run."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"

    @property
    def spots(self) -> tuple[Tooltip, ...]:
        """Where the pointer may rest on it, for within <img> its own words do not show."""
        try:
            tree = ElementTree.fromstring(self.svg)
            _, _, wide, high = (float(number) for number in tree.attrib["viewBox"].split())
            cells = tree.iterfind(f".//{SVG}g[@id='{plots.CELLS}']/{SVG}rect")
            return tuple(_spot(cell, wide, high) for cell in cells)
        except (ElementTree.ParseError, KeyError, ValueError):
            return ()


SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Tooltip:
    """A part of a picture that has words, in per cent of its width and height."""

    left: float
    top: float
    width: float
    height: float
    words: str


def _spot(cell: ElementTree.Element, wide: float, high: float) -> Tooltip:
    sides = (("x", wide), ("y", high), ("width", wide), ("height", high))
    left, top, width, height = (
        round(100 * float(cell.attrib[side]) / whole, 2) for side, whole in sides
    )
    return Tooltip(left, top, width, height, "".join(cell.itertext()))
