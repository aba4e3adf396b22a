"""`sweeps`: searches for better parameters of one model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import combinations, product
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, model_validator

from pipelines.config import task_schemas
from pipelines.config.corpora import Corpus
from pipelines.config.error_messages import as_yaml, error_message
from pipelines.config.models import Model, TrainableConfig
from pipelines.errors import close_match, suggest
from pipelines.types import ConfigModel, Count, Name, Seed, Seeds

# A trial trains one model from one seed, for the corpus, and by the stage, of the starting point.
FIXED = ("model", "corpus", "init_from", "seed", "seeds", "ensemble_size")
SweepName = Annotated[Name, Field(max_length=100)]  # files and folders have it in their names
Direction = Literal["lower", "higher"]
Number = Annotated[float, Field(allow_inf_nan=False)]
Values = Mapping[str, Any]  # by dotted key of a model


class Range(ConfigModel):
    """Numbers from `low` to `high`, both included; integers if the parameter is one.

    With `log` they are drawn on a logarithmic scale, with `step` they are `low` plus multiples of
    it.
    """

    low: Number
    high: Number
    log: bool | None = None
    step: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"'low: {self.low:g}' must be below 'high: {self.high:g}'")
        if self.log and self.low <= 0:
            raise ValueError(f"'log' needs 'low' above 0, and it is {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("'log' and 'step' exclude each other: remove one of them")
        if self.step is not None:
            low, high, step = (Decimal(repr(x)) for x in (self.low, self.high, self.step))
            try:
                is_multiple = (high - low) % step == 0
            except InvalidOperation:  # more steps than digits
                is_multiple = False
            if not is_multiple:
                raise ValueError(
                    f"'high: {self.high:g}' is not 'low: {self.low:g}' plus a multiple of "
                    f"'step: {self.step:g}'"
                )
        return self


# Every two parameters are checked with all their values whenever params.yaml is read.
Choices = Annotated[tuple[Any, ...], Field(strict=False, min_length=2, max_length=50)]
Parameter = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(lambda value: "choices" if isinstance(value, list | tuple) else "range"),
]


class Sweep(ConfigModel):
    """Search for better parameters of a model.

    Attributes:
        model: the model, whose entry is the starting point.
        parameters: what to search, by dotted key of the model's entry: a range or a list.
        trials: number of trials.
        seconds: no trial starts later than this.
        pruner: rule that stops hopeless trials early; without it none is stopped.
        metric: column of the model's history that is optimised.
        seed: seed of the proposals.
        confirm_seeds: seeds of the final comparison of the winner with the starting point.
    """

    model: str
    parameters: Annotated[dict[str, Parameter], Field(min_length=1)]
    trials: Annotated[int, Field(ge=1, le=10_000)]
    seconds: Count | None = None
    pruner: Literal["median", "hyperband"] | None = None
    metric: str
    seed: Seed
    confirm_seeds: Annotated[Seeds, Field(min_length=3)]

    @property
    def direction(self) -> Direction:
        """The better side of the metric."""
        return direction_of(self.metric)

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        for key, parameter in self.parameters.items():
            if isinstance(parameter, tuple):
                # As JSON, 1 and true differ.
                texts = [json.dumps(value, default=repr) for value in parameter]
                for text in texts:
                    if texts.count(text) > 1:
                        raise ValueError(f"'parameters.{key}' repeats {text}: remove it")
        return self

    @model_validator(mode="after")
    def _check_confirm_seeds(self) -> Self:
        if len(set(self.confirm_seeds)) < len(self.confirm_seeds):
            raise ValueError(
                f"'confirm_seeds: {list(self.confirm_seeds)}' repeats a seed: remove it"
            )
        return self


@dataclass(frozen=True)
class NumericRange:
    """Range of a parameter, in the type of the parameter."""

    low: float
    high: float
    log: bool
    step: float | None
    is_integer: bool


def search_space(sweep: Sweep, entry: Model) -> dict[str, NumericRange | tuple[Any, ...]]:
    """Return the range or the choices of each parameter, by its key.

    Integers are of type int, so that they are valid in params.yaml. A choice may be a list, a map,
    or None, which leaves the key out.

    Args:
        sweep: the sweep.
        entry: of its model.
    """
    space: dict[str, NumericRange | tuple[Any, ...]] = {}
    for key, parameter in sweep.parameters.items():
        if isinstance(parameter, tuple):
            space[key] = parameter
            continue
        is_integer = int in _types(_annotations(type(entry))[key])
        number: type[int] | type[float] = int if is_integer else float
        step = None if parameter.step is None else number(parameter.step)
        low, high = number(parameter.low), number(parameter.high)
        space[key] = NumericRange(low, high, bool(parameter.log), step, is_integer)
    return space


def starting_values(sweep: Sweep, entry: Model) -> dict[str, Any]:
    """Return the values that the entry of the model has for the parameters of a sweep."""
    return {key: value_at(entry, key) for key in sweep.parameters}


def trial_values(values: Values) -> dict[str, Any]:
    """Return the changes of a model's entry that make a trial of it: one model from one seed.

    Args:
        values: of the parameters.
    """
    return {**values, "seeds": None, "ensemble_size": None}


def confirmation_values(values: Values, seeds: Sequence[int]) -> dict[str, Any]:
    """Return the changes of a model's entry that make a group of seeds of it.

    Args:
        values: of the parameters.
        seeds: of the group.
    """
    return {**values, "seed": None, "ensemble_size": None, "seeds": list(seeds)}


def direction_of(metric: str) -> Direction:
    """Return the better side of a column of a history."""
    return "lower" if metric.endswith("loss") else "higher"


def metrics_of(entry: Model, corpus: Corpus) -> list[str]:
    """Return the columns of a model's history that a sweep can optimise, the deciding one first."""
    schema = task_schemas.get(corpus.task)
    score = schema.validation_score
    if corpus.tokens == "characters" and schema.validation_score_of_characters is not None:
        score = schema.validation_score_of_characters
    is_mixture = any(getattr(entry, key, None) is not None for key in ("ngram", "cache"))
    return [
        *(() if score is None else (f"valid_{score}",)),
        "valid_loss",
        *(("valid_mixture_loss",) if is_mixture else ()),
    ]


