"""Served models: loaded, warm, and replaceable while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines import console
from pipelines.errors import UserError
from pipelines.tracking import registered_models
from pipelines.tracking.registered_models import Alias
from pipelines.tracking.run_store import RunStore

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor

WARM_UP = ["a", "a b c"]  # two texts: a single one may take another path


@dataclass(frozen=True)
class Answer:
    """Answer to a text.

    Attributes:
        prediction: a label, a translation, a continuation, or words with their tags.
        probabilities: of a classifier, the probability of each label.
    """

    prediction: str
    probabilities: dict[str, float] | None = None


@dataclass(frozen=True)
class ServedModel:
    """Model that answers texts.

    Attributes:
        name: its name in params.yaml.
        version: version of the registered model; None of a model that is served from its folder.
        predictor: the loaded model.
    """

    name: str
    version: str | None
    predictor: Predictor

    @property
    def writes_text(self) -> bool:
        """True for a language model, which continues texts one by one, each in many steps."""
        return self.predictor.spec.task == "language_modelling"

    def answer(self, prepared: Sequence[str]) -> list[Answer]:
        """Answer prepared texts."""
        from pipelines.tasks import classification, lookup

        task = lookup.get(self.predictor.spec.task)
        if not isinstance(task, classification.Classification):
            return [Answer(text) for text in task.predict_prepared(self.predictor, prepared)]
        labels = self.predictor.vocabularies.labels
        probabilities = classification.predict_probabilities(self.predictor, prepared)
        return [
            Answer(labels[row.argmax()], dict(zip(labels, map(float, row), strict=True)))
            for row in probabilities
        ]

    def warm_up(self) -> None:
        """Answer two short texts, so that no request waits for TensorFlow to compile.

        Raises:
            UserError: the model cannot answer, for instance because its search needs an attention.
        """
        prepared = [text for text in self.predictor.normalize(WARM_UP) if text.strip()]
        self.answer(prepared[:1])
        self.answer(prepared)


class AliasFollower:
    """Loads the version that has an alias, again whenever the alias has moved.

    Args:
        alias: the alias to follow.
        store: the tracking store.
    """

    def __init__(self, alias: Alias, store: RunStore) -> None:
        self.alias, self._store = alias, store
        self._failed: tuple[str | None] | None = None

    def load(self) -> ServedModel:
        """Load the current version.

        Raises:
            UserError: no version has the alias, or it cannot be loaded.
        """
        version = registered_models.version_of(self.alias, self._store)
        if version is None:
            raise UserError(f"No version has the alias {self.alias}. Run `seqproof promote` first.")
        return self._load(version)

    def refresh(self, current: ServedModel) -> ServedModel:
        """Return the version that has the alias now, or the current one if that fails.

        A failure is printed once for each version, and the next call tries again. An alias that was
        removed leaves the current version.
        """
        version: str | None = None
        try:
            version = registered_models.version_of(self.alias, self._store)
            model = current if version in (None, current.version) else self._load(str(version))
        except Exception as error:  # of MLflow, Keras or the system: the server goes on
            if self._failed != (version,):
                reason = str(error) if isinstance(error, UserError) else type(error).__name__
                console.echo(f"Still version {current.version} of {self.alias}: {reason}", True)
            self._failed = (version,)
            return current
        self._failed = None
        if model is not current:
            console.echo(f"{self.alias} is version {version} now: {model.name}")
        return model

    def _load(self, version: str) -> ServedModel:
        from pipelines.config.params import Samples, Search
        from pipelines.inference import predictor

        with registered_models.model_files(self.alias, version, self._store) as files:
            loaded = predictor.load(
                files.model,
                files.vocabulary,
                Samples.model_validate(files.samples) if files.samples else None,
                Search.model_validate(files.search) if files.search else None,
            )
        model = ServedModel(files.name, version, loaded)
        model.warm_up()
        return model


Refresh = Callable[[ServedModel], ServedModel]
