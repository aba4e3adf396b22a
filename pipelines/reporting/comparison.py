"""Tables that compare all models of a corpus with each other, and with published numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import files, paths
from pipelines.config import parts as model_parts
from pipelines.config.params import Goal, Model, Params
from pipelines.errors import UserError
from pipelines.evaluation import metrics as registry
from pipelines.evaluation import parts, seed_statistics
from pipelines.evaluation.metrics import Metric
from pipelines.reporting import goal_results
from pipelines.reporting.goal_results import GoalResult
from pipelines.tasks import lookup

Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class TableCell:
    """A formatted number.

    Attributes:
        text: the number, or `-` where a model does not have it.
        best: whether no other model has a better value; never for a part of a model.
    """

    text: str
    best: bool = False


@dataclass(frozen=True)
class PartRow:
    """The row of a part of a model, such as the network of a mixture."""

    title: str
    cells: tuple[TableCell, ...]


@dataclass(frozen=True)
class ModelRow:
    """The row of a model, with a cell for every column.

    Attributes:
        model: its name.
        kind: `ensemble of 3` or `mixture with n-grams`; empty for a single model.
        size: its numbers of parameters and of n-gram counts, as text.
        score: the metric that decides which model is best, as precise as the table shows it.
        cells: the cells.
        parts: rows of its parts.
    """

    model: str
    kind: str
    size: str
    score: float | None
    cells: tuple[TableCell, ...]
    parts: tuple[PartRow, ...] = ()


@dataclass(frozen=True)
class CorpusTable:
    """The models of one corpus.

    Attributes:
        corpus: its name.
        task: title of its task.
        columns: the metrics that any model has; the first decides which model is best.
        rows: the evaluated models; n-grams first, then by the number of parameters.
        goals: the evaluated goals of its models that have a target or a published number.
        missing: models without metrics.
    """

    corpus: str
    task: str
    columns: tuple[Metric, ...]
    rows: tuple[ModelRow, ...]
    goals: tuple[GoalResult, ...]
    missing: tuple[str, ...]


def compare(config: Params, root: Path) -> list[CorpusTable]:
    """Make a table for each corpus that has models.

    Args:
        config: lists the models; metrics of other models are ignored.
        root: the project's root.

    Raises:
        UserError: a metrics file cannot be read.
    """
    tables = []
    for corpus in config.corpora:
        models = models_of(config, corpus)
        if models:
            metrics = {
                name: _read(root / paths.metrics(name), paths.evaluation_stage(config, name))
                for name in models
            }
            tables.append(_table(config, corpus, models, metrics))
    return tables


def models_of(config: Params, corpus: str) -> dict[str, Model]:
    """Return the models of a corpus in the order of params.yaml."""
    return {name: model for name, model in config.models.items() if model.corpus == corpus}


def _read(path: Path, stage: str) -> Metrics | None:
    try:
        content = files.read_json(path, dict[str, Any])
    except FileNotFoundError:
        return None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a JSON object. Delete it and run `seqproof run {stage}`.")
    for key, value in content.items():
        is_metric = key.startswith("test_") and not key.endswith("_signature")
        if is_metric and isinstance(value, str):
            raise UserError(
                f"{path}: {key} is no number. Delete the file and run `seqproof run {stage}`."
            )
    return {key: value for key, value in content.items() if isinstance(value, int | float | str)}


def _table(
    config: Params,
    corpus: str,
    models: Mapping[str, Model],
    metrics: Mapping[str, Metrics | None],
) -> CorpusTable:
    evaluated = {name: values for name, values in metrics.items() if values is not None}
    names = sorted(evaluated, key=lambda name: _size(evaluated[name]))
    goals = [goal for goal in config.goals if goal.models[0] in models]
    entry = config.corpora[corpus]
    columns = tuple(
        metric
        for metric in registry.of_task(entry.task, entry.tokens)
        if not metric.optional or any(metric.key == goal.metric for goal in goals)
        if any(metric.key in values for values in evaluated.values())
    )
    cells = [_cells(column, {name: evaluated[name] for name in names}) for column in columns]
    return CorpusTable(
        corpus=corpus,
        task=lookup.get(entry.task).title,
        columns=columns,
        rows=tuple(
            ModelRow(
                model=name,
                kind=model_parts.title_of(models[name]),
                size=_size_text(evaluated[name]),
                score=_rounded(evaluated[name], columns[0]) if columns else None,
                cells=tuple(column[position] for column in cells),
                parts=_part_rows(models[name], evaluated[name], columns),
            )
            for position, name in enumerate(names)
        ),
        goals=tuple(
            goal_results.of_goal(goal, config, evaluated)
            for goal in goals
            if (goal.target is not None or goal.published is not None)
            and all(_has_metric(evaluated.get(model), goal) for model in goal.models)
        ),
        missing=tuple(name for name, values in metrics.items() if values is None),
    )


def _has_metric(metrics: Metrics | None, goal: Goal) -> bool:
    return metrics is not None and goal.metric in parts.of_part(metrics, goal.part)


def _size(metrics: Metrics) -> tuple[bool, float, float]:
    """Return a sort key: models that only count first, then by the number of parameters."""
    parameters = metrics.get("parameters")
    return parameters is not None, parameters or 0, metrics.get("ngram_counts", 0)


def _size_text(metrics: Metrics) -> str:
    sizes = (("parameters", "parameters"), ("ngram_counts", "n-gram counts"))
    return " and ".join(
        f"{_short(metrics[key])} {unit}" for key, unit in sizes if metrics.get(key) is not None
    )


def _short(number: float) -> str:
    """Shorten a number: 950, 27 k, 5.2 M."""
    if number < 1000:
        return f"{number:.0f}"
    return f"{number / 1000:.0f} k" if number < 999_500 else f"{number / 1e6:.1f} M"


def _cells(column: Metric, metrics: Mapping[str, Metrics]) -> list[TableCell]:
    """Return the cells of a column; values that round to the same number are equally good."""
    rounded = {name: _rounded(values, column) for name, values in metrics.items()}
    best = column.best([value for value in rounded.values() if value is not None])
    return [
        TableCell(_text(metrics[name], column), value is not None and value == best)
        for name, value in rounded.items()
    ]


def _part_rows(model: Model, metrics: Metrics, columns: tuple[Metric, ...]) -> tuple[PartRow, ...]:
    rows = []
    for part in parts.names(metrics):
        values = parts.of_part(metrics, part)
        seeds = model_parts.seeds_text(model, part, int(values.get("seeds", 1)))
        titles = (model_parts.title_of(model, part), seeds if "seeds" in values else "")
        cells = tuple(TableCell(_text(values, column)) for column in columns)
        rows.append(PartRow(", ".join(title for title in titles if title), cells))
    return tuple(rows)


def _text(metrics: Metrics, column: Metric) -> str:
    """Format a number, for several seeds with its standard deviation."""
    value, statistics = metrics.get(column.key), seed_statistics.statistics_of(metrics, column.key)
    if value is None:
        return "-"
    deviation = "" if statistics is None else f" ± {column.format(statistics.sd)}"
    return column.format(value) + deviation


def _rounded(metrics: Metrics, column: Metric) -> float | None:
    """Round a number as the table shows it."""
    value = metrics.get(column.key)
    return None if value is None else column.rounded(value)
