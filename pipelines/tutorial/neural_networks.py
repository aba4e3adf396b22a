"""Figures of chapter 1: Neural networks."""

from __future__ import annotations

from pipelines.tutorial.figure import TutorialFigure

FIGURES: dict[str, TutorialFigure] = {}
