"""`experiments`: small experiments, shown in the last section of the report."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import Field, model_validator

from pipelines.config.corpora import Corpus
from pipelines.config.models import BagOfWordsConfig, ClassifierConfig, Model, Order, Seq2SeqConfig
from pipelines.errors import suggest
from pipelines.types import (
    Cell,
    ConfigModel,
    Count,
    Fraction,
    IntAtLeast2,
    Name,
    Names,
    Positive,
    Smoothing,
    Width,
)

SyntheticTask = Literal["adding", "copying"]
Kind = TypeVar("Kind", BagOfWordsConfig, ClassifierConfig, Seq2SeqConfig)
Pair = Annotated[tuple[str, str], Field(strict=False)]


class CellConfig(ConfigModel):
    """Recurrent cell that the experiments compare."""

    cell: Cell
    forget_bias: Annotated[float, Field(ge=-10, le=10)] | None = None

    @model_validator(mode="after")
    def _check_forget_bias(self) -> Self:
        if self.forget_bias is not None and self.cell != "lstm":
            raise ValueError(f"'forget_bias' has no effect with 'cell: {self.cell}': remove it")
        return self


class ToyTraining(ConfigModel):
    """Training of one small recurrent layer by Adam, on new batches at each step."""

    units: Width
    batch_size: Count
    steps: Count
    learning_rate: Positive
    clip_norm: Positive


class GradientFlow(ToyTraining):
    """Norm of the gradient over `lag` steps, before and after a training run."""

    lag: IntAtLeast2


class LongMemory(ToyTraining):
    """Longest lag over which a cell learns a task.

    A lag is learnt if the loss falls below `threshold` times the loss of a network without memory.
    """

    lags: Annotated[tuple[IntAtLeast2, ...], Field(strict=False, min_length=1)]
    threshold: Fraction

    @model_validator(mode="after")
    def _check_lags(self) -> Self:
        if any(lag >= next_lag for lag, next_lag in pairwise(self.lags)):
            raise ValueError("'lags' must be in increasing order")
        return self


class ExchangedWords(ConfigModel):
    """Test texts with two words exchanged that indicate opposite `labels`.

    A word indicates a label if its frequency under that label is exp(`evidence`) times its
    frequency under the other, and both together have it `min_count` times. The words in `exclude`
    are never exchanged.
    """

    labels: Pair
    evidence: Positive
    min_count: Count
    exclude: Names | None = None


class WordOrder(ConfigModel):
    """Classifiers on pairs of texts with the same words in a different order.

    A Markov model per label, of `order` words, is compared with the two trained models.
    """

    bag_of_words: Name
    recurrent: Name
    order: Order
    smoothing: Smoothing
    minimal_pairs: Annotated[str, Field(pattern=r"^texts/[^/].*$")]
    exchange: ExchangedWords | None = None


class SourceLength(ConfigModel):
    """Scores of two translation models by the length of the source, in `buckets`."""

    fixed: Name
    attention: Name
    buckets: IntAtLeast2


class Experiments(ConfigModel):
    """Experiments of the report; each map may be empty."""

    cells: dict[Name, CellConfig]
    gradient_flow: dict[SyntheticTask, GradientFlow]
    long_memory: dict[SyntheticTask, LongMemory]
    word_order: dict[Name, WordOrder]
    source_length: dict[Name, SourceLength]

    def check_references(self, corpora: Mapping[str, Corpus], models: Mapping[str, Model]) -> None:
        """Check that the corpora, models and labels of the experiments exist.

        Raises:
            ValueError: one does not; the message names the key.
        """
        for stage in ("gradient_flow", "long_memory"):
            if getattr(self, stage) and not self.cells:
                raise ValueError(
                    f"experiments.{stage} needs at least one entry in 'experiments.cells'"
                )
        for name, entry in self.word_order.items():
            key = f"experiments.word_order.{name}"
            corpus = _find_corpus(key, name, corpora)
            _find_model(f"{key}.bag_of_words", entry.bag_of_words, name, BagOfWordsConfig, models)
            _find_model(f"{key}.recurrent", entry.recurrent, name, ClassifierConfig, models)
            if entry.exchange is not None:
                _check_labels(f"{key}.exchange.labels", entry.exchange.labels, corpus)
        for name, pair in self.source_length.items():
            key = f"experiments.source_length.{name}"
            _find_corpus(key, name, corpora)
            fixed = _find_model(f"{key}.fixed", pair.fixed, name, Seq2SeqConfig, models)
            attention = _find_model(f"{key}.attention", pair.attention, name, Seq2SeqConfig, models)
            if fixed.attention != "none" or attention.attention == "none":
                raise ValueError(
                    f"{key}: 'fixed' must name a model with 'attention: none', and 'attention' one "
                    "with an attention"
                )


def _find_corpus(key: str, name: str, corpora: Mapping[str, Corpus]) -> Corpus:
    if name not in corpora:
        raise ValueError(f"{key}: there is no corpus '{name}'{suggest(name, corpora)}")
    return corpora[name]


def _find_model(
    key: str, name: str, corpus: str, kind: type[Kind], models: Mapping[str, Model]
) -> Kind:
    """Return a model of a kind and a corpus."""
    choices = {
        choice: model
        for choice, model in models.items()
        if isinstance(model, kind) and model.corpus == corpus
    }
    if name not in choices:
        tag = get_args(kind.model_fields["model"].annotation)[0]
        raise ValueError(
            f"{key}: the corpus '{corpus}' has no {tag} model '{name}'{suggest(name, choices)}"
        )
    return choices[name]


def _check_labels(key: str, labels: tuple[str, str], corpus: Corpus) -> None:
    known_labels = corpus.checks.labels or ()
    for label in labels:
        if label not in known_labels:
            raise ValueError(f"{key}: there is no label '{label}'{suggest(label, known_labels)}")
    if labels[0] == labels[1]:
        raise ValueError(f"{key} must be two different labels, but both are '{labels[0]}'")
