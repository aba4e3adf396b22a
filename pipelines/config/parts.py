"""Kinds of models and their parts, as goals and tables name them."""

from __future__ import annotations

from typing import Literal

from pipelines.config.corpora import Corpus
from pipelines.config.models import Model, TrainableConfig

Kind = Literal["single", "ensemble", "mixture"]
MEMBER, NETWORK, NGRAM = "member", "network", "ngram"
TITLES = {MEMBER: "single model", NETWORK: "network alone", NGRAM: "n-grams alone"}


def parts_of(entry: Model, corpus: Corpus) -> tuple[str, ...]:
    """Return the parts of a model that are evaluated, too.

    They are a `member` of an ensemble, `network` and `ngram` of an interpolation, and the groups of
    rows that the reader of the corpus marks, such as target languages.
    """
    mixture = (NETWORK, NGRAM) if _is_mixture(entry) else ()
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
    if part is not None and part != NETWORK:
        return TITLES.get(part, part)
    size = _ensemble_size(entry)
    if part == NETWORK:
        return f"ensemble of {size} alone" if size else TITLES[NETWORK]
    kind = kind_of(entry)
    return {"single": "", "mixture": "mixture with n-grams"}.get(kind, f"ensemble of {size}")


def seeds_text(entry: Model, part: str | None, seeds: int) -> str:
    """Describe of how many trainings a number is the mean."""
    if not has_seed(entry, part):
        return ""
    if seeds > 1:
        return f"mean of {seeds} seeds"
    return "" if kind_of(entry, part) == "ensemble" else "one seed"


def _is_mixture(entry: Model) -> bool:
    return getattr(entry, "ngram", None) is not None


def _ensemble_size(entry: Model) -> int | None:
    size: int | None = getattr(entry, "ensemble_size", None)
    return size
