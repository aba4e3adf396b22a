"""`goals`: targets of models, and the published numbers that they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import model_validator

from pipelines.config.corpora import Corpus
from pipelines.config.models import Model
from pipelines.errors import suggest
from pipelines.types import ConfigModel, Names, Task

Better = Literal["higher", "lower"]

# Metrics of each task with their better direction, by their keys in the metrics files.
METRICS: Mapping[Task, Mapping[str, Better]] = {
    "language_modelling": {
        "test_perplexity": "lower",
        "test_bits_per_character": "lower",
        "test_nats_per_character": "lower",
        "test_network_perplexity": "lower",
        "test_ngram_perplexity": "lower",
    },
    "classification": {
        "test_accuracy": "higher",
        "test_macro_f1": "higher",
        "test_calibration_error": "lower",
    },
    "translation": {
        "test_bleu": "higher",
        "test_sacrebleu": "higher",
        "test_chrf": "higher",
        "test_exact_match": "higher",
        "test_perplexity": "lower",
    },
}
BETTER = {metric: side for metrics in METRICS.values() for metric, side in metrics.items()}


class Goal(ConfigModel):
    """Target of models in one metric, and the published number to compare them with.

    Attributes:
        models: one model, or the same model trained from several seeds.
        metric: key in their metrics files.
        target: value to reach.
        stretch: more ambitious value.
        published: published number, in the unit of the metric.
        reference: the model with the published number.
        source: where the number was published.
    """

    models: Names
    metric: str
    target: float | None = None
    stretch: float | None = None
    published: float | None = None
    reference: str | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _check_reference(self) -> Self:
        if len({value is None for value in (self.published, self.reference, self.source)}) > 1:
            raise ValueError("set all of 'published', 'reference' and 'source', or none of them")
        return self

    @property
    def better(self) -> Better:
        """Direction of improvement."""
        return BETTER[self.metric]

    def is_reached(self, value: float, target: float) -> bool:
        """Return whether a value is as good as a target."""
        return value <= target if self.better == "lower" else value >= target

    def gap(self, value: float, other: float) -> float:
        """Return the improvement of a value over another; negative if it is worse."""
        return other - value if self.better == "lower" else value - other

    def check_references(
        self, key: str, corpora: Mapping[str, Corpus], models: Mapping[str, Model]
    ) -> None:
        """Check that the models exist, share a corpus, and have the metric.

        Args:
            key: of the goal in params.yaml.
            corpora: by name.
            models: by name.

        Raises:
            ValueError: they do not; the message names the key.
        """
        for name in self.models:
            if name not in models:
                raise ValueError(f"{key}.models: there is no model '{name}'{suggest(name, models)}")
        corpus, *others = (models[name].corpus for name in self.models)
        for other in others:
            if other != corpus:
                raise ValueError(
                    f"{key}.models must share one corpus, but theirs are '{corpus}' and '{other}'"
                )
        metrics = METRICS[corpora[corpus].task]
        if self.metric not in metrics:
            raise ValueError(f"{key}.metric is '{self.metric}'{suggest(self.metric, metrics)}")


def check_goals(
    goals: Sequence[Goal], corpora: Mapping[str, Corpus], models: Mapping[str, Model]
) -> None:
    """Check the references of all goals, and that no reference has two numbers in one metric.

    Raises:
        ValueError: a reference is invalid; the message names the key.
    """
    published: dict[tuple[str | None, ...], float] = {}
    for index, goal in enumerate(goals):
        key = f"goals.{index}"
        goal.check_references(key, corpora, models)
        if goal.published is not None:
            reference = (models[goal.models[0]].corpus, goal.metric, goal.reference, goal.source)
            if published.setdefault(reference, goal.published) != goal.published:
                raise ValueError(
                    f"{key}.published is {goal.published}, but an earlier goal has "
                    f"{published[reference]} for the same reference, metric and source: correct "
                    "one, or name the two models differently in 'reference'"
                )
