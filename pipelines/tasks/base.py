"""The interface of a task.

A task is one file, found by its name: `pipelines/tasks/<name>.py` with `TASK = <Task>()`. It says
which columns a corpus has, what a model learns from them, how it predicts, and how it is evaluated.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipelines.config import params, task_schemas
from pipelines.types import Task as TaskName

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from pipelines.inference.predictor import Predictor
    from pipelines.models.pretrained import PretrainedWeights
    from pipelines.models.serialization import ModelSpec
    from pipelines.text.encoding import Rows
    from pipelines.text.vocabulary import Vocabularies
    from pipelines.training.callbacks import Callback
    from pipelines.training.checkpoints import CheckpointManager
    from pipelines.training.datasets import TrainingData
    from pipelines.training.objectives import Objective
    from pipelines.training.result import TrainingResult
    from pipelines.training.validation import MakeMetrics
    from pipelines.training.workers import SharedCheckpoints, Workers

# Training and validation split. Only the models that are fitted in one pass read all training rows
# at once; the others read them in parts.
Frames = tuple["Rows", "pd.DataFrame"]
# The name of a validation score, and a function that scores a model; higher is better.
PredictionScore = tuple[str, Callable[["Predictor"], float]]


@dataclass(frozen=True)
class Evaluation:
    """Predictions of a model for a test split, from which all metrics are computed.

    Attributes:
        predictions: the test split, a row for each item, with the columns that the task adds.
        parts: the same for each component of a mixture that is a model of its own, `network` and
            `ngram`.
        labels: L labels; empty for tasks without labels.
        settings: entries of the metrics file that describe how predictions were made.
        attention: of the first items, attention weights (T, S), S source and T target tokens.
        sample: a text that the model wrote.
    """

    predictions: pd.DataFrame
    parts: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    attention: tuple[tuple[Any, Sequence[str], Sequence[str]], ...] = ()
    sample: str | None = None

    @property
    def nats_per_token(self) -> float:
        """The mean loss of a token, from the columns `nats` and `tokens`."""
        return float(self.predictions["nats"].sum() / self.predictions["tokens"].sum())


@dataclass(frozen=True)
class LengthScore:
    """A score that is reported by the length of the test items.

    Attributes:
        column: the column of the predictions with the length.
        title: the name of the score, with its unit if it has one.
        score: computes the score of some rows of the predictions.
    """

    column: str
    title: str
    score: Callable[[pd.DataFrame], float]


@dataclass(frozen=True)
class ItemScore:
    """A score of each test item, by which the items of two models are compared.

    Attributes:
        column: the column of the predictions.
        higher_is_better: False for a loss.
        per_token: divide by the number of tokens, so that long items do not always come first.
    """

    column: str
    higher_is_better: bool
    per_token: bool = False


NATS = ItemScore("nats", higher_is_better=False, per_token=True)


class Task(ABC):
    """Base class of tasks.

    Attributes:
        name: the task's name in params.yaml.
        answer_columns: columns of the predictions that hold the model's answer, with their titles.
        consecutive_rows: True if the rows of a split are consecutive parts of a text, whose scores
            are not independent.
    """

    name: ClassVar[TaskName]
    consecutive_rows: ClassVar[bool] = False
    answer_columns: ClassVar[Mapping[str, str]] = {}

    @property
    def title(self) -> str:
        """The task's name in reports."""
        return self.name.replace("_", " ")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the task's frames."""
        return task_schemas.get(self.name).columns

    # Training

    @abstractmethod
    def objective(self, spec: ModelSpec[Any], train: Rows, vocabularies: Vocabularies) -> Objective:
        """Return the training objective: (model, batch, states, progress) -> summed loss."""

    @abstractmethod
    def training_data(
        self,
        spec: ModelSpec[Any],
        model: keras.Model,
        frames: Frames,
        vocabularies: Vocabularies,
        seed: int,
        folder: Path | None = None,
    ) -> TrainingData:
        """Encode the training and the validation split as batches.

        Args:
            spec: kind of model.
            model: the model to train.
            frames: training and validation split.
            vocabularies: vocabularies of their columns.
            seed: seed of the order of the batches.
            folder: where the ids take their space on the disk; the system's folder of temporary
                files by default.
        """

    def train(
        self,
        spec: ModelSpec[Any],
        frames: Frames,
        vocabularies: Vocabularies,
        callbacks: Sequence[Callback] = (),
        checkpoints: CheckpointManager | SharedCheckpoints | None = None,
        pretrained: PretrainedWeights | None = None,
        make_metrics: MakeMetrics | None = None,
        workers: Workers | None = None,
    ) -> TrainingResult:
        """Train a model, or all members of an ensemble or of a group of seeds.

        Models without gradient descent are fitted by `fit`, which the history shows as one epoch.

        Args:
            spec: kind of model and its seeds.
            frames: training and validation split.
            vocabularies: vocabularies of their columns.
            callbacks: objects to report to.
            checkpoints: the training's checkpoints, if it keeps any; it resumes from the latest.
            pretrained: weights that each member starts from.
            make_metrics: makes a function that computes further columns of the history.
            workers: the workers that share each batch; None if this process trains alone.
        """
        if not isinstance(spec.entry, params.TrainableConfig):
            return self._fit_in_one_epoch(spec, frames, vocabularies, callbacks)
        from pipelines.training import trainer
        from pipelines.training.validation import ValidationScore

        train, valid = frames
        objective = self.objective(spec, train, vocabularies)
        score = self.validation_score(spec, vocabularies, valid)
        sample = self.validation_sample(spec, vocabularies, valid)
        predictor = _CurrentPredictor(spec, vocabularies)
        folder = None if checkpoints is None else checkpoints.folder
        return trainer.train_model(
            spec,
            vocabularies,
            objective,
            lambda model, seed: self.training_data(spec, model, frames, vocabularies, seed, folder),
            callbacks,
            checkpoints,
            score=None
            if score is None
            else ValidationScore(score[0], lambda model: score[1](predictor.of(model))),
            make_metrics=make_metrics,
            sample=None if sample is None else lambda model: sample(predictor.of(model)),
            prepare=None if pretrained is None else pretrained.apply,
            workers=workers,
        )

    def fit(
        self, spec: ModelSpec[Any], frames: Frames, vocabularies: Vocabularies
    ) -> tuple[Any, dict[str, float]]:
        """Fit a model without gradient descent and without TensorFlow.

        Args:
            spec: kind of model.
            frames: training and validation split.
            vocabularies: vocabularies of their columns.

        Returns:
            The model, and the row of the history: `tokens`, `train_loss` and `valid_loss` in nats,
            and further columns.

        Raises:
            NotImplementedError: the task has no such models.
        """
        raise NotImplementedError(f"{self.title} has no models without gradient descent.")

    def _fit_in_one_epoch(
        self,
        spec: ModelSpec[Any],
        frames: Frames,
        vocabularies: Vocabularies,
        callbacks: Sequence[Callback],
    ) -> TrainingResult:
        import pandas as pd

        from pipelines.training.result import TrainingResult

        start = time.monotonic()
        model, row = self.fit(spec, frames, vocabularies)
        history = pd.DataFrame([{"epoch": 1, **row}])
        for callback in callbacks:
            callback.on_epoch_end(dict(history.iloc[0]), None)
        return TrainingResult(model, history, None, None, (), time.monotonic() - start)

    @abstractmethod
    def validation_score(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> PredictionScore | None:
        """Return the score that chooses the best epoch; None for the validation loss."""

    @abstractmethod
    def validation_sample(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> Callable[[Predictor], str] | None:
        """Return a function that writes a sample of the model's output; None if it has none.

        It must not draw from the random generators of the training.
        """

    # Prediction and evaluation

    @abstractmethod
    def predict_prepared(self, predictor: Predictor, texts: Sequence[str]) -> list[str]:
        """Predict the answer to each prepared text: its continuation, label or translation."""

    def predict(self, predictor: Predictor, texts: Sequence[str]) -> list[str]:
        """Prepare texts like the corpus of the model, and predict the answer to each.

        Raises:
            UserError: a text is empty after cleaning.
        """
        return self.predict_prepared(predictor, predictor.prepare(texts))

    @abstractmethod
    def evaluate(self, predictor: Predictor, test: pd.DataFrame) -> Evaluation:
        """Predict a test split."""

    @abstractmethod
    def length_score(self, spec: ModelSpec[Any]) -> LengthScore:
        """Return the score that is reported by the length of the test items."""

    def item_score(self, predictions: pd.DataFrame) -> ItemScore:
        """Return the score by which the items of two models are compared."""
        return NATS


class _CurrentPredictor:
    """The predictor of the model in training, whose compiled functions serve all its epochs."""

    def __init__(self, spec: ModelSpec[Any], vocabularies: Vocabularies) -> None:
        self._spec, self._vocabularies = spec, vocabularies
        self._predictor: Predictor | None = None

    def of(self, model: keras.Model) -> Predictor:
        """Return the predictor of a model."""
        from pipelines.inference.predictor import Predictor

        if self._predictor is None or self._predictor.model is not model:
            self._predictor = Predictor(model, self._spec, self._vocabularies)
        return self._predictor
