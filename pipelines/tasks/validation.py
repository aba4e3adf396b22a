"""How a model does while it is trained, beside its loss: a score, and text to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from pipelines.config import params, task_schemas
from pipelines.evaluation import scores
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.text.vocabulary import Vocabularies
from pipelines.training.validation import ValidationScore

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

    @property
    def score(self) -> ValidationScore | None:
        """Score that chooses the best epoch; None if the validation loss does.

        Higher is better: BLEU for translations (exact match if tokens are characters), with greedy
        search whatever the search of the test; macro F1 for classifications.
        """
        if self._card.task == "language_modelling":
            return None
        sources, references = self._columns(len(self._valid))
        name, metric = _scored_by(self._card, self._vocabularies)

        def compute(model: Any) -> float:
            return metric(self._predictor(model).answers(sources), references)

        return ValidationScore(name, compute)

    @property
    def sample(self) -> Callable[[Any], str] | None:
        """Function that writes a text with the current weights of a model; None for classifiers.

        A language model continues the first five tokens of the validation text by 200, from the
        same seed each time. A translator translates the first three sentences with greedy search.
        """
        if self._card.task == "classification":
            return None
        if self._card.task == "language_modelling":
            return self._continuation
        return self._translations

    def _continuation(self, model: Any) -> str:
        predictor = self._predictor(model)
        assert predictor.samples is not None
        return predictor.write(predictor.samples.beginning)

    def _translations(self, model: Any) -> str:
        sources, references = self._columns(SENTENCES)
        answers = self._predictor(model).answers(sources)
        return "\n\n".join(map(TRANSLATED.format, sources, answers, references))

    def _columns(self, rows: int) -> tuple[list[str], list[str]]:
        """What is given and what is wanted, of the first rows."""
        given, wanted = (
            list(self._valid[name][:rows]) for name in task_schemas.get(self._card.task).columns
        )
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
