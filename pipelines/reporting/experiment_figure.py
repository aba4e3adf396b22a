"""Figure of the experiments section: plot, explanation, and the table behind it."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.reporting.embedded_svg import Picture


@dataclass(frozen=True)
class TableSource:
    """The table behind a plot: the stage that wrote it, its path and its MD5 as in dvc.lock."""

    stage: str
    path: str
    md5: str


@dataclass(frozen=True)
class ExperimentFigure:
    """A plot with its explanation, a string for each paragraph, and optionally a table."""

    title: str
    explanation: tuple[str, ...]
    picture: Picture
    source: TableSource
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