def check_sweep(
    key: str,
    sweep: Sweep,
    models: Mapping[str, Model],
    corpora: Mapping[str, Corpus],
    seed: int,
    check_model: Callable[[str, Model], None],
) -> None:
    """Check that all that a sweep may try is a valid entry of its model.

    A range is checked at both ends. The values of each two parameters are checked together, with
    the first value of the others.

    Args:
        key: key of the sweep in params.yaml.
        sweep: the sweep.
        models: models by name.
        corpora: corpora by name.
        seed: the project's seed.
        check_model: raises ValueError for the name and an entry of a model that does not fit the
            rest of params.yaml.

    Raises:
        ValueError: it is not; the message names the key.
    """
    entry = models.get(sweep.model)
    if not isinstance(entry, TrainableConfig):
        names = [name for name, model in models.items() if isinstance(model, TrainableConfig)]
        problem = (
            f"there is no model '{sweep.model}'"
            if entry is None
            else f"'{sweep.model}' is not trained by gradient descent, and cannot be tuned"
        )
        raise ValueError(f"{key}.model: {problem}{suggest(sweep.model, names)}")
    metrics = metrics_of(entry, corpora[entry.corpus])
    if sweep.metric not in metrics:
        raise ValueError(
            f"{key}.metric: the history of '{sweep.model}' has no validation column "
            f"'{sweep.metric}'{suggest(sweep.metric, metrics)}"
        )
    trial_seed = seed if entry.seed is None else entry.seed
    if trial_seed in sweep.confirm_seeds:
        raise ValueError(
            f"{key}.confirm_seeds: the trials are trained from the seed {trial_seed}: the final "
            "comparison needs other seeds"
        )
    for parameter in sweep.parameters:
        _check_key(f"{key}.parameters.{parameter}", parameter, type(entry))
    _Checker(f"{key}.parameters", sweep, entry, check_model).check()


def _check_key(place: str, parameter: str, kind: type[BaseModel]) -> None:
    if parameter in FIXED:
        raise ValueError(f"{place} cannot be searched: all trials have the same {parameter}")
    keys = [key for key in _annotations(kind) if key not in FIXED]
    if parameter in keys:
        return
    section, dot, name = parameter.rpartition(".")
    siblings = [key.rpartition(".")[2] for key in keys if key.rpartition(".")[0] == section]
    sibling = close_match(name, siblings)
    similar = f"{section}{section and dot}{sibling}" if sibling else close_match(parameter, keys)
    hint = f"; did you mean '{similar}'?" if similar else suggest(parameter, keys)
    raise ValueError(f"{place}: the model has no parameter '{parameter}'{hint}")


