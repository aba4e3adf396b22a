"""Figures of chapter 5: TensorFlow."""

from __future__ import annotations

from pipelines.tutorial.figure import TutorialFigure

FIGURES: dict[str, TutorialFigure] = {}
