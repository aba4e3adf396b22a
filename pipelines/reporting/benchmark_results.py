"""Benchmark results: our numbers and published ones, collected from metrics files, as JSON."""

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
from pipelines.evaluation import metrics as registry


class BenchmarkRow(ConfigModel):
    """A row of a benchmark table.

    Attributes:
        goal: the models, the metric and the published number.
        values: the metric of each model.
        mean: mean of the values.
        deviation: their sample standard deviation; None for one model.
        gap: by how much the mean is better than the published number; negative if worse.
        reached: whether the mean reaches the target.
        parameters: number of parameters of one model.
        seconds: mean training time; None if the time of a training run is unknown.
        signature: sacreBLEU's signature and the search, for metrics that have one.
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
    """The machine on which the models were trained."""

    cpu: str
    cores: int
    memory_gib: float
    device: str
    tensorflow: str


class BenchmarkRun(ConfigModel):
    """The results of one template.

    Attributes:
        commit: seqproof's commit when the project was created.
        changed: whether seqproof had uncommitted changes then.
        machine: the machine that trained the models.
        rows: a row for each goal.
        remark: Markdown from `templates/<name>.md`.
    """

    commit: str
    changed: bool
    machine: Machine
    rows: tuple[BenchmarkRow, ...]
    remark: str


# Files ------------------------------------------------------------------------------------------


def read(path: Path) -> dict[str, BenchmarkRun]:
    """Read the results by template; return an empty dict if the file is missing.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        return TypeAdapter(dict[str, BenchmarkRun]).validate_json(path.read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise UserError(
            f"{path} is damaged: {key}: {problem['msg']}. Restore it with `git checkout {path}`."
        ) from None


def as_json(results: Mapping[str, BenchmarkRun]) -> str:
    """Return the results as JSON; the same results give the same bytes."""
    return files.dump_json({name: run.model_dump(mode="json") for name, run in results.items()})


def read_metrics(path: Path, stage: str) -> dict[str, Any]:
    """Read the metrics of a model.

    Args:
        path: the metrics file.
        stage: the stage that writes it.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing. Run `dvc repro {stage}`.") from None
    except ValueError:
        metrics = None
    if not isinstance(metrics, dict):
        raise UserError(f"{path} is not a JSON object. Delete it and run `dvc repro {stage}`.")
    return metrics


# Rows -------------------------------------------------------------------------------------------


def row(
    goal: Goal, metrics: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, float]
) -> BenchmarkRow:
    """Compare the models of a goal with its published number.

    Args:
        goal: names the models and the metric.
        metrics: the metrics of each model.
        seconds: training time of each model, where known.

    Raises:
        UserError: the metrics of a model lack the goal's metric.
    """
    values = tuple(_value(metrics[model], goal.metric, model) for model in goal.models)
    mean = fmean(values)
    times = [seconds[model] for model in goal.models if model in seconds]
    first = metrics[goal.models[0]]
    metric = registry.get(goal.metric)
    return BenchmarkRow(
        goal=goal,
        values=values,
        mean=_rounded(mean),
        deviation=_rounded(stdev(values)) if len(values) > 1 else None,
        gap=None if goal.published is None else _rounded(metric.lead(mean, goal.published)),
        reached=None if goal.target is None else metric.reaches(mean, goal.target),
        parameters=int(first["parameters"]),
        seconds=_rounded(fmean(times)) if len(times) == len(values) else None,
        signature=_signature(first, goal.metric),
    )


def _value(metrics: Mapping[str, Any], metric: str, model: str) -> float:
    value = metrics.get(metric)
    if not isinstance(value, int | float):
        numbers = [key for key, number in metrics.items() if isinstance(number, int | float)]
        raise UserError(
            f"The metrics of {model} have no {metric}. Choose from {', '.join(numbers)}."
        )
    return float(value)


def _signature(metrics: Mapping[str, Any], metric: str) -> str | None:
    """Return the signature of a translation metric; its value depends on the search, too."""
    signature, search = metrics.get(f"{metric}_signature"), metrics.get("search")
    return ", ".join(part for part in (signature, search) if part) if signature else None


def _rounded(number: float) -> float:
    """Drop the digits that depend on the order of a sum."""
    return round(number, 9)
