"""`goals`: targets of models, and the published numbers that they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import model_validator

from pipelines.config.models import Model
from pipelines.errors import suggest
from pipelines.types import ConfigModel, Names


class Goal(ConfigModel):
    """Target of models in one metric, and the published number to compare them with.

    Attributes:
        models: one model, or the same model trained from several seeds.
        metric: key of a metric of `evaluation/metrics.py`.
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

    def check_models(self, key: str, models: Mapping[str, Model]) -> None:
        """Check that the models exist and share a corpus.

        Args:
            key: key of the goal in params.yaml.
            models: models by name.

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


def check_goals(goals: Sequence[Goal], models: Mapping[str, Model]) -> None:
    """Check the models of all goals, and that no reference has two numbers in one metric.

    `evaluation.metrics.check_goals` checks their metrics.

    Raises:
        ValueError: a reference is invalid; the message names the key.
    """
    published: dict[tuple[str | None, ...], float] = {}
    for index, goal in enumerate(goals):
        key = f"goals.{index}"
        goal.check_models(key, models)
        if goal.published is not None:
            reference = (models[goal.models[0]].corpus, goal.metric, goal.reference, goal.source)
            if published.setdefault(reference, goal.published) != goal.published:
                raise ValueError(
                    f"{key}.published is {goal.published}, but an earlier goal has "
                    f"{published[reference]} for the same reference, metric and source: correct "
                    "one, or name the two models differently in 'reference'"
                )
