"""Typed, frozen contents of `params.yaml`.

Defaults are in `params.yaml`: the only default of a field is None,
which disables a feature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from pipelines.config import yaml_tree
from pipelines.config.checks import Checks, with_common_rules
from pipelines.config.corpora import (
    Cleaning,
    ContrastsSource,
    Corpus,
    DatesSource,
    Download,
    FilesSource,
    FractionSplit,
    GivenSplit,
    PackageSource,
    Reader,
    Samples,
    Search,
    Source,
    Split,
    UrlSource,
    VocabularyParams,
)
from pipelines.config.error_messages import error_message
from pipelines.config.experiments import (
    Backpropagation,
    CellConfig,
    ExchangedWords,
    Experiments,
    Memory,
    ShiftedTexts,
    SourceLength,
    SyntheticTask,
    WordOrder,
)
from pipelines.config.goals import Goal, check_goals
from pipelines.config.models import (
    FAMILIES,
    FAMILY_OF_STAGE,
    STAGES,
    TASK_OF,
    BagOfWordsConfig,
    BucketedConfig,
    CacheOptions,
    ClassifierConfig,
    LanguageModelConfig,
    LogisticRegressionConfig,
    Model,
    NGramConfig,
    NGramOptions,
    Optimizer,
    RecurrentConfig,
    Seq2SeqConfig,
    TaggerConfig,
    TrainableConfig,
    TrainableModel,
    family_of,
    seeds_of,
    training_stage,
)
from pipelines.config.sweeps import Sweep, SweepName, check_sweep
from pipelines.data.readers.text_files import decode
from pipelines.errors import UserError, suggest
from pipelines.types import (
    SUB_WORDS,
    Cell,
    ConfigModel,
    Count,
    Name,
    Pooling,
    Score,
    Seed,
    Smoothing,
    Task,
    Tokens,
    UnicodeForm,
    cell_names,
)

__all__ = [
    "FAMILIES",
    "STAGES",
    "SUB_WORDS",
    "TASK_OF",
    "Backpropagation",
    "BagOfWordsConfig",
    "BucketedConfig",
    "CacheOptions",
    "Cell",
    "CellConfig",
    "Checkpoints",
    "Checks",
    "ClassifierConfig",
    "Cleaning",
    "ConfigModel",
    "ContrastsSource",
    "Corpus",
    "DataConfig",
    "DatesSource",
    "Download",
    "ExchangedWords",
    "Experiments",
    "FilesSource",
    "FractionSplit",
    "GivenSplit",
    "Goal",
    "LanguageModelConfig",
    "LogisticRegressionConfig",
    "Memory",
    "Model",
    "NGramConfig",
    "NGramOptions",
    "Name",
    "Optimizer",
    "PackageSource",
    "Params",
    "Pooling",
    "Reader",
    "RecurrentConfig",
    "Samples",
    "Score",
    "Search",
    "Seed",
    "Seq2SeqConfig",
    "ShiftedTexts",
    "Smoothing",
    "Source",
    "SourceLength",
    "Split",
    "Sweep",
    "SyntheticTask",
    "TaggerConfig",
    "Task",
    "Tokens",
    "Tracking",
    "TrainableConfig",
    "TrainableModel",
    "UnicodeForm",
    "UrlSource",
    "VocabularyParams",
    "WordOrder",
    "cell_names",
    "load",
    "parse",
    "require",
    "seeds_of",
    "training_stage",
]


class Tracking(ConfigModel):
    """Options of experiment tracking; they change no result."""

    experiment_prefix: str


class Checkpoints(ConfigModel):
    """Options of checkpoints; they change no result."""

    every: Count


class DataConfig(ConfigModel):
    """Where `preprocess` and `build_vocab` run; it changes no result."""

    engine: Literal["local", "dask"]
    scheduler: Annotated[str, Field(pattern=r"^[a-z]+://\S+$")] | None = None

    @model_validator(mode="after")
    def _check_scheduler(self) -> Self:
        if self.engine == "dask" and self.scheduler is None:
            raise ValueError("'scheduler' is missing: 'engine: dask' needs its address, tcp://...")
        if self.engine == "local" and self.scheduler is not None:
            raise ValueError("'scheduler' has no effect with 'engine: local': remove it")
        return self


class ModelFamilies(ConfigModel):
    """Models by the stage that trains them."""

    baseline: dict[Name, Model]
    lstm: dict[Name, Model]
    fine_tuned: dict[Name, Model]
    seq2seq: dict[Name, Model]


class Params(ConfigModel):
    """Contents of `params.yaml`.

    Attributes:
        seed: default seed of models, and seed of the experiments.
        data_seed: seed of splits and synthetic data.
        threads: processor threads of each stage that runs TensorFlow.
        checks: rules of every corpus; `corpora.<name>.checks` has them, too.
        families: models by the stage that trains them.
        models: all models by name.
        sweep_section: sweeps by name; None without any.
        sweeps: the same; empty without any.
    """

    seed: Seed
    data_seed: Seed
    threads: Annotated[int, Field(ge=1, le=1024)]
    tracking: Tracking
    checkpoints: Checkpoints
    data: DataConfig
    checks: Checks
    corpora: dict[Name, Corpus]
    families: Annotated[ModelFamilies, Field(alias="models")]
    experiments: Experiments
    goals: Annotated[tuple[Goal, ...], Field(strict=False)]
    sweep_section: Annotated[dict[SweepName, Sweep] | None, Field(alias="sweeps")] = None

    @cached_property
    def sweeps(self) -> dict[str, Sweep]:
        """Sweeps by name."""
        return self.sweep_section or {}

    @cached_property
    def models(self) -> dict[str, Model]:
        """Models of all families by name, baselines first."""
        return {name: model for family in FAMILIES for name, model in self.family(family).items()}

    def seed_of(self, name: str) -> int:
        """Return the seed of a model: the first of its seeds, its own, or that of the project."""
        entry = self.models[name]
        own_seed = getattr(entry, "seed", None)
        default = self.seed if own_seed is None else own_seed
        return next(iter(seeds_of(entry)), default)

    def family(self, family: str) -> dict[str, Model]:
        """Return the models of a family by name."""
        models: dict[str, Model] = getattr(self.families, family)
        return models

    @model_validator(mode="before")
    @classmethod
    def _complete_rules(cls, tree: Any) -> Any:
        """Add the common rules to those of each corpus."""
        corpora = tree.get("corpora") if isinstance(tree, dict) else None
        if not isinstance(corpora, dict):
            return tree
        complete = {
            name: with_common_rules(corpus, tree.get("checks")) for name, corpus in corpora.items()
        }
        return {**tree, "corpora": complete}

    @model_validator(mode="after")
    def _check_corpora(self) -> Self:
        for name, corpus in self.corpora.items():
            try:
                corpus.check_required_keys()
            except ValueError as error:
                raise ValueError(f"corpora.{name}: {error}") from None
        return self

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        families: dict[str, str] = {}
        for family, stage in FAMILIES.items():
            for name, model in self.family(family).items():
                key = f"models.{family}.{name}"
                if name in families:
                    raise ValueError(
                        f"{key} has the name of models.{families[name]}.{name}: rename one of them"
                    )
                families[name] = family
                if training_stage(model) != stage:
                    right = FAMILY_OF_STAGE[training_stage(model)]
                    raise ValueError(
                        f"{key}: {model.model} is trained by {training_stage(model)}: "
                        f"move the entry to models.{right}"
                    )
                self._check_model(name, model)
        self.experiments.check_references(self.corpora, self.models)
        check_goals(self.goals, self.models, self.corpora)
        for name, sweep in self.sweeps.items():
            key, check_model = f"sweeps.{name}", self._check_model
            check_sweep(key, sweep, self.models, self.corpora, self.seed, check_model)
        return self

    def _check_model(self, name: str, model: Model) -> None:
        """Check that a model agrees with its corpus and with the model that it starts from."""
        key = f"models.{family_of(model)}.{name}"
        self._check_init_from(key, model)
        corpus = self.corpora.get(model.corpus)
        if corpus is None:
            hint = suggest(model.corpus, self.corpora)
            raise ValueError(f"{key}.corpus: there is no corpus '{model.corpus}'{hint}")
        if TASK_OF[model.model] != corpus.task:
            raise ValueError(
                f"{key}.model: {model.model} is for {TASK_OF[model.model]}, "
                f"but the corpus '{model.corpus}' is for {corpus.task}"
            )
        _check_translation(key, model, corpus)
        _check_unknown_replacement(key, model, corpus)

    def _check_init_from(self, key: str, model: Model) -> None:
        """Check that a classifier starts from a language model of the same shape."""
        if not isinstance(model, ClassifierConfig) or model.init_from is None:
            return
        start = self.models.get(model.init_from)
        if not isinstance(start, LanguageModelConfig):
            names = [
                name
                for name, other in self.models.items()
                if isinstance(other, LanguageModelConfig)
            ]
            raise ValueError(
                f"{key}.init_from: there is no language model '{model.init_from}'"
                f"{suggest(model.init_from, names)}"
            )
        for field in ("cell", "embedding", "units", "layers"):
            if getattr(model, field) != getattr(start, field):
                raise ValueError(
                    f"{key}.{field} is {getattr(model, field)}, but '{model.init_from}', which it "
                    f"starts from, has {getattr(start, field)}: set both to the same value"
                )


def _check_translation(key: str, model: Model, corpus: Corpus) -> None:
    """Check that a translation model and its corpus agree."""
    if not isinstance(model, Seq2SeqConfig):
        return
    if model.tied_embeddings == "all" and not corpus.vocabulary.shared:
        raise ValueError(
            f"{key}.tied_embeddings: 'all' needs one vocabulary of source and target. Set "
            f"corpora.{model.corpus}.vocabulary.shared to true, or write 'tied_embeddings: target'"
        )
    if model.subword_sampling is not None and corpus.tokens not in SUB_WORDS:
        raise ValueError(
            f"{key}.subword_sampling needs sub-words, and corpora.{model.corpus} has "
            f"'tokens: {corpus.tokens}'. Remove it, or use {' or '.join(SUB_WORDS)}"
        )
    for option in ("coverage_penalty", "replace_unknown"):
        if model.attention == "none" and getattr(corpus.search, option, None):
            raise ValueError(
                f"{key}.attention: corpora.{model.corpus}.search.{option} needs an attention. "
                "Change one of the two"
            )


def _check_unknown_replacement(key: str, model: Model, corpus: Corpus) -> None:
    """Check that a model whose rare words are read as unknown has words."""
    if getattr(model, "unknown_replacement", None) is not None and corpus.tokens in SUB_WORDS:
        raise ValueError(
            f"{key}.unknown_replacement has no effect: no sub-word is unknown, and "
            f"corpora.{model.corpus} has 'tokens: {corpus.tokens}': remove it"
        )


def load(path: Path, with_goals: bool = True) -> Params:
    """Load and validate a `params.yaml`.

    Args:
        path: the file.
        with_goals: False to ignore its goals, which change no result.

    Raises:
        UserError: the file is missing, not valid YAML or invalid; the message names file and key.
    """
    try:
        if path.stat().st_size > yaml_tree.MAX_BYTES:
            raise UserError(
                f"{path} has more than {yaml_tree.MAX_BYTES // 1024:,} KiB, too many for "
                "parameters. Move data to files below texts/."
            )
        text = decode(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist. Run this command in the project's root.") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder, and must be a file.") from None
    return parse(text, str(path), with_goals)


def parse(text: str, name: str, with_goals: bool = True) -> Params:
    """Validate the text of a `params.yaml`.

    Args:
        text: of the file.
        name: of the file, for messages.
        with_goals: False to ignore its goals.

    Raises:
        UserError: it is not valid YAML or invalid; the message names file and key.
    """
    parsed = yaml_tree.parse(text, name)
    tree = parsed.value
    if not with_goals:
        tree["goals"] = []
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        # A misspelt key is both unknown and missing; the first of these errors says more.
        details = min(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        message = error_message(details, tree, Params)
        # A message begins with the place of the error: `corpora.verses.tokens is ...`.
        line = parsed.line_of(re.split(r"[\s:]", message, maxsplit=1)[0])
        place = f"{name}:{line}" if line else name
        raise UserError(f"{place}: {message}{'' if message.endswith('?') else '.'}") from None


def require(entries: Mapping[Any, Any], name: str, kind: str, section: str = "") -> Any:
    """Return the entry with a name.

    Args:
        entries: by name.
        name: of the entry.
        kind: of the entry, for the message: `model` or `corpus`.
        section: the section of `params.yaml` that has the entries, for the message.

    Raises:
        UserError: there is no such entry; the message names a similar one.
    """
    if name not in entries:
        place = f" under {section}" if section else ""
        raise UserError(f"params.yaml has no {kind} '{name}'{place}{suggest(name, entries)}.")
    return entries[name]
