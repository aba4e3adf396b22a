"""The typed, frozen tree of `params.yaml`; unknown keys are refused with the nearest known name.

This is the only door to YAML. Defaults live in `params.yaml` alone: no field here has a default but
None, which leaves a thing out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from pipelines.config import goals
from pipelines.config.corpora import (
    Cleaning,
    Corpus,
    Download,
    FilesSource,
    FractionSplit,
    GeneratedSource,
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
    CellConfig,
    Experiments,
    GradientFlow,
    LongMemory,
    SourceLength,
    SyntheticTask,
    WordOrder,
)
from pipelines.config.goals import BETTER, Better, Goal
from pipelines.config.models import (
    FAMILIES,
    FAMILY_OF_STAGE,
    STAGES,
    TASK_OF,
    BagOfWords,
    Classifier,
    Interpolation,
    LanguageModel,
    Model,
    NGram,
    Optimizer,
    Seq2Seq,
    seeds_of,
    training_stage,
)
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
    cell_names,
)

__all__ = [
    "BETTER",
    "FAMILIES",
    "STAGES",
    "SUB_WORDS",
    "TASK_OF",
    "BagOfWords",
    "Better",
    "Cell",
    "CellConfig",
    "Checkpoints",
    "Classifier",
    "Cleaning",
    "ConfigModel",
    "Corpus",
    "Download",
    "Experiments",
    "FilesSource",
    "FractionSplit",
    "GeneratedSource",
    "GivenSplit",
    "Goal",
    "GradientFlow",
    "Interpolation",
    "LanguageModel",
    "LongMemory",
    "Model",
    "NGram",
    "Name",
    "Optimizer",
    "PackageSource",
    "Params",
    "Pooling",
    "Reader",
    "Samples",
    "Score",
    "Search",
    "Seed",
    "Seq2Seq",
    "Smoothing",
    "Source",
    "SourceLength",
    "Split",
    "SyntheticTask",
    "Task",
    "Tokens",
    "Tracking",
    "UrlSource",
    "VocabularyParams",
    "WordOrder",
    "cell_names",
    "load",
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
        families: models by the stage that trains them.
        models: all models by name.
    """

    seed: Seed
    data_seed: Seed
    tracking: Tracking
    checkpoints: Checkpoints
    corpora: dict[Name, Corpus]
    families: Annotated[ModelFamilies, Field(alias="models")]
    experiments: Experiments
    goals: Annotated[tuple[Goal, ...], Field(strict=False)]

    @cached_property
    def models(self) -> dict[str, Model]:
        """All models by name, baselines first."""
        return {name: model for family in FAMILIES for name, model in self.family(family).items()}

    def family(self, family: str) -> dict[str, Model]:
        """Return the models of a family by name."""
        models: dict[str, Model] = getattr(self.families, family)
        return models

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
                self._check_init_from(key, model)
                corpus = self.corpora.get(model.corpus)
                if corpus is None:
                    hint = suggest(model.corpus, self.corpora)
                    raise ValueError(f"{key}.corpus: no corpus is called '{model.corpus}'{hint}")
                if TASK_OF[model.model] != corpus.task:
                    raise ValueError(
                        f"{key}.model: {model.model} is for {TASK_OF[model.model]}, "
                        f"but the corpus '{model.corpus}' is for {corpus.task}"
                    )
                _check_translation(key, model, corpus)
        self.experiments.require(self.corpora, self.models)
        goals.require(self.goals, self.corpora, self.models)
        return self

    def _check_init_from(self, key: str, model: Model) -> None:
        """Check that a classifier starts from a language model of the same shape."""
        if not isinstance(model, Classifier) or model.init_from is None:
            return
        start = self.models.get(model.init_from)
        if not isinstance(start, LanguageModel):
            names = [
                name for name, other in self.models.items() if isinstance(other, LanguageModel)
            ]
            raise ValueError(
                f"{key}.init_from: no language model is called '{model.init_from}'"
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
    if not isinstance(model, Seq2Seq):
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


class _Loader(yaml.SafeLoader):
    """Safe, and a key written twice is an error: else the second would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key '{key.value}' is written twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """YAML 1.1 reads 020 as 16 and 1:30 as 90; DVC reads YAML 1.2, and would track others."""
        if re.fullmatch(r"[-+]?0[0-9_]+|.*:.*", node.value):
            raise yaml.MarkedYAMLError(
                problem=f"'{node.value}' is not the number that it looks like: write it plainly",
                problem_mark=node.start_mark,
            )
        return int(super().construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def load(path: Path) -> Params:
    """Read and check a whole `params.yaml`.

    Raises:
        Refusal: the file is missing, is no YAML, or breaks a rule; the sentence names the key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.load(text, Loader=_Loader)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run this in the project's root.") from None
    except (yaml.YAMLError, ValueError, TypeError, LookupError, RecursionError) as error:
        # Those beside YAML's own: no UTF-8, a date that is none, a tag that its value denies.
        raise UserError(f"{path} is no valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path} must be a map of keys to values.")
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        # A misspelt key is both unknown and missing; the first of these says more.
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        said = error_message(first, tree, Params)
        raise UserError(f"{path}: {said}{'' if said.endswith('?') else '.'}") from None


def require(names: Mapping[Any, Any], name: str, what: str) -> Any:
    """The entry called `name`, or a Refusal that gives the nearest name there is."""
    if name not in names:
        raise UserError(f"params.yaml has no {what} called '{name}'{suggest(name, names)}.")
    return names[name]
