"""`goals`: targets of models, and the published numbers that they are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.config.corpora import Corpus
from pipelines.config.models import Model
from pipelines.config.parts import Kind, parts_of
from pipelines.errors import suggest
from pipelines.types import ConfigModel, Count, Names

Text = Annotated[str, Field(min_length=1)]


class Protocol(ConfigModel):
    """The way a number was reached. Numbers of different protocols are not compared.

    Only the keys that a metric depends on may be set; `Metric.protocol` lists them.

    Attributes:
        kind: a `single` model, an `ensemble`, or a `mixture` with n-grams.
        split: the test data.
        seeds: number of trainings that the number is the mean of; no difference by itself.
        context: what a language model reads before each token: the state is `carried` through the
            whole text, or the text is cut into `windows`.
        teacher_forcing: whether the loss of a translation is that after the reference's tokens.
        decoding: `greedy`, or `beam 5, length penalty 1`.
        tokens: tokens whose n-grams are compared: of sacreBLEU's tokenizer (`13a`) or the corpus.
        case: whether case was removed.
    """

    kind: Kind
    split: Text
    seeds: Count | None = None
    context: Literal["carried", "windows", "unstated"] | None = None
    teacher_forcing: bool | None = None
    decoding: Text | None = None
    tokens: Text | None = None
    case: Literal["lower", "mixed", "unstated"] | None = None

    def differences(self, other: Protocol) -> tuple[str, ...]:
        """List the keys that differ between this protocol, ours, and another one, theirs."""
        ours, theirs = self._values(), other._values()
        return tuple(
            f"{key.replace('_', ' ')}: ours {_text(value)}, theirs {_text(theirs[key])}"
            for key, value in ours.items()
            if value != theirs[key]
        )

    def _values(self) -> dict[str, object]:
        return self.model_dump(exclude={"seeds"})


def _text(value: object) -> str:
    words = {True: "on", False: "off", None: "unstated"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


class Goal(ConfigModel):
    """Target of models in one metric, and the published number to compare them with.

    Attributes:
        models: one model, or the same model trained from several seeds.
        part: part of the models instead of the whole, such as `network` or `member`.
        metric: key of a metric of `evaluation/metrics.py`.
        target: value to reach.
        stretch: more ambitious value.
        published: published number, in the unit of the metric.
        reference: the model with the published number.
        source: where the number was published.
        protocol: how the published number was reached.
    """

    models: Names
    part: str | None = None
    metric: str
    target: float | None = None
    stretch: float | None = None
    published: float | None = None
    reference: str | None = None
    source: str | None = None
    protocol: Protocol | None = None

    @model_validator(mode="after")
    def _check_reference(self) -> Self:
        keys = ("published", "reference", "source", "protocol")
        missing = [key for key in keys if getattr(self, key) is None]
        if missing and len(missing) < len(keys):
            raise ValueError(
                f"'{missing[0]}' is missing: set all of 'published', 'reference', 'source' and "
                "'protocol', or none of them"
            )
        return self

    def check_models(
        self, key: str, models: Mapping[str, Model], corpora: Mapping[str, Corpus]
    ) -> None:
        """Check that the models exist, share a corpus, and have the part.

        Args:
            key: key of the goal in params.yaml.
            models: models by name.
            corpora: corpora by name.

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
        for name in self.models if self.part is not None else ():
            parts = parts_of(models[name], corpora[corpus])
            if self.part not in parts:
                hint = suggest(str(self.part), parts) if parts else ": it has no parts"
                raise ValueError(f"{key}.part: '{name}' has no part '{self.part}'{hint}")

    def check_protocol(self, key: str, needed: Iterable[str]) -> None:
        """Check that the protocol has the keys that its metric depends on, and no others.

        Args:
            key: key of the goal in params.yaml.
            needed: keys of the protocol.

        Raises:
            ValueError: it has not; the message names the key.
        """
        if self.protocol is None:
            return
        optional = Protocol.model_fields.keys() - {"kind", "split", "seeds"}
        for field in sorted(optional):
            is_set, is_needed = getattr(self.protocol, field) is not None, field in set(needed)
            if is_needed and not is_set:
                raise ValueError(
                    f"{key}.protocol.{field} is missing: {self.metric} depends on it, and numbers "
                    "of different protocols are not compared"
                )
            if is_set and not is_needed:
                raise ValueError(
                    f"{key}.protocol.{field} has no meaning for {self.metric}: remove it"
                )


def check_goals(
    goals: Sequence[Goal], models: Mapping[str, Model], corpora: Mapping[str, Corpus]
) -> None:
    """Check the models of all goals, and that no reference has two numbers in one metric.

    `evaluation.metrics.check_goals` checks their metrics and protocols.

    Raises:
        ValueError: a reference is invalid; the message names the key.
    """
    published: dict[tuple[str | None, ...], float] = {}
    for index, goal in enumerate(goals):
        key = f"goals.{index}"
        goal.check_models(key, models, corpora)
        if goal.published is not None:
            reference = (models[goal.models[0]].corpus, goal.metric, goal.reference, goal.source)
            if published.setdefault(reference, goal.published) != goal.published:
                raise ValueError(
                    f"{key}.published is {goal.published}, but an earlier goal has "
                    f"{published[reference]} for the same reference, metric and source: correct "
                    "one, or name the two models differently in 'reference'"
                )
