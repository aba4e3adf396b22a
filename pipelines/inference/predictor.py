"""A trained model with everything that it needs to read and write text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.text.normalization import normalize_many
from pipelines.text.vocabulary import Vocabularies

T = TypeVar("T")


@dataclass(frozen=True)
class Predictor:
    """A trained model and its vocabularies. The tasks turn it into text in, text out.

    Attributes:
        model: the Keras model, an Ensemble, an NGram, or a Mixture of models.
        spec: kind of model and how to prepare text for it.
        vocabularies: one for each text column, and the labels.
        samples: how a language model continues a text; None for all other models.
        search: how translations are searched; None for greedy search.
    """

    model: Any
    spec: serialization.ModelSpec[Any]
    vocabularies: Vocabularies
    samples: params.Samples | None = None
    search: params.Search | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def normalize(self, texts: Sequence[str]) -> list[str]:
        """Clean and tokenise texts like the corpus of the model; nothing may be left of one."""
        return normalize_many(texts, self.spec.cleaning, self.spec.tokens)

    def prepare(self, texts: Sequence[str]) -> list[str]:
        """Clean and tokenise texts like the corpus of the model.

        Raises:
            UserError: a text is empty after cleaning.
        """
        prepared = self.normalize(texts)
        for number, text in enumerate(prepared, 1):
            if not text.strip():
                raise UserError(f"Text {number} is empty. Give at least one word.")
        return prepared

    def members(self) -> list[Predictor]:
        """Return the single models of an ensemble, also of one inside a mixture."""
        network = getattr(self.model, "components", {}).get("network", self.model)
        return [
            replace(self, model=model, samples=None) for model in getattr(network, "members", ())
        ]

    def cached(self, build: Callable[[Predictor], T]) -> T:
        """Return `build(self)`, computed at the first call only.

        Functions that `build` compiles read the current weights at every call, so one predictor
        serves a whole training.
        """
        if build not in self._cache:
            self._cache[build] = build(self)
        value: T = self._cache[build]
        return value


def load(
    folder: Path,
    vocabulary: Path,
    samples: params.Samples | None = None,
    search: params.Search | None = None,
    seed: int | None = None,
    spec: serialization.ModelSpec[Any] | None = None,
) -> Predictor:
    """Load a trained model.

    Args:
        folder: the model's folder.
        vocabulary: the vocabulary file that it must have been trained with.
        samples: how a language model continues a text.
        search: how translations are searched.
        seed: the member of a group of seeds; None for the first.
        spec: the spec that params.yaml gives; None if there is none to compare with.

    Raises:
        UserError: there is no model, it is damaged, or it was trained with another vocabulary or
            other parameters.
    """
    model, own_spec, vocabularies = serialization.load(folder, vocabulary, seed, spec)
    return Predictor(model, own_spec, vocabularies, samples, search)
