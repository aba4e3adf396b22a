"""Our numbers beside published ones: gathered from metrics files, and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines import files
from pipelines.config.params import ConfigModel, Goal
from pipelines.errors import UserError


class BenchmarkRow(ConfigModel):
    """A line of a table.

    Attributes:
        goal: what these models are held to.
        values: one number for each model.
        mean: of them.
        deviation: their sample standard deviation, from two models on.
        gap: how much better than the published number their mean is; worse if negative.
        reached: whether their mean reaches the mark.
        parameters: of one model.
        seconds: of one training, the mean; None where no cost was kept.
        signature: how the metric was computed, where it says so.
    """

    goal: Goal
    values: tuple[float, ...]
    mean: float
    deviation: float | None
    gap: float | None
    reached: bool | None
    parameters: int
    seconds: float | None
    signature: str | None


class Machine(ConfigModel):
    """What the models were trained on."""

    cpu: str
    cores: int
    memory_gib: float
    device: str
    tensorflow: str


class BenchmarkRun(ConfigModel):
    """The results of one template.

    `commit` is that of seqproof when the project was made, `changed` whether its code had changes
    that no commit holds; `remark` is Markdown by hand.
    """

    commit: str
    changed: bool
    machine: Machine
    rows: tuple[BenchmarkRow, ...]
    remark: str


# Files ------------------------------------------------------------------------------------------


def read(path: Path) -> dict[str, BenchmarkRun]:
    """The results so far, by template; none where the file is missing.

    Raises:
        Refusal: it is damaged.
    """
    if not path.exists():
        return {}
    try:
        return TypeAdapter(dict[str, BenchmarkRun]).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{path} is damaged: {where}: {first['msg']}; take it from Git.") from None


def as_json(results: Mapping[str, BenchmarkRun]) -> str:
    """The results as data; the same results give the same bytes."""
    return files.dump_json({name: run.model_dump(mode="json") for name, run in results.items()})


def metrics(path: Path, model: str) -> dict[str, Any]:
    """What `evaluate` found for a model.

    Raises:
        Refusal: it has not run, or the file is damaged.
    """
    again = f"`dvc repro evaluate@{model}` makes it"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{model} has no metrics: {path} is missing, and {again}.") from None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path} is no map in JSON: delete it, and {again}.")
    return content


# Comparing --------------------------------------------------------------------------------------


def row(
    goal: Goal, found: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, float]
) -> BenchmarkRow:
    """The models of a goal beside its numbers.

    Args:
        goal: names the models and the metric.
        found: the metrics of each model.
        seconds: of each training, where known.

    Raises:
        Refusal: a model's metrics lack the metric.
    """
    values = tuple(_value(found[model], goal.metric, model) for model in goal.models)
    mean = fmean(values)
    known = [seconds[model] for model in goal.models if model in seconds]
    first = found[goal.models[0]]
    return BenchmarkRow(
        goal=goal,
        values=values,
        mean=_tidy(mean),
        deviation=_tidy(stdev(values)) if len(values) > 1 else None,
        gap=None if goal.published is None else _tidy(goal.gap(mean, goal.published)),
        reached=None if goal.target is None else goal.reached_by(mean, goal.target),
        parameters=int(first["parameters"]),
        seconds=_tidy(fmean(known)) if len(known) == len(values) else None,
        signature=_signature(first, goal.metric),
    )


def _value(found: Mapping[str, Any], metric: str, model: str) -> float:
    value = found.get(metric)
    if not isinstance(value, int | float):
        numbers = [key for key, one in found.items() if isinstance(one, int | float)]
        raise UserError(f"The metrics of {model} hold no {metric}; they hold {', '.join(numbers)}.")
    return float(value)


def _signature(found: Mapping[str, Any], metric: str) -> str | None:
    """A score of translations hangs on how they were searched for, too."""
    parts = (found.get(f"{metric}_signature"), found.get("search"))
    return ", ".join(part for part in parts if part) if parts[0] else None


def _tidy(number: float) -> float:
    """Without the digits that only the order of a sum decides."""
    return round(number, 9)
