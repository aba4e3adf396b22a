"""Benchmark results: our numbers and published ones, collected from metrics files, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines import files
from pipelines.config.params import ConfigModel, Goal, Params
from pipelines.errors import UserError
from pipelines.reporting import goal_results
from pipelines.reporting.goal_results import GoalResult


class BenchmarkRow(ConfigModel):
    """A row of a benchmark table.

    Attributes:
        result: our number beside the published one.
        seconds: mean training time; None if the time of a training run is unknown.
    """

    result: GoalResult
    seconds: float | None


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
        code: MD5 of each file and folder of code that the training stages read.
        changed_code: the ones that have changed since, in the clone that published last.
        remark: Markdown from `templates/<name>.md`.
    """

    commit: str
    changed: bool
    machine: Machine
    rows: tuple[BenchmarkRow, ...]
    code: dict[str, str]
    changed_code: tuple[str, ...]
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
        metrics = files.read_json(path, dict[str, Any])
    except FileNotFoundError:
        raise UserError(f"{path} is missing. Run `seqproof run {stage}`.") from None
    except ValueError:
        metrics = None
    if not isinstance(metrics, dict):
        raise UserError(f"{path} is not a JSON object. Delete it and run `seqproof run {stage}`.")
    return metrics


# Rows -------------------------------------------------------------------------------------------


def row(
    goal: Goal,
    config: Params,
    metrics: Mapping[str, Mapping[str, Any]],
    seconds: Mapping[str, float],
) -> BenchmarkRow:
    """Compare the models of a goal with its published number.

    Args:
        goal: names the models and the metric.
        config: has the entries of the models and of their corpus.
        metrics: the metrics of each model.
        seconds: training time of each model, where known.

    Raises:
        UserError: the metrics of a model lack the goal's metric.
    """
    times = [seconds[model] for model in goal.models if model in seconds]
    return BenchmarkRow(
        result=goal_results.of_goal(goal, config, metrics),
        seconds=round(fmean(times), 9) if len(times) == len(goal.models) else None,
    )
