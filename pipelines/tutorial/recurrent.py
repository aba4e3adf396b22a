"""Figures of chapter 3: Training recurrent networks."""

from __future__ import annotations

from pipelines import paths
from pipelines.tutorial.figure import TutorialFigure, report_figure

FIGURES: dict[str, TutorialFigure] = {
    "memory-adding": report_figure(
        "Error of each cell on the adding task, by the length of the sequence",
        "memory@adding",
        paths.experiment("memory", "adding"),
    ),
}