class _Checker:
    """Check of the values of a sweep."""

    def __init__(
        self, key: str, sweep: Sweep, entry: Model, check_model: Callable[[str, Model], None]
    ) -> None:
        self._key, self._model, self._entry = key, sweep.model, entry
        self._check_model = check_model
        self._tree = entry.model_dump(exclude_none=True)
        self._parameters = sweep.parameters
        self._candidates = {name: list(self._ends(name)) for name in sweep.parameters}

    def check(self) -> None:
        """Check each value, and the values of each two parameters together."""
        names = list(self._candidates)
        base = {name: self._candidates[name][0] for name in names}
        for name in names:
            for place, value in self._candidates[name]:
                self._check_type(name, place, value)
        for pair in combinations(names, min(2, len(names))):
            for values in product(*(self._candidates[name] for name in pair)):
                self._check_together(base | dict(zip(pair, values, strict=True)))

    def _ends(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yield the place in params.yaml and the value of each end or choice."""
        parameter = self._parameters[name]
        if isinstance(parameter, tuple):
            for index, value in enumerate(parameter):
                yield f"{self._key}.{name}.{index}", value
            return
        types = _types(_annotations(type(self._entry))[name])
        if not types & {int, float}:
            raise ValueError(f"{self._key}.{name}: it is no number: write a list of its values")
        for end in ("low", "high", "step"):
            value = getattr(parameter, end)
            place = f"{self._key}.{name}.{end}"
            if int in types and value is not None:
                if value != int(value):
                    raise ValueError(f"{place} is {value:g}: it must be an integer")
                value = int(value)
            if end != "step":
                yield place, value

    def _check_type(self, name: str, place: str, value: Any) -> None:
        """Check a value by itself."""
        try:
            type(self._entry).model_validate(changed(self._tree, {name: value}))
        except ValidationError as error:
            for details in error.errors():
                message = self._message(details, {name: value})
                if message.startswith((f"{name} ", f"{name}.", f"{name}:")):
                    raise ValueError(f"{place}{message.removeprefix(name)}") from None

    def _check_together(self, places: Mapping[str, tuple[str, Any]]) -> None:
        values = {name: value for name, (_, value) in places.items()}
        try:
            model = type(self._entry).model_validate(changed(self._tree, trial_values(values)))
            self._check_model(self._model, model)
        except ValidationError as error:
            problem = self._message(error.errors()[0], values)
        except ValueError as error:
            problem = str(error)
        else:
            return
        texts = [f"{name}: {as_yaml(value)}" for name, value in values.items() if name in problem]
        shown = " and ".join(texts or [f"{name}: {as_yaml(x)}" for name, x in values.items()])
        raise ValueError(f"{self._key}: a trial may have {shown}: {problem}")

    def _message(self, details: Any, values: Values) -> str:
        return error_message(details, changed(self._tree, values), type(self._entry))


def changed(tree: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return a tree with other values at some dotted keys.

    Args:
        tree: it stays as it is.
        values: by dotted key; None removes the key.
    """
    result = dict(tree)
    for key, value in values.items():
        name, _, rest = key.partition(".")
        section = result.get(name)
        if rest and isinstance(section, Mapping):
            result[name] = changed(section, {rest: value})
        elif rest and value is not None:
            result[name] = changed({}, {rest: value})
        elif value is not None:
            result[name] = value
        elif not rest:
            result.pop(name, None)
    return result


def value_at(entry: Model, key: str) -> Any:
    """Return the value of a model at a dotted key, as params.yaml may have it; None without it."""
    value: Any = entry.model_dump(mode="json", exclude_none=True)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _annotations(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the types of all keys of a section, those of its sections with a dot."""
    annotations: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        annotations[name] = field.annotation
        for section in _types(field.annotation):
            if isinstance(section, type) and issubclass(section, BaseModel):
                inner = _annotations(section)
                annotations |= {f"{name}.{key}": value for key, value in inner.items()}
    return annotations


def _types(annotation: Any) -> set[Any]:
    """Return the types of a field, without their constraints."""
    if get_origin(annotation) is Annotated:
        return _types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return {kind for part in get_args(annotation) for kind in _types(part)}
    return {annotation}
