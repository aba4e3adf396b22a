"""All figures of the tutorial, by name; a chapter's figures are in the module of the chapter."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.errors import UserError, suggest
from pipelines.tutorial import models, neural_networks, recurrent, sequences, tensorflow_basics
from pipelines.tutorial.figure import TutorialFigure

FIGURES: Mapping[str, TutorialFigure] = {
    **neural_networks.FIGURES,
    **sequences.FIGURES,
    **recurrent.FIGURES,
    **models.FIGURES,
    **tensorflow_basics.FIGURES,
}


def find(name: str) -> TutorialFigure:
    """Return the figure of a name.

    Raises:
        UserError: there is no such figure.
    """
    if name not in FIGURES:
        raise UserError(f"There is no figure '{name}'{suggest(name, FIGURES)}.")
    return FIGURES[name]
