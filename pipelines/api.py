"""The project from Python: train, evaluate, predict and compare, as the stages and commands do.

```python
from pipelines import api

project = api.Project()
lstm = project.train("opinions-lstm", epochs=1)
print(lstm.predict(["not good, bad at all"]))
```

A training here is held in memory: no file, DVC and MLflow know nothing of it. `seqproof run` makes
results that can be reproduced and verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import startup  # noqa: F401 - before all other imports

# isort: split
from pydantic import ValidationError

from pipelines import paths
from pipelines.config import params
from pipelines.config.error_messages import error_message
from pipelines.errors import UserError
from pipelines.evaluation import evaluate, seed_aggregation, significance
from pipelines.evaluation.evaluate import EvaluationResult
from pipelines.evaluation.significance import TestResult
from pipelines.inference import predictor
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.serialization import ModelSpec, SeedGroup
from pipelines.tasks import lookup

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Project", "TrainedModel", "UserError", "compare"]


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, and the test split of its corpus.

    Attributes:
        name: its name in params.yaml.
        corpus: the parameters of its corpus.
        predictors: the model with its vocabularies, for each of its seeds.
        test: the test split.
        history: a row for each epoch; None for a model that was loaded.
    """

    name: str
    corpus: params.Corpus
    predictors: tuple[Predictor, ...]
    test: pd.DataFrame = field(repr=False)
    history: pd.DataFrame | None = field(default=None, repr=False)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the answer to each text: label, tags, translation or continuation.

        A model of several seeds answers with the first.

        Raises:
            UserError: a text is empty after cleaning, or `texts` is no list.
        """
        if isinstance(texts, str):
            raise UserError("`predict` needs a list of texts. Put the text in [...].")
        first = self.predictors[0]
        return lookup.get(first.spec.task).predict(first, texts)

    @cached_property
    def evaluation(self) -> EvaluationResult:
        """Metrics, predictions and analysis of the test split, computed at the first use."""
        groups = self.corpus.reader.groups
        seeds = params.seeds_of(self.predictors[0].spec.entry)
        results = [evaluate.evaluate(member, self.test, groups) for member in self.predictors]
        if not seeds:
            return results[0]
        return seed_aggregation.aggregate(dict(zip(seeds, results, strict=True)))

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics of the test split by their keys in `metrics/`."""
        return self.evaluation.metrics


