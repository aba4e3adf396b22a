"""`experiments`: small experiments that the last chapter of the report is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from pipelines.config.corpora import Corpus
from pipelines.config.models import BagOfWords, Classifier, Model, Order, Seq2Seq
from pipelines.errors import suggest
from pipelines.types import (
    Cell,
    ConfigModel,
    Count,
    Fraction,
    IntAtLeast2,
    Name,
    Positive,
    Smoothing,
    Width,
)

SyntheticTask = Literal["adding", "copying"]
Kind = TypeVar("Kind", BagOfWords, Classifier, Seq2Seq)
Pair = Annotated[tuple[str, str], Field(strict=False)]


class CellConfig(ConfigModel):
    """A recurrent cell as the experiments compare it."""

    cell: Cell
    forget_bias: Annotated[float, Field(ge=-10, le=10)] | None = None

    @model_validator(mode="after")
    def _only_an_lstm_forgets(self) -> Self:
        if self.forget_bias is not None and self.cell != "lstm":
            raise ValueError(f"'forget_bias' means nothing with 'cell: {self.cell}': take it out")
        return self


class ToyTraining(ConfigModel):
    """A training of one small recurrent layer by Adam, on batches drawn anew at each step."""

    units: Width
    batch_size: Count
    steps: Count
    learning_rate: Positive
    clip_norm: Positive


class GradientFlow(ToyTraining):
    """How much of the gradient comes back over `lag` steps, before and after a training."""

    lag: IntAtLeast2


class LongMemory(ToyTraining):
    """Over which of the `lags` a cell learns a task: its loss falls below a `threshold` of what a
    network without memory reaches."""

    lags: Annotated[tuple[IntAtLeast2, ...], Field(strict=False, min_length=1)]
    threshold: Fraction

    @model_validator(mode="after")
    def _ladder(self) -> Self:
        if any(one >= other for one, other in pairwise(self.lags)):
            raise ValueError("'lags' must rise from each to the next")
        return self


class WordOrder(ConfigModel):
    """Test texts with two words exchanged, and which classifiers can tell the two texts apart.

    A word speaks for one of two labels, the `opposites`, if its share of the words of that label is
    exp(`evidence`) times that of the other, and both have it `min_count` times together. Beside two
    trained models answers a Markov model of each label, of `order` words.
    """

    bag_of_words: Name
    recurrent: Name
    order: Order
    smoothing: Smoothing
    opposites: Pair
    evidence: Positive
    min_count: Count
    sentence: str
    exchange: Pair


class SourceLength(ConfigModel):
    """The scores of two translators in so many `buckets` of test sources of like length."""

    fixed: Name
    attention: Name
    buckets: IntAtLeast2


class Experiments(ConfigModel):
    """All experiments; each of the maps may be empty."""

    cells: dict[Name, CellConfig]
    gradient_flow: dict[SyntheticTask, GradientFlow]
    long_memory: dict[SyntheticTask, LongMemory]
    word_order: dict[Name, WordOrder]
    source_length: dict[Name, SourceLength]

    def require(self, corpora: Mapping[str, Corpus], models: Mapping[str, Model]) -> None:
        """See that all that the experiments name is there.

        Raises:
            ValueError: it is not; the sentence names the key.
        """
        for stage in ("gradient_flow", "long_memory"):
            if getattr(self, stage) and not self.cells:
                raise ValueError(f"experiments.{stage} compares cells: give 'experiments.cells'")
        for corpus, entry in self.word_order.items():
            where = f"experiments.word_order.{corpus}"
            _corpus(where, corpus, corpora)
            _model(f"{where}.bag_of_words", entry.bag_of_words, corpus, BagOfWords, models)
            _model(f"{where}.recurrent", entry.recurrent, corpus, Classifier, models)
            _labels(f"{where}.opposites", entry.opposites, corpora[corpus])
        for corpus, pair in self.source_length.items():
            where = f"experiments.source_length.{corpus}"
            _corpus(where, corpus, corpora)
            fixed = _model(f"{where}.fixed", pair.fixed, corpus, Seq2Seq, models)
            attends = _model(f"{where}.attention", pair.attention, corpus, Seq2Seq, models)
            if fixed.attention != "none" or attends.attention == "none":
                raise ValueError(
                    f"{where}: 'fixed' names a model with 'attention: none', "
                    "and 'attention' one with another"
                )


def _corpus(where: str, name: str, corpora: Mapping[str, Corpus]) -> None:
    if name not in corpora:
        raise ValueError(f"{where}: no corpus is called '{name}'{suggest(name, corpora)}")


def _model(
    where: str, name: str, corpus: str, kind: type[Kind], models: Mapping[str, Model]
) -> Kind:
    """The model of this kind and corpus that a key names."""
    known = {
        key: model
        for key, model in models.items()
        if isinstance(model, kind) and model.corpus == corpus
    }
    if name not in known:
        raise ValueError(
            f"{where}: no model of its kind and of '{corpus}' is called '{name}'"
            f"{suggest(name, known)}"
        )
    return known[name]


def _labels(where: str, opposites: tuple[str, str], corpus: Corpus) -> None:
    known = corpus.checks.labels or ()
    for label in opposites:
        if label not in known:
            raise ValueError(f"{where}: no label is called '{label}'{suggest(label, known)}")
    if opposites[0] == opposites[1]:
        raise ValueError(f"{where} are two labels, not '{opposites[0]}' twice")
