"""`models`: kinds of models and the options of their training.

Optional keys enable features: omit one to disable it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, model_validator

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
    """Optimizer and learning rate schedule.

    Adam (Kingma and Ba, 2015), AdamW (Loshchilov and Hutter, 2019), or plain SGD. The learning rate
    stays `constant`; falls to zero over all epochs (`linear`); is multiplied by `factor` at every
    epoch after the first `decay_after_epoch` (`exponential`, as in Zaremba et al. 2014); or is
    multiplied by it after `patience` epochs in a row without an improvement (`plateau`).
    `weight_decay` subtracts rate x decay x weight at each step, apart from the clipped gradient:
    for `adamw` that is the paper's decoupled decay; for `sgd` it equals the L2 penalty that PyTorch
    and AWD-LSTM add to the clipped gradient. With `nonmonotone_interval` SGD averages the weights
    once the validation score has stopped improving (NT-ASGD, Merity et al. 2017).
    """

    name: Literal["adam", "adamw", "sgd"]
    learning_rate: Positive
    schedule: Literal["constant", "linear", "exponential", "plateau"]
    factor: Fraction | None = None
    decay_after_epoch: Count | None = None
    patience: Count | None = None
    warmup_steps: Count | None = Field(
        default=None, description="batches in which the learning rate rises from 0"
    )
    weight_decay: Positive | None = None
    nonmonotone_interval: Count | None = Field(
        default=None, description="epochs that may pass before a worse score starts the average"
    )
    clip_norm: Positive

    @model_validator(mode="after")
    def _check_dependent_keys(self) -> Self:
        schedule = f"'schedule: {self.schedule}'"
        _check_dependent_key(self, "factor", self.schedule in ("exponential", "plateau"), schedule)
        _check_dependent_key(self, "decay_after_epoch", self.schedule == "exponential", schedule)
        _check_dependent_key(self, "patience", self.schedule == "plateau", schedule)
        name = f"'name: {self.name}'"
        if self.name != "sgd":
            _check_dependent_key(self, "weight_decay", self.name == "adamw", name)
            _check_dependent_key(self, "nonmonotone_interval", False, name)
        return self


def _check_dependent_key(section: ConfigModel, key: str, needed: bool, owner: str) -> None:
    """Check a key that one choice of another key needs, and that is useless with the others."""
    is_set = getattr(section, key) is not None
    if needed and not is_set:
        raise ValueError(f"{owner} needs '{key}'")
    if is_set and not needed:
        raise ValueError(f"'{key}' has no effect with {owner}: remove it")


Order = Annotated[int, Field(ge=1, le=12)]
Orders = Annotated[tuple[Order, ...], Field(strict=False, min_length=1)]


class NGramOptions(ConfigModel):
    """Markov model of `order` tokens; of several orders the lowest validation loss chooses one.

    The smoothing is that of Witten and Bell (1991), or modified Kneser-Ney (Chen and Goodman,
    1999).
    """

    # The discriminator lets an error speak of the number or of the list, not of both.
    order: Annotated[
        Annotated[Order, Tag("order")] | Annotated[Orders, Tag("orders")],
        Discriminator(lambda order: "orders" if isinstance(order, list | tuple) else "order"),
    ]
    smoothing: Smoothing

    @property
    def orders(self) -> tuple[int, ...]:
        """The candidate orders, or the only one."""
        return self.order if isinstance(self.order, tuple) else (self.order,)

    @model_validator(mode="after")
    def _check_orders(self) -> Self:
        if list(self.orders) != sorted(set(self.orders)):
            raise ValueError(f"'order: {list(self.orders)}' must ascend: sort it")
        return self


class CacheOptions(ConfigModel):
    """Unigram cache: relative frequencies of the last `window` tokens (Kuhn and De Mori, 1990)."""

    window: Count


class NGramConfig(NGramOptions):
    """N-gram model; a unigram `cache` joins it with a weight fitted on the validation split."""

    task: ClassVar[Task] = "language_modelling"
    family: ClassVar[str] = "baseline"
    kernel: ClassVar[str] = "counts"

    model: Literal["ngram"]
    corpus: str
    seed: Seed | None = None
    cache: CacheOptions | None = None


class LogisticRegressionConfig(ConfigModel):
    """Logistic regression on the tf-idf weights of n-grams of up to `ngrams` tokens.

    N-grams in fewer than `min_count` training texts are left out; with `sublinear_tf` a count is
    replaced by one plus its logarithm (Manning et al. 2008, section 6.4.1). `c_values` are the
    candidates for C, the inverse strength of the L2 penalty; the validation split chooses.
    """

    task: ClassVar[Task] = "classification"
    family: ClassVar[str] = "baseline"
    kernel: ClassVar[str] = "lbfgs"

    model: Literal["logistic_regression"]
    corpus: str
    ngrams: Order
    min_count: Count
    sublinear_tf: bool | None = None
    c_values: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]
    class_weights: Literal["balanced"] | None = None

    @model_validator(mode="after")
    def _check_c_values(self) -> Self:
        if any(value >= next_value for value, next_value in pairwise(self.c_values)):
            raise ValueError("'c_values' must be in increasing order")
        return self


class TrainableConfig(ConfigModel):
    """Options of all models that are trained by gradient descent.

    `average_epochs` averages the weights of the best epochs. `ensemble_size` trains several models
    from successive seeds and averages their probabilities. `patience` stops after so many epochs
    without an improvement. `gradient_accumulation_steps` adds up the gradients of several batches
    before each step. `seeds` trains the same model from each seed, to measure how much of a result
    is chance. `workers` divides each batch among so many processes or GPUs.
    `unknown_replacement` is the alpha with which rare words are read as `<unk>` (Kiperwasser and
    Goldberg, 2016); a language model predicts `<unk>` there, too.
    """

    corpus: str
    seed: Seed | None = None
    seeds: Seeds | None = None
    dropout: Dropout
    unknown_replacement: Positive | None = None
    epochs: Count
    patience: Count | None = None
    average_epochs: IntAtLeast2 | None = None
    ensemble_size: Annotated[int, Field(ge=2, le=16)] | None = None
    gradient_accumulation_steps: IntAtLeast2 | None = None
    workers: Annotated[int, Field(ge=2, le=1024)] | None = None
    optimizer: Optimizer

    @model_validator(mode="after")
    def _check_average_epochs(self) -> Self:
        if self.average_epochs is not None and self.average_epochs > self.epochs:
            raise ValueError(
                f"'average_epochs: {self.average_epochs}' must be at most 'epochs: {self.epochs}'"
            )
        if self.average_epochs is not None and self.optimizer.nonmonotone_interval is not None:
            raise ValueError(
                "'average_epochs' and 'optimizer.nonmonotone_interval' both average weights: "
                "remove one of them"
            )
        return self

    @model_validator(mode="after")
    def _check_workers(self) -> Self:
        rows = getattr(self, "batch_size", None)
        if self.workers is not None and rows is not None and rows < self.workers:
            raise ValueError(
                f"'workers: {self.workers}' needs a row of each batch for each worker: raise "
                f"'batch_size: {rows}' or lower 'workers'"
            )
        return self

    @model_validator(mode="after")
    def _check_seeds(self) -> Self:
        if self.seeds is None:
            return self
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"'seeds: {list(self.seeds)}' repeats a seed: remove it")
        if self.seed is not None:
            raise ValueError("set 'seed' or 'seeds', not both")
        if self.ensemble_size is not None:
            raise ValueError(
                "set 'seeds', which compares models, or 'ensemble_size', which combines them, not "
                "both"
            )
        return self


class BucketedConfig(TrainableConfig):
    """Options of batches of similar length, measured in examples or in tokens with padding."""

    batch_size: Count | None = None
    batch_tokens: Count | None = None

    @model_validator(mode="after")
    def _check_batch_size(self) -> Self:
        if (self.batch_size is None) == (self.batch_tokens is None):
            raise ValueError("set exactly one of 'batch_size' and 'batch_tokens'")
        return self


class BagOfWordsConfig(BucketedConfig):
    """Softmax on word counts: a perceptron without `hidden` layers, an MLP with them.

    With `positions` a feature is a word at one of the first `positions` places of the text.
    """

    task: ClassVar[Task] = "classification"
    family: ClassVar[str] = "baseline"

    model: Literal["bag_of_words"]
    hidden: Annotated[tuple[Width, ...], Field(strict=False)]
    positions: Count | None = None
    class_weights: Literal["balanced"] | None = None


class RecurrentConfig(ConfigModel):
    """Options of a stack of recurrent layers.

    `dropout` applies to the inputs of every layer and to the input of the softmax (Zaremba et al.
    2014); `input_dropout` and `output_dropout` replace it at the bottom and at the top. With
    `variational` all steps share one mask (Gal and Ghahramani, 2016); `word_dropout` drops whole
    words, `weight_drop` weights of the recurrent kernel (Merity et al. 2017). `precision` is that
    of matrix products.
    """

    if TYPE_CHECKING:
        dropout: Dropout  # a field of TrainableConfig, which every recurrent model has too

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
    def _check_forget_bias(self) -> Self:
        if self.forget_bias is not None and self.cell != "lstm":
            raise ValueError(f"'forget_bias' has no effect with 'cell: {self.cell}': remove it")
        return self

    @model_validator(mode="after")
    def _check_residual(self) -> Self:
        if self.residual and self.layers == 1:
            raise ValueError("'residual' needs 'layers' above 1")
        return self


class LanguageModelConfig(TrainableConfig, RecurrentConfig):
    """Recurrent language model.

    `bptt_steps` is the length of truncated backpropagation through time. With `tied_embeddings`
    softmax and embedding share their weights (Press and Wolf, 2017). `random_bptt_steps` draws the
    length of each batch; `activation_regularization` and `temporal_activation_regularization`
    penalise large and fast-changing outputs (Merity et al. 2017). `ngram` and `cache` interpolate
    the trained network with a Markov model of the same text (Mikolov et al. 2010) and with a
    unigram cache; the weights are fitted on the validation split.
    """

    task: ClassVar[Task] = "language_modelling"
    family: ClassVar[str] = "lstm"

    model: Literal["language_model"]
    batch_size: Count
    bptt_steps: Count
    tied_embeddings: bool | None = None
    random_bptt_steps: bool | None = None
    activation_regularization: Positive | None = None
    temporal_activation_regularization: Positive | None = None
    ngram: NGramOptions | None = None
    cache: CacheOptions | None = None

    @model_validator(mode="after")
    def _check_bptt_steps(self) -> Self:
        if self.temporal_activation_regularization is not None and self.bptt_steps == 1:
            raise ValueError("'temporal_activation_regularization' needs 'bptt_steps' above 1")
        return self


class ClassifierConfig(BucketedConfig, RecurrentConfig):
    """Recurrent layers with a softmax on their last state, or on pooled outputs.

    `init_from` names the language model that initialises embedding and recurrent layers (Dai and
    Le, 2015).
    """

    task: ClassVar[Task] = "classification"
    family: ClassVar[str] = "lstm"

    model: Literal["classifier"]
    bidirectional: bool
    pooling: Pooling
    class_weights: Literal["balanced"] | None = None
    init_from: Name | None = None

    @model_validator(mode="after")
    def _check_direction(self) -> Self:
        if self.init_from is not None and self.bidirectional:
            raise ValueError(
                "'init_from' needs 'bidirectional: false': language models read forwards only"
            )
        return self


class TaggerConfig(BucketedConfig, RecurrentConfig):
    """Recurrent layers with a softmax for each token.

    With `crf` a conditional random field scores pairs of adjacent tags, too, and the whole sequence
    of tags is predicted (Lafferty et al. 2001; Huang et al. 2015).
    """

    task: ClassVar[Task] = "tagging"
    family: ClassVar[str] = "lstm"

    model: Literal["tagger"]
    bidirectional: bool
    crf: bool | None = None

    @model_validator(mode="after")
    def _check_ensemble(self) -> Self:
        if self.crf and self.ensemble_size is not None:
            raise ValueError(
                "'ensemble_size' averages the probabilities of each tag, and 'crf' has those of "
                "whole sequences: remove one of them"
            )
        return self


class Seq2SeqConfig(BucketedConfig, RecurrentConfig):
    """Encoder and decoder; with `attention: none` one fixed vector connects them.

    `input_feeding` feeds the attention context of the previous step to the decoder (Luong et al.
    2015). `bridge` computes the decoder's first state from the encoder's last: `dense` (the
    default), `copy` or `zero`. `tied_embeddings: target` shares the target embedding with the
    softmax, `all` the source embedding too. `scheduled_sampling` is the fraction of the decoder's
    inputs that are its own predictions at the end of the training (Bengio et al. 2015).
    `subword_sampling` draws a different segmentation into sub-words in each epoch (Kudo 2018;
    Provilkov et al. 2020).
    """

    task: ClassVar[Task] = "translation"
    family: ClassVar[str] = "seq2seq"

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
    def _check_attention(self) -> Self:
        if self.attention == "dot" and self.bidirectional:
            raise ValueError(
                "'attention: dot' needs encoder and decoder states of the same width, and those of "
                "a bidirectional encoder are twice as wide: use 'attention: general' or "
                "'bidirectional: false'"
            )
        if self.bridge == "copy" and self.bidirectional:
            raise ValueError(
                "'bridge: copy' needs encoder and decoder states of the same width, and those of a "
                "bidirectional encoder are twice as wide: use 'bridge: dense'"
            )
        if self.input_feeding and self.attention == "none":
            raise ValueError("'input_feeding' needs an 'attention'")
        if self.bridge == "zero" and self.attention == "none":
            raise ValueError(
                "'bridge: zero' with 'attention: none' hides the source from the decoder: choose "
                "another 'bridge' or 'attention'"
            )
        return self


TrainableModel = (  # kinds of models that are trained by gradient descent
    BagOfWordsConfig | LanguageModelConfig | ClassifierConfig | TaggerConfig | Seq2SeqConfig
)
Model = Annotated[
    NGramConfig | LogisticRegressionConfig | TrainableModel, Field(discriminator="model")
]
MODELS = (NGramConfig, LogisticRegressionConfig, *get_args(TrainableModel))
TASK_OF: Mapping[str, Task] = {
    get_args(kind.model_fields["model"].annotation)[0]: kind.task for kind in MODELS
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


def seeds_of(entry: object) -> tuple[int, ...]:
    """Return the seeds of a seed group, or nothing for any other model."""
    return getattr(entry, "seeds", None) or ()


def training_stage(entry: Model) -> str:
    """Return the stage that trains a model."""
    return FAMILIES[family_of(entry)]


def family_of(entry: Model) -> str:
    """Return the family of a model: `baseline`, `lstm`, `fine_tuned` or `seq2seq`."""
    if isinstance(entry, ClassifierConfig) and entry.init_from is not None:
        return "fine_tuned"
    return entry.family


def evaluation_stage(entry: Model) -> str:
    """Return the stage that evaluates a model."""
    return f"evaluate_{family_of(entry)}"