class Project:
    """A project: its params.yaml and the files that its stages wrote.

    Args:
        root: its folder.

    Raises:
        UserError: there is no params.yaml, or a value is invalid.
    """

    def __init__(self, root: Path | str = ".") -> None:
        self.root = Path(root)
        self.config = params.load(self.root / paths.PARAMS)

    def load(self, name: str) -> TrainedModel:
        """Load a model that `seqproof run` trained.

        Raises:
            UserError: there is no such model, or it is not trained.
        """
        entry = params.require(self.config.models, name, "model")
        corpus, spec = self.config.corpora[entry.corpus], ModelSpec.of(self.config, name)
        predictors = tuple(
            predictor.load(
                self.root / paths.model(name),
                self.root / paths.vocabulary(entry.corpus),
                corpus.samples,
                corpus.search,
                seed,
                spec,
            )
            for seed in params.seeds_of(entry) or (None,)
        )
        return TrainedModel(name, corpus, predictors, self._split(entry.corpus, "test"))

    def train(self, name: str, **changes: Any) -> TrainedModel:
        """Train a model in memory; the files and runs of the project stay as they are.

        The same values give the weights that the stage of the model gives, on the same machine
        and with the same number of threads.

        Args:
            name: a model of params.yaml.
            changes: values that replace those of its entry, `units=64` for instance.

        Raises:
            UserError: there is no such model, a value is invalid, the model has `workers`, or
                `seqproof run` has not prepared its corpus.
        """
        entry = _replace(params.require(self.config.models, name, "model"), changes)
        if isinstance(entry, params.TrainableConfig) and entry.workers is not None:
            raise UserError(
                f"'{name}' has 'workers: {entry.workers}', and this process trains alone. Pass "
                f"workers=None, or train with 'seqproof run {name}'."
            )
        corpus = self.config.corpora[entry.corpus]
        own_seed = getattr(entry, "seed", None)
        seed = next(
            iter(params.seeds_of(entry)), self.config.seed if own_seed is None else own_seed
        )
        spec = ModelSpec(entry, corpus.task, corpus.tokens, corpus.cleaning, seed)
        if isinstance(entry, params.TrainableConfig):
            from pipelines.layers import threads

            threads.use_training_threads(self.config.threads, entry.batch_size)
        from pipelines.data import parquet
        from pipelines.models import pretrained
        from pipelines.text import vocabulary

        vocabularies = vocabulary.load(self.root / paths.vocabulary(entry.corpus))
        test = self._split(entry.corpus, "test")
        train = parquet.Split(self.root / paths.train_frame(entry.corpus))
        weights = None
        if isinstance(entry, params.ClassifierConfig) and entry.init_from is not None:
            start = self.root / paths.model(entry.init_from)
            weights = pretrained.read(start, entry, vocabularies.columns["text"])
        result = lookup.get(spec.task).train(
            spec,
            (train, self._split(entry.corpus, "valid")),
            vocabularies,
            pretrained=weights,
        )
        members = result.model.members if isinstance(result.model, SeedGroup) else [result.model]
        predictors = tuple(
            Predictor(member, spec, vocabularies, corpus.samples, corpus.search)
            for member in members
        )
        return TrainedModel(name, corpus, predictors, test, result.history)

    def save(self, model: TrainedModel, folder: Path | str) -> None:
        """Write a model into a folder, as `models/` has it.

        Args:
            model: a model of this project.
            folder: the folder; a model in it is replaced.

        Raises:
            UserError: the folder holds something else, or the model's vocabulary is missing.
        """
        target = Path(folder)
        is_model = (target / "model.json").is_file()
        if target.exists() and not is_model and (target.is_file() or any(target.iterdir())):
            raise UserError(f"{target} exists and holds something else. Choose another folder.")
        members = [member.model for member in model.predictors]
        spec = model.predictors[0].spec
        whole = SeedGroup(members) if params.seeds_of(spec.entry) else members[0]
        vocabulary = self.root / paths.vocabulary(spec.entry.corpus)
        if not vocabulary.is_file():
            raise UserError(
                f"{vocabulary} does not exist. Run `seqproof run build_vocab@{spec.entry.corpus}`."
            )
        serialization.save(whole, spec, vocabulary, target)

    def _split(self, corpus: str, split: str) -> pd.DataFrame:
        from pipelines.data import parquet

        return parquet.read_parquet(self.root / paths.frame(corpus, split))


def compare(
    first: TrainedModel, *others: TrainedModel, level: float = significance.LEVEL
) -> list[list[TestResult]]:
    """Compare the first model with each of the others, as `seqproof compare` does.

    Args:
        first: a model.
        others: models with the same test split.
        level: significance level.

    Returns:
        For each of the other models the results of the metrics, the deciding metric first.

    Raises:
        UserError: there is no other model, or their test splits differ.
    """
    if not others:
        raise UserError("`compare` needs at least two models.")
    tasks = {model.corpus.task for model in (first, *others)}
    if len(tasks) > 1:
        raise UserError(f"Only models of the same task can be compared, not of {sorted(tasks)}.")
    frames = [model.evaluation.predictions for model in (first, *others)]
    return significance.compare(frames, first.corpus, level)


def _replace(entry: params.Model, changes: Mapping[str, Any]) -> params.Model:
    """Return an entry of params.yaml with other values.

    Raises:
        UserError: a key or a value is invalid.
    """
    fixed = sorted({"model", "corpus"} & set(changes))
    if fixed:
        raise UserError(f"'{fixed[0]}' cannot be replaced. Train another model of params.yaml.")
    values = entry.model_dump() | dict(changes)
    try:
        return type(entry).model_validate(values)
    except ValidationError as error:
        message = error_message(error.errors()[0], values, type(entry))
        raise UserError(message if message.endswith("?") else f"{message}.") from None
