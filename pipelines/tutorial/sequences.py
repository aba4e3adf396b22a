"""Figures of chapter 2: Sequences."""

from __future__ import annotations

from pipelines.tutorial.figure import TutorialFigure

FIGURES: dict[str, TutorialFigure] = {}
