"""`models`: every kind of model, and what may be said of its training.

A key that may be left out turns something on: left out, the thing is off, or plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipelines.types import (
    Cell,
    ConfigModel,
    Count,
    Dropout,
    Fraction,
    IntAtLeast2,
    Name,
    Pooling,
    Positive,
    Score,
    Seed,
    Seeds,
    Smoothing,
    Task,
    Width,
)


class Optimizer(ConfigModel):
    """How weights follow their gradient, and how the rate falls.

    Adam (Kingma and Ba, 2015), AdamW (Loshchilov and Hutter, 2019), or plain SGD. The rate stays
    `constant`; falls to zero over the whole training (`linear`); is multiplied by `factor` at every
    epoch after the first `decay_after_epoch` (`exponential`, as in Zaremba et al.
    2014); or whenever `patience` epochs in a row were not the best so far (`plateau`).
    """

    name: Literal["adam", "adamw", "sgd"]
    learning_rate: Positive
    schedule: Literal["constant", "linear", "exponential", "plateau"]
    factor: Fraction | None = None
    decay_after_epoch: Count | None = None
    patience: Count | None = None
    warmup_steps: Count | None = Field(
        default=None, description="batches in which the rate rises from 0"
    )
    weight_decay: Positive | None = None
    clip_norm: Positive

    @model_validator(mode="after")
    def _each_key_has_its_owner(self) -> Self:
        schedule = f"'schedule: {self.schedule}'"
        _owned(self, "factor", self.schedule in ("exponential", "plateau"), schedule)
        _owned(self, "decay_after_epoch", self.schedule == "exponential", schedule)
        _owned(self, "patience", self.schedule == "plateau", schedule)
        _owned(self, "weight_decay", self.name == "adamw", f"'name: {self.name}'")
        return self


def _owned(section: ConfigModel, key: str, needed: bool, owner: str) -> None:
    """A key that belongs to one choice of another key, and which that choice needs."""
    given = getattr(section, key) is not None
    if needed and not given:
        raise ValueError(f"{owner} needs '{key}'")
    if given and not needed:
        raise ValueError(f"'{key}' means nothing with {owner}: take it out")


Order = Annotated[int, Field(ge=1, le=12)]


class NGram(ConfigModel):
    """Markov model of `order` tokens.

    Smoothed as by Witten and Bell (1991), or by modified Kneser-Ney (Chen and Goodman, 1999).
    """

    model: Literal["ngram"]
    corpus: str
    seed: Seed | None = None
    order: Order
    smoothing: Smoothing


class _Trained(ConfigModel):
    """What all models with a gradient share.

    `average_epochs` averages the weights of the best epochs. `ensemble_size` trains several models
    from successive seeds and averages their probabilities. `patience` stops after so many epochs
    without an improvement. `gradient_accumulation_steps` adds up the gradients of several batches
    before each step. `seeds` trains the same model from each seed, to measure how much of a result
    is chance.
    """

    corpus: str
    seed: Seed | None = None
    seeds: Seeds | None = None
    dropout: Dropout
    epochs: Count
    patience: Count | None = None
    average_epochs: IntAtLeast2 | None = None
    ensemble_size: Annotated[int, Field(ge=2, le=16)] | None = None
    gradient_accumulation_steps: IntAtLeast2 | None = None
    optimizer: Optimizer

    @model_validator(mode="after")
    def _epochs_suffice(self) -> Self:
        if self.average_epochs is not None and self.average_epochs > self.epochs:
            raise ValueError(
                f"'average_epochs: {self.average_epochs}' is of more epochs than {self.epochs}"
            )
        return self

    @model_validator(mode="after")
    def _each_seed_is_another(self) -> Self:
        if self.seeds is None:
            return self
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"'seeds: {list(self.seeds)}' has a seed twice: take it out")
        if self.seed is not None:
            raise ValueError("give 'seed' or 'seeds', one of the two")
        if self.ensemble_size is not None:
            raise ValueError(
                "'seeds' trains models that are compared, and 'ensemble_size' models that answer "
                "as one: give one of the two"
            )
        return self


class _Bucketed(_Trained):
    """Batches of examples of like length: so many examples, or so many tokens with padding."""

    batch_size: Count | None = None
    batch_tokens: Count | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.batch_size is None) == (self.batch_tokens is None):
            raise ValueError("give 'batch_size' or 'batch_tokens', one of the two")
        return self


class BagOfWords(_Bucketed):
    """Softmax on word counts: a perceptron without `hidden` layers, an MLP with them."""

    model: Literal["bag_of_words"]
    hidden: Annotated[tuple[Width, ...], Field(strict=False)]
    class_weights: Literal["balanced"] | None = None


class _Recurrent(ConfigModel):
    """A stack of recurrent layers.

    `dropout` falls on the inputs of every layer and on what the softmax reads (Zaremba et al.
    2014); `input_dropout` and `output_dropout` take its place at the bottom and at the top. With
    `variational` one mask serves all steps (Gal and Ghahramani, 2016); `word_dropout` drops whole
    words, `weight_drop` weights of the recurrent kernel (Merity et al. 2017). `precision` is that
    of matrix products.
    """

    cell: Cell
    embedding: Width
    units: Width
    layers: Annotated[int, Field(ge=1, le=64)]
    forget_bias: Annotated[float, Field(ge=-10, le=10)] | None = None
    residual: bool | None = None
    input_dropout: Dropout | None = None
    output_dropout: Dropout | None = None
    word_dropout: Dropout | None = None
    weight_drop: Dropout | None = None
    variational: bool | None = None
    precision: Literal["bfloat16"] | None = None

    @model_validator(mode="after")
    def _only_an_lstm_forgets(self) -> Self:
        if self.forget_bias is not None and self.cell != "lstm":
            raise ValueError(f"'forget_bias' means nothing with 'cell: {self.cell}': take it out")
        return self

    @model_validator(mode="after")
    def _a_layer_has_another_below_to_add(self) -> Self:
        if self.residual and self.layers == 1:
            raise ValueError(
                "'residual' adds the outputs of the layer below: give 'layers' above 1"
            )
        return self


class Interpolation(ConfigModel):
    """A Markov model of the same text, and its `weight` in the probability."""

    order: Order
    smoothing: Smoothing
    weight: Fraction


class LanguageModel(_Trained, _Recurrent):
    """Recurrent language model.

    `bptt_steps` is the length of truncated backpropagation through time. With `tied_embeddings`
    softmax and embedding share their weights (Press and Wolf, 2017). `random_bptt_steps` draws the
    length of each batch; `activation_regularization` and `temporal_activation_regularization`
    penalise large and fast-changing outputs (Merity et al. 2017). `ngram`
    interpolates the trained network with a Markov model (Mikolov et al. 2010).
    """

    model: Literal["language_model"]
    batch_size: Count
    bptt_steps: Count
    tied_embeddings: bool | None = None
    random_bptt_steps: bool | None = None
    activation_regularization: Positive | None = None
    temporal_activation_regularization: Positive | None = None
    ngram: Interpolation | None = None

    @model_validator(mode="after")
    def _change_takes_two_steps(self) -> Self:
        if self.temporal_activation_regularization is not None and self.bptt_steps == 1:
            raise ValueError(
                "'temporal_activation_regularization' compares each step with the one before: "
                "give 'bptt_steps' above 1"
            )
        return self


class Classifier(_Bucketed, _Recurrent):
    """Recurrent reader with a softmax on its last state, or on a pool of all its outputs.

    `init_from` names a language model whose embedding and recurrent layers it starts from (Dai and
    Le, 2015).
    """

    model: Literal["classifier"]
    bidirectional: bool
    pooling: Pooling
    class_weights: Literal["balanced"] | None = None
    init_from: Name | None = None

    @model_validator(mode="after")
    def _reads_as_its_language_model(self) -> Self:
        if self.init_from is not None and self.bidirectional:
            raise ValueError(
                "'init_from' needs 'bidirectional: false': a language model reads forwards only"
            )
        return self


class Seq2Seq(_Bucketed, _Recurrent):
    """Encoder and decoder; with `attention: none` one fixed vector stands between them.

    `input_feeding` gives the decoder what it attended to at the step before (Luong et al. 2015).
    `bridge` makes the decoder's first state of the encoder's last: `dense` (also if left out),
    `copy` or `zero`. `tied_embeddings: target` shares the target embedding with the softmax, `all`
    the source embedding too. `scheduled_sampling` is the share of the decoder's inputs that are its
    own predictions at the end of the training (Bengio et al. 2015). `subword_sampling` draws
    another segmentation into sub-words at each epoch (Kudo 2018; Provilkov et al. 2020).
    """

    model: Literal["seq2seq"]
    bidirectional: bool
    attention: Score
    input_feeding: bool | None = None
    bridge: Literal["dense", "copy", "zero"] | None = None
    label_smoothing: Fraction | None = None
    scheduled_sampling: Fraction | None = None
    tied_embeddings: Literal["target", "all"] | None = None
    subword_sampling: Fraction | None = None

    @model_validator(mode="after")
    def _widths_fit(self) -> Self:
        twice = "a bidirectional encoder's are twice as wide"
        if self.attention == "dot" and self.bidirectional:
            raise ValueError(
                "'attention: dot' needs encoder states as wide as the decoder's, and "
                f"{twice}: use 'general' or 'bidirectional: false'"
            )
        if self.bridge == "copy" and self.bidirectional:
            raise ValueError(
                f"'bridge: copy' needs states as wide as the decoder's, and {twice}: "
                "use 'bridge: dense'"
            )
        if self.input_feeding and self.attention == "none":
            raise ValueError("'input_feeding' feeds what was attended to: give an 'attention'")
        if self.bridge == "zero" and self.attention == "none":
            raise ValueError(
                "'bridge: zero' with 'attention: none' tells the decoder nothing of the source: "
                "give an 'attention', or another 'bridge'"
            )
        return self


Model = Annotated[
    NGram | BagOfWords | LanguageModel | Classifier | Seq2Seq, Field(discriminator="model")
]
MODELS = (NGram, BagOfWords, LanguageModel, Classifier, Seq2Seq)
TASK_OF: Mapping[str, Task] = {
    "ngram": "language_modelling",
    "language_model": "language_modelling",
    "bag_of_words": "classification",
    "classifier": "classification",
    "seq2seq": "translation",
}
# The stage that trains each family of models.
FAMILIES: Mapping[str, str] = {
    "baseline": "train_baseline",
    "lstm": "train_lstm",
    "fine_tuned": "fine_tune",
    "seq2seq": "train_seq2seq",
}
FAMILY_OF_STAGE = {stage: family for family, stage in FAMILIES.items()}
STAGES = tuple(FAMILIES.values())


def seeds_of(entry: Any) -> tuple[int, ...]:
    """Those of a group, whose members answer each for itself; none of any other model."""
    return getattr(entry, "seeds", None) or ()


def training_stage(entry: Any) -> str:
    """The stage that trains a model."""
    if getattr(entry, "init_from", None) is not None:
        return "fine_tune"
    return {
        "ngram": "train_baseline",
        "bag_of_words": "train_baseline",
        "language_model": "train_lstm",
        "classifier": "train_lstm",
        "seq2seq": "train_seq2seq",
    }[entry.model]


def family_of(entry: Any) -> str:
    """Return the family of a model: `baseline`, `lstm`, `fine_tuned` or `seq2seq`."""
    return FAMILY_OF_STAGE[training_stage(entry)]


def evaluation_stage(entry: Any) -> str:
    """Return the stage that evaluates a model."""
    return f"evaluate_{family_of(entry)}"
