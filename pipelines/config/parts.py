"""Kinds of models and their parts, as goals and tables name them."""

from __future__ import annotations

from typing import Literal

from pipelines.config.corpora import Corpus
from pipelines.config.models import Model, NGramConfig, TrainableConfig

Kind = Literal["single", "ensemble", "mixture"]
MEMBER, NETWORK, NGRAM = "member", "network", "ngram"
TITLES = {MEMBER: "single model", NETWORK: "network alone", NGRAM: "n-grams alone"}


def parts_of(entry: Model, corpus: Corpus) -> tuple[str, ...]:
    """Return the parts of a model that are evaluated, too.

    They are `network` and `ngram` of a mixture, a `member` of an ensemble, and the groups of rows
    that the reader of the corpus marks, such as target languages.
    """
    mixture: tuple[str, ...] = ()
    if _is_mixture(entry):
        counts = isinstance(entry, NGramConfig)
        has_ngrams = counts or getattr(entry, "ngram", None) is not None
        mixture = (*(() if counts else (NETWORK,)), *((NGRAM,) if has_ngrams else ()))
    members = (MEMBER,) if _ensemble_size(entry) else ()
    return (*mixture, *members, *corpus.reader.groups)


def kind_of(entry: Model, part: str | None = None) -> Kind:
    """Return the kind of a model, or of one of its parts."""
    if part in (MEMBER, NGRAM):
        return "single"
    if _is_mixture(entry) and part != NETWORK:
        return "mixture"
    return "ensemble" if _ensemble_size(entry) else "single"


def has_seed(entry: Model, part: str | None = None) -> bool:
    """Return True if another seed would give another result: not for counts."""
    return isinstance(entry, TrainableConfig) and part != NGRAM


def title_of(entry: Model, part: str | None = None) -> str:
    """Return the title of a part or of the kind of a model; empty for a single model."""
    size = _ensemble_size(entry)
    if part == NETWORK and size:
        return f"ensemble of {size} alone"
    if part is not None:
        return TITLES.get(part, part)
    if _is_mixture(entry):
        names = {"ngram": "n-grams", "cache": "a cache"}
        others = [name for key, name in names.items() if getattr(entry, key, None) is not None]
        return f"mixture with {' and '.join(others)}"
    return f"ensemble of {size}" if size else ""


def seeds_text(entry: Model, part: str | None, seeds: int) -> str:
    """Describe of how many trainings a number is the mean."""
    if not has_seed(entry, part):
        return ""
    if seeds > 1:
        return f"mean of {seeds} seeds"
    return "" if kind_of(entry, part) == "ensemble" else "one seed"


def _is_mixture(entry: Model) -> bool:
    return any(getattr(entry, key, None) is not None for key in ("ngram", "cache"))


def _ensemble_size(entry: Model) -> int | None:
    size: int | None = getattr(entry, "ensemble_size", None)
    return size
