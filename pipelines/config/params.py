"""The typed, frozen tree of `params.yaml`; unknown keys are refused with the nearest known name.

This is the only door to YAML. Defaults live in `params.yaml` alone: no field here has a default but
None, which leaves a thing out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    Samples,
    Search,
    Source,
    Split,
    UrlSource,
    VocabularyParams,
)
from pipelines.config.error_messages import error_message, nearest
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
from pipelines.config.readers import (
    COLUMNS,
    BibleReader,
    ByFileReader,
    LinesReader,
    ParallelReader,
    PlaysReader,
    RatingsReader,
    Reader,
    TableReader,
)
from pipelines.config.types import (
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
)
from pipelines.errors import UserError

__all__ = [
    "BETTER",
    "COLUMNS",
    "FAMILIES",
    "STAGES",
    "SUB_WORDS",
    "TASK_OF",
    "BagOfWords",
    "Better",
    "BibleReader",
    "ByFileReader",
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
    "LinesReader",
    "LongMemory",
    "Model",
    "NGram",
    "Name",
    "Optimizer",
    "PackageSource",
    "ParallelReader",
    "Params",
    "PlaysReader",
    "Pooling",
    "RatingsReader",
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
    "TableReader",
    "Task",
    "Tokens",
    "Tracking",
    "UrlSource",
    "VocabularyParams",
    "WordOrder",
    "load",
    "require",
    "seeds_of",
    "training_stage",
]


class Tracking(ConfigModel):
    """Where runs go; nothing here changes a result, so no stage depends on it."""

    experiment_prefix: str


class Checkpoints(ConfigModel):
    """How often a training writes down where it stands; no stage depends on it either."""

    every: Count


class Params(ConfigModel):
    """All of `params.yaml`."""

    seed: Seed
    tracking: Tracking
    checkpoints: Checkpoints
    corpora: dict[Name, Corpus]
    baseline_models: Annotated[dict[Name, Model], Field(alias="train_baseline models")]
    lstm_models: Annotated[dict[Name, Model], Field(alias="train_lstm models")]
    fine_tune_models: Annotated[dict[Name, Model], Field(alias="fine_tune models")]
    seq2seq_models: Annotated[dict[Name, Model], Field(alias="train_seq2seq models")]
    models: dict[Name, Model]
    laboratory: Experiments
    goals: Annotated[tuple[Goal, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, model in self.models.items():
            where = f"models.{name}"
            self._init_from(where, model)
            corpus = self.corpora.get(model.corpus)
            if corpus is None:
                hint = nearest(model.corpus, self.corpora)
                raise ValueError(f"{where}.corpus: no corpus is called '{model.corpus}'{hint}")
            if TASK_OF[model.model] != corpus.task:
                raise ValueError(
                    f"{where}.model: {model.model} is for {TASK_OF[model.model]}, "
                    f"but the corpus '{model.corpus}' is for {corpus.task}"
                )
            _fits_its_text(where, model, corpus)
        families = self.families()
        for stage, family in families.items():
            for name, model in family.items():
                if training_stage(model) != stage:
                    right = training_stage(model)
                    raise ValueError(
                        f"'{stage} models'.{name}: {model.model} is trained by {right}: "
                        f"move the entry to '{right} models'"
                    )
                if self.models.get(name) != model:
                    raise ValueError(
                        f"models: '{name}' is not as it stands under '{stage} models': "
                        "leave `models` the merge of the maps above it"
                    )
        strays = set(self.models) - {name for family in families.values() for name in family}
        if strays:
            raise ValueError(f"models.{min(strays)}: write it under the stage that trains it")
        self.laboratory.require(self.corpora, self.models)
        goals.require(self.goals, self.corpora, self.models)
        return self

    def families(self) -> dict[str, dict[str, Model]]:
        """The models by the stage that trains them."""
        return {
            "train_baseline": self.baseline_models,
            "train_lstm": self.lstm_models,
            "fine_tune": self.fine_tune_models,
            "train_seq2seq": self.seq2seq_models,
        }

    def _init_from(self, where: str, model: Model) -> None:
        """A classifier starts from a language model of its own shape."""
        if not isinstance(model, Classifier) or model.init_from is None:
            return
        start = self.models.get(model.init_from)
        if not isinstance(start, LanguageModel):
            known = [name for name, one in self.models.items() if isinstance(one, LanguageModel)]
            raise ValueError(
                f"{where}.init_from: no language model is called '{model.init_from}'"
                f"{nearest(model.init_from, known)}"
            )
        for key in ("cell", "embedding", "units", "layers"):
            if getattr(model, key) != getattr(start, key):
                raise ValueError(
                    f"{where}.{key} is {getattr(model, key)}, and that of '{model.init_from}', "
                    f"which it starts from, is {getattr(start, key)}: make them the same"
                )


def _fits_its_text(where: str, model: Model, corpus: Corpus) -> None:
    """What a translation model may ask of its corpus, and the other way round."""
    if not isinstance(model, Seq2Seq):
        return
    if model.tied_embeddings == "all" and not corpus.vocabulary.shared:
        raise ValueError(
            f"{where}.tied_embeddings: 'all' needs one vocabulary of source and target: give "
            f"corpora.{model.corpus} 'vocabulary.shared: true', or write 'tied_embeddings: target'"
        )
    if model.subword_sampling is not None and corpus.tokens not in SUB_WORDS:
        raise ValueError(
            f"{where}.subword_sampling draws other sub-words, and corpora.{model.corpus} has "
            f"'tokens: {corpus.tokens}': take it out, or take {' or '.join(SUB_WORDS)}"
        )
    for key in ("coverage_penalty", "replace_unknown"):
        if model.attention == "none" and getattr(corpus.search, key, None):
            raise ValueError(
                f"{where}.attention: 'none' gives corpora.{model.corpus}.search.{key} nothing to "
                "go by: take one of the two out"
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
        raise UserError(f"params.yaml has no {what} called '{name}'{nearest(name, names)}.")
    return names[name]
