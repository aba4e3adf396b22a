"""`experiments`: small experiments, shown in the last section of the report."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import Field, model_validator

from pipelines.config.corpora import Corpus
from pipelines.config.models import (
    BagOfWordsConfig,
    ClassifierConfig,
    LogisticRegressionConfig,
    Model,
    Order,
    Seq2SeqConfig,
)
from pipelines.errors import suggest
from pipelines.types import (
    Cell,
    ConfigModel,
    Count,
    IntAtLeast2,
    Name,
    Names,
    Positive,
    Smoothing,
    Width,
)

Initializer = Literal["glorot_uniform", "orthogonal", "identity"]
PlanarExamples = Literal["xor", "circles"]
Activation = Literal["sigmoid", "tanh", "relu", "linear"]
SyntheticTask = Literal["adding", "copying", "recall"]
Kind = TypeVar("Kind", BagOfWordsConfig, ClassifierConfig, LogisticRegressionConfig, Seq2SeqConfig)
Pair = Annotated[tuple[str, str], Field(strict=False)]


class CellConfig(ConfigModel):
    """Recurrent cell that the experiments compare.

    `recurrent_initializer` is the initializer of the recurrent kernel; without it, each cell has
    its own.
    """

    cell: Cell
    forget_bias: Annotated[float, Field(ge=-10, le=10)] | None = None
    recurrent_initializer: Initializer | None = None

    @model_validator(mode="after")
    def _check_forget_bias(self) -> Self:
        if self.forget_bias is not None and self.cell != "lstm":
            raise ValueError(f"'forget_bias' has no effect with 'cell: {self.cell}': remove it")
        if self.recurrent_initializer == "identity" and self.cell not in ("rnn", "irnn"):
            raise ValueError(
                f"'recurrent_initializer: identity' needs 'cell: rnn' or 'cell: irnn', not "
                f"'cell: {self.cell}'"
            )
        return self


class Memory(ConfigModel):
    """Training of small recurrent layers by Adam on a task that needs memory.

    Each cell is trained at each of `learning_rates` from each of `seeds` successive seeds, for
    each of `lags` and each of `bptt_steps`. A cell has learnt the task if its error is below
    `threshold` times that of a network without memory.
    """

    cells: Names | None = None
    symbols: Count | None = None
    lags: Annotated[tuple[IntAtLeast2, ...], Field(strict=False, min_length=1)]
    bptt_steps: Annotated[tuple[Count | Literal["full"], ...], Field(strict=False, min_length=1)]
    learning_rates: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]
    seeds: IntAtLeast2
    units: Width
    batch_size: Count
    steps: Count
    clip_norm: Positive
    threshold: Annotated[float, Field(gt=0, le=0.1)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for key in ("lags", "learning_rates"):
            if any(first >= second for first, second in pairwise(getattr(self, key))):
                raise ValueError(f"'{key}' must be in increasing order")
        lengths = [steps for steps in self.bptt_steps if steps != "full"]
        full = [steps for steps in self.bptt_steps if steps == "full"]
        if self.bptt_steps != (*sorted(set(lengths)), *full[:1]):
            raise ValueError("'bptt_steps' must be in increasing order, with 'full' at the end")
        return self


class Backpropagation(ConfigModel):
    """Networks that learn `examples` points of the plane by SGD, one at each step.

    They are a perceptron, and networks of two layers with `hidden` units, without an activation
    function and with `activation`. `noise` is the standard deviation of the points' coordinates.
    """

    examples: Annotated[int, Field(ge=2, le=10_000)]
    noise: Annotated[float, Field(ge=0, le=10)]
    hidden: Annotated[int, Field(ge=1, le=256)]
    activation: Activation
    learning_rate: Positive
    epochs: Annotated[int, Field(ge=1, le=10_000)]


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


class ShiftedTexts(ConfigModel):
    """The first `texts` test texts with `words` before them, instead of after them."""

    words: Annotated[str, Field(pattern=r"\S")]
    texts: Count


class WordOrder(ConfigModel):
    """Classifiers on pairs of texts with the same words in a different order.

    A Markov model per label, of `order` words, is compared with the three trained models:
    `bag_of_words` ignores positions, `positions` has features of words at fixed positions, and
    `recurrent` reads the words in order.
    """

    bag_of_words: Name
    positions: Name
    recurrent: Name
    order: Order
    smoothing: Smoothing
    minimal_pairs: Annotated[str, Field(pattern=r"^texts/[^/].*$")]
    shift: ShiftedTexts | None = None
    exchange: ExchangedWords | None = None


class SourceLength(ConfigModel):
    """Scores of two translation models by the length of the source, in `buckets`."""

    fixed: Name
    attention: Name
    buckets: IntAtLeast2


class Experiments(ConfigModel):
    """Experiments of the report; each map may be empty."""

    cells: dict[Name, CellConfig]
    backpropagation: dict[PlanarExamples, Backpropagation]
    memory: dict[SyntheticTask, Memory]
    word_order: dict[Name, WordOrder]
    source_length: dict[Name, SourceLength]

    def check_references(self, corpora: Mapping[str, Corpus], models: Mapping[str, Model]) -> None:
        """Check that the corpora, models and labels of the experiments exist.

        Raises:
            ValueError: one does not; the message names the key.
        """
        for task, memory in self.memory.items():
            key = f"experiments.memory.{task}"
            if not self.cells:
                raise ValueError(f"{key} needs at least one entry in 'experiments.cells'")
            for cell in memory.cells or ():
                if cell not in self.cells:
                    raise ValueError(
                        f"{key}.cells: there is no cell '{cell}'{suggest(cell, self.cells)}"
                    )
            if (task == "copying") != (memory.symbols is not None):
                reason = "needs" if task == "copying" else "has no"
                raise ValueError(f"{key} {reason} 'symbols', the number of symbols to copy")
        for name, entry in self.word_order.items():
            key = f"experiments.word_order.{name}"
            corpus = _find_corpus(key, name, corpora)
            _find_bag_of_words(f"{key}.bag_of_words", entry.bag_of_words, name, models)
            _find_positions(f"{key}.positions", entry.positions, name, models)
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


def _find_bag_of_words(key: str, name: str, corpus: str, models: Mapping[str, Model]) -> None:
    """Check that a model ignores word order."""
    model = models.get(name)
    if not isinstance(model, LogisticRegressionConfig):
        bag = _find_model(key, name, corpus, BagOfWordsConfig, models)
        if bag.positions is not None:
            raise ValueError(
                f"{key}: '{name}' has 'positions', which depend on word order. Name a model "
                "without them"
            )
        return
    _find_model(key, name, corpus, LogisticRegressionConfig, models)
    if model.ngrams > 1:
        raise ValueError(
            f"{key}: '{name}' has 'ngrams: {model.ngrams}', which depend on word order. Name a "
            "model with 'ngrams: 1'"
        )


def _find_positions(key: str, name: str, corpus: str, models: Mapping[str, Model]) -> None:
    """Check that a model has features of words at fixed positions."""
    if _find_model(key, name, corpus, BagOfWordsConfig, models).positions is None:
        raise ValueError(f"{key}: '{name}' counts words. Name a model with 'positions'")


def _check_labels(key: str, labels: tuple[str, str], corpus: Corpus) -> None:
    known_labels = corpus.checks.label_values
    for label in labels:
        if label not in known_labels:
            raise ValueError(f"{key}: there is no label '{label}'{suggest(label, known_labels)}")
    if labels[0] == labels[1]:
        raise ValueError(f"{key} must be two different labels, but both are '{labels[0]}'")
