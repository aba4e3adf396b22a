"""SVG pictures embedded in the HTML page, with tooltips."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from xml.etree import ElementTree

from pipelines.reporting import plots

SVG_NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Tooltip:
    """A rectangle of a picture with a text; position and size in per cent of the picture."""

    left: float
    top: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Picture:
    """An SVG picture and its alternative text."""

    alt: str
    svg: str

    @property
    def data_url(self) -> str:
        """Return the picture as a data URL: inside <img> no script of a picture can run."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"

    @property
    def tooltips(self) -> tuple[Tooltip, ...]:
        """Return the tooltips of the picture; browsers do not show those of an SVG inside <img>."""
        try:
            tree = ElementTree.fromstring(self.svg)
            _, _, width, height = (float(number) for number in tree.attrib["viewBox"].split())
            cells = tree.iterfind(
                f".//{SVG_NAMESPACE}g[@id='{plots.CELLS_ID}']/{SVG_NAMESPACE}rect"
            )
            return tuple(_tooltip(cell, width, height) for cell in cells)
        except (ElementTree.ParseError, KeyError, ValueError):
            return ()


def _tooltip(cell: ElementTree.Element, width: float, height: float) -> Tooltip:
    sides = (("x", width), ("y", height), ("width", width), ("height", height))
    left, top, cell_width, cell_height = (
        round(100 * float(cell.attrib[side]) / size, 2) for side, size in sides
    )
    return Tooltip(left, top, cell_width, cell_height, "".join(cell.itertext()))
