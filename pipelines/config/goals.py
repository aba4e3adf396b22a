"""`goals`: what models are to reach, and the published numbers that stand beside theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import model_validator

from pipelines.config.corpora import Corpus
from pipelines.config.models import Model
from pipelines.errors import suggest
from pipelines.types import ConfigModel, Names, Task

Better = Literal["higher", "lower"]

# The metrics of each task that are better on one side, and on which; keys of the metrics files.
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
    """One number that models are held to, and the published one to stand beside it.

    Attributes:
        models: one model, or the same model from several seeds.
        metric: the key in their metrics files.
        target: what must be reached.
        stretch: what is hoped for.
        published: the published number, in the metric's own unit.
        reference: the model that it is of.
        source: where it stands.
    """

    models: Names
    metric: str
    target: float | None = None
    stretch: float | None = None
    published: float | None = None
    reference: str | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _says_whose(self) -> Self:
        if len({one is None for one in (self.published, self.reference, self.source)}) > 1:
            raise ValueError(
                "'published', 'reference' (the model that it is of) and 'source' (where it stands) "
                "belong together: give all three or none"
            )
        return self

    @property
    def better(self) -> Better:
        """Which side of the mark is the good one."""
        return BETTER[self.metric]

    def reached_by(self, number: float, wanted: float) -> bool:
        """Whether a number is as good as what is wanted."""
        return number <= wanted if self.better == "lower" else number >= wanted

    def gap(self, number: float, other: float) -> float:
        """How much better a number is than another; worse if negative."""
        return other - number if self.better == "lower" else number - other

    def require(
        self, where: str, corpora: Mapping[str, Corpus], models: Mapping[str, Model]
    ) -> None:
        """See that the models are there, of one corpus, and have the metric.

        Raises:
            ValueError: it is not so; the sentence names the key.
        """
        for name in self.models:
            if name not in models:
                hint = suggest(name, models)
                raise ValueError(f"{where}.models: no model is called '{name}'{hint}")
        first, *others = (models[name].corpus for name in self.models)
        for corpus in others:
            if corpus != first:
                raise ValueError(
                    f"{where}.models are of '{first}' and of '{corpus}': a goal is for one corpus"
                )
        known = METRICS[corpora[first].task]
        if self.metric not in known:
            raise ValueError(f"{where}.metric is '{self.metric}'{suggest(self.metric, known)}")


def require(
    goals: Sequence[Goal], corpora: Mapping[str, Corpus], models: Mapping[str, Model]
) -> None:
    """See that each goal can be asked of its models, and that no model of others is published with
    two numbers in one metric: a gap would not say to which.

    Raises:
        ValueError: it is not so; the sentence names the key.
    """
    numbers: dict[tuple[str | None, ...], float] = {}
    for place, goal in enumerate(goals):
        where = f"goals.{place}"
        goal.require(where, corpora, models)
        if goal.published is not None:
            whose = (models[goal.models[0]].corpus, goal.metric, goal.reference, goal.source)
            if numbers.setdefault(whose, goal.published) != goal.published:
                raise ValueError(
                    f"{where}.published is {goal.published}, and a goal before it has "
                    f"{numbers[whose]} of the same model, metric and source: give one number, or "
                    "tell the two models apart in 'reference'"
                )
