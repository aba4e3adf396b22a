"""How a model does while it is trained, beside its loss: a score, and text to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from pipelines.config import params
from pipelines.evaluation import scores
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.text.vocabulary import Vocabularies

SENTENCES = 3  # translated at each epoch to be looked at
TRANSLATED = "source:    {}\nsaid:      {}\nreference: {}"
# What a language model writes at each epoch. It is none of `corpora.<name>.samples`, which only
# `evaluate` reads: to ask for a longer text there must not train a model again.
GIVEN, LENGTH, TEMPERATURE = 5, 200, 0.8


class Validation:
    """What is asked of the models of one training after each epoch. Nothing is drawn from the
    training's own generators, so a model that is looked at is trained the same.

    Args:
        card: what they are.
        vocabularies: theirs.
        valid: validation frame.
    """

    def __init__(
        self, card: serialization.ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> None:
        self._card, self._vocabularies, self._valid = card, vocabularies, valid
        self._last: Predictor | None = None

    def score(self, model: Any) -> tuple[str, Callable[[], float]] | None:
        """A score's name, and how the model does now; None where its loss says all.

        Higher is better: a translation's is BLEU, of characters exact match, greedily whatever the
        search of the test; a classification's is macro F1.
        """
        if self._card.task == "language_modelling":
            return None
        given, wanted = self._columns(len(self._valid))
        name, score = _scored_by(self._card, self._vocabularies)
        predictor = self._predictor(model)
        return name, lambda: score(predictor.answers(given), wanted)

    def sample(self, model: Any) -> Callable[[], str] | None:
        """What the model says now; None of a classifier.

        A language model goes on for 200 tokens with the first five of the validation text, from the
        same seed each time. A translator translates the first three sentences, greedily.
        """
        if self._card.task == "classification":
            return None
        predictor = self._predictor(model)
        if predictor.samples is not None:
            beginning = predictor.samples.beginning
            return lambda: predictor.write(beginning)
        given, wanted = self._columns(SENTENCES)

        def translated() -> str:
            said = predictor.answers(given)
            return "\n\n".join(map(TRANSLATED.format, given, said, wanted))

        return translated

    def _columns(self, rows: int) -> tuple[list[str], list[str]]:
        """What is given and what is wanted, of the first rows."""
        given, wanted = (list(self._valid[name][:rows]) for name in params.COLUMNS[self._card.task])
        return given, wanted

    def _predictor(self, model: Any) -> Predictor:
        """One for all epochs: what it compiles once sees each epoch's weights."""
        if self._last is None or self._last.model is not model:
            self._last = Predictor(model, self._card, self._vocabularies, self._samples())
        return self._last

    def _samples(self) -> params.Samples | None:
        if self._card.task != "language_modelling":
            return None
        words = self._vocabularies.columns["text"]
        beginning = words.join(words.split(self._valid["text"].iloc[0])[:GIVEN])
        return params.Samples(beginning=beginning, length=LENGTH, temperature=TEMPERATURE)


def _scored_by(
    card: serialization.ModelSpec[Any], vocabularies: Vocabularies
) -> tuple[str, scores.MetricFn]:
    """The name of a score, and the score of what was said beside what was wanted."""
    if card.task == "classification":
        return "macro_f1", lambda said, wanted: scores.macro_f1(said, wanted, vocabularies.labels)
    name, score = scores.of_translations(card.tokens, card.cleaning.lowercase)
    return name.lower().replace(" ", "_"), score
