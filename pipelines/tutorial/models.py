"""Figures of chapter 4: Models of language, classes and translations."""

from __future__ import annotations

from pipelines.tutorial.figure import TutorialFigure

FIGURES: dict[str, TutorialFigure] = {}
