"""Tables that compare all models of a corpus with each other and with published results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines import paths
from pipelines.config.params import BagOfWordsConfig, Model, NGramConfig, Params
from pipelines.errors import UserError
from pipelines.evaluation import metrics as registry
from pipelines.evaluation import seed_statistics
from pipelines.evaluation.metrics import Metric
from pipelines.reporting import published
from pipelines.tasks import lookup

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class TableCell:
    """A formatted number.

    Attributes:
        text: the number, or `-` where a model does not have it.
        best: whether no other value of the column is better.
        gaps: differences from the published numbers that the model is compared with.
    """

    text: str
    best: bool
    gaps: tuple[published.Gap, ...] = ()


@dataclass(frozen=True)
class ModelRow:
    """The row of a model, with a cell for every column."""

    model: str
    cells: tuple[TableCell, ...]


@dataclass(frozen=True)
class PublishedRow:
    """The row of a published result, with a text for every column."""

    result: published.PublishedResult
    texts: tuple[str, ...]


@dataclass(frozen=True)
class CorpusTable:
    """The models of one corpus.

    Attributes:
        corpus: its name.
        task: title of its task.
        columns: the metrics that any model has; the first decides which model is best.
        rows: the evaluated models in the order of params.yaml.
        published: rows of published results.
        missing: models without metrics.
        remark: names simpler models that are as good as more complex ones; may be empty.
    """

    corpus: str
    task: str
    columns: tuple[Metric, ...]
    rows: tuple[ModelRow, ...]
    published: tuple[PublishedRow, ...]
    missing: tuple[str, ...]
    remark: str


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
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a JSON object. Delete it and run `dvc repro {stage}`.")
    return {key: value for key, value in content.items() if isinstance(value, int | float)}


def _table(
    config: Params,
    corpus: str,
    models: Mapping[str, Model],
    metrics: Mapping[str, Metrics | None],
) -> CorpusTable:
    evaluated = {name: values for name, values in metrics.items() if values is not None}
    results = published.published_results(
        [goal for goal in config.goals if goal.models[0] in models]
    )
    columns = tuple(
        column
        for column in _columns(config, corpus, results)
        if any(column.key in values for values in evaluated.values())
    )
    cells = [_cells(column, evaluated, results) for column in columns]
    return CorpusTable(
        corpus=corpus,
        task=lookup.get(config.corpora[corpus].task).title,
        columns=columns,
        rows=tuple(
            ModelRow(name, tuple(column[position] for column in cells))
            for position, name in enumerate(evaluated)
        ),
        published=tuple(
            PublishedRow(result, tuple(_text(result.numbers, column) for column in columns))
            for result in results
        ),
        missing=tuple(name for name, values in metrics.items() if values is None),
        remark=_remark(models, evaluated, columns[0]) if columns else "",
    )


def _columns(
    config: Params, corpus: str, results: Sequence[published.PublishedResult]
) -> list[Metric]:
    """Return the metrics of a corpus; optional ones only next to a published number."""
    entry = config.corpora[corpus]
    return [
        metric
        for metric in registry.of_task(entry.task, entry.tokens)
        if not metric.optional or any(metric.key in result.numbers for result in results)
    ]


def _cells(
    column: Metric, metrics: Mapping[str, Metrics], results: Sequence[published.PublishedResult]
) -> list[TableCell]:
    """Return the cells of a column; values that round to the same number are equally good."""
    rounded = {name: _rounded(values, column) for name, values in metrics.items()}
    numbers = [value for value in rounded.values() if value is not None]
    best = column.best(numbers)
    return [
        TableCell(
            _text(metrics[name], column),
            value is not None and value == best,
            tuple(_gaps(name, value, column, results)),
        )
        for name, value in rounded.items()
    ]


def _gaps(
    model: str, value: float | None, column: Metric, results: Sequence[published.PublishedResult]
) -> Iterator[published.Gap]:
    """Yield the gaps to the published numbers of a model, both rounded as they are shown."""
    for result in results:
        number = _rounded(result.numbers, column)
        if value is not None and number is not None and (model, column.key) in result.targets:
            yield published.gap(result, column.lead(value, number), column.form)


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


def _remark(models: Mapping[str, Model], metrics: Mapping[str, Metrics], column: Metric) -> str:
    """Name, for every model, the best simpler model that is at least as good."""
    sign = -1.0 if column.direction == "lower" else 1.0
    rounded = {name: _rounded(values, column) for name, values in metrics.items()}
    scores = {name: sign * value for name, value in rounded.items() if value is not None}
    complexity = {name: _complexity(models[name], metrics[name]) for name in scores}
    beaten: dict[str, list[str]] = {}
    for name in scores:
        simpler = [other for other in scores if complexity[other] < complexity[name]]
        best = max(simpler, key=lambda other: scores[other], default=name)
        if best != name and scores[best] >= scores[name]:
            beaten.setdefault(best, []).append(name)
    sentences = [
        f"The simpler model {simple} is "
        + " and ".join(_advantage(name, scores[simple] - scores[name], column) for name in names)
        + f" ({column.title})."
        for simple, names in beaten.items()
    ]
    return " ".join(sentences)


def _advantage(name: str, lead: float, column: Metric) -> str:
    return f"as good as {name}" if lead == 0 else f"better than {name} by {column.format(lead)}"


def _complexity(model: Model, metrics: Metrics) -> tuple[int, float]:
    """Return a sort key: count models, bags of words, networks; then the number of parameters."""
    kind = 0 if isinstance(model, NGramConfig) else 1 if isinstance(model, BagOfWordsConfig) else 2
    return kind, metrics.get("parameters", 0)
