"""All models of a corpus side by side, the best marked, and a word where a simpler model wins."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.config.params import (
    BETTER,
    BagOfWords,
    Better,
    Model,
    NGram,
    Params,
    Seq2Seq,
    Task,
    Tokens,
)
from pipelines.errors import UserError
from pipelines.evaluation import seed_statistics
from pipelines.reporting import published

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Column:
    """A number of every model: its key in the metrics file, its name, and how it is written."""

    key: str
    title: str
    form: str

    @property
    def better(self) -> Better | None:
        """The good side, if it has one."""
        return BETTER.get(self.key)

    @property
    def heading(self) -> str:
        """The title, with an arrow that points to the better side."""
        arrow = {"higher": " ↑", "lower": " ↓", None: ""}[self.better]
        return self.title + arrow


@dataclass(frozen=True)
class TableCell:
    """A number as it is read, whether no other of its column reads better, and how far it is from
    the published ones that its model is held to."""

    text: str
    best: bool
    gaps: tuple[published.Gap, ...] = ()


@dataclass(frozen=True)
class ModelRow:
    """One model; a cell for every column."""

    model: str
    cells: tuple[TableCell, ...]


@dataclass(frozen=True)
class CorpusTable:
    """The models of one corpus in the order of params.yaml; `missing` have no metrics yet.

    `works` are what others published, with a text for every column.
    """

    corpus: str
    task: Task
    columns: tuple[Column, ...]
    rows: tuple[ModelRow, ...]
    works: tuple[tuple[published.PublishedResult, tuple[str, ...]], ...]
    missing: tuple[str, ...]
    remark: str


BITS = Column("test_bits_per_character", "bits per character", ".3f")
NATS = Column("test_nats_per_character", "nats per character", ".3f")
PERPLEXITY = Column("test_perplexity", "perplexity", ",.2f")
NETWORK = Column("test_network_perplexity", "perplexity, network alone", ",.2f")
NGRAMS = Column("test_ngram_perplexity", "perplexity, n-grams alone", ",.2f")
ACCURACY = Column("test_accuracy", "accuracy", ".3f")
MACRO_F1 = Column("test_macro_f1", "macro F1", ".3f")
CALIBRATION = Column("test_calibration_error", "ECE", ".3f")
MAJORITY = Column("majority_accuracy", "majority class", ".3f")
BLEU = Column("test_bleu", "BLEU", ".1f")
SACREBLEU = Column("test_sacrebleu", "sacreBLEU", ".1f")  # of sub-words
CHRF = Column("test_chrf", "chrF", ".1f")
EXACT = Column("test_exact_match", "exact match", ".3f")
COST = (
    Column("parameters", "parameters", ",.0f"),
    Column("train_tokens_seen", "training tokens seen", ",.0f"),
)
# The first of a task's columns that its models have decides which of them is best.
COLUMNS: Mapping[tuple[Task, Tokens], tuple[Column, ...]] = {
    ("language_modelling", "characters"): (BITS, PERPLEXITY),
    ("language_modelling", "words"): (PERPLEXITY, BITS),
    ("classification", "characters"): (ACCURACY, MACRO_F1, CALIBRATION, MAJORITY),
    ("classification", "words"): (ACCURACY, MACRO_F1, CALIBRATION, MAJORITY),
    ("translation", "characters"): (EXACT, BLEU, PERPLEXITY),
    ("translation", "words"): (BLEU, SACREBLEU, CHRF, EXACT, PERPLEXITY),
}
# Shown only where a published number is of them.
MORE = (NATS, NETWORK, NGRAMS)
CELLS = ("rnn", "irnn", "gru", "lstm")


def compare(params: Params, metrics: Path) -> list[CorpusTable]:
    """A table per corpus that has models.

    Args:
        params: says which models there are; files of other models are left alone.
        metrics: the folder that holds `<model>.json`.

    Raises:
        Refusal: a metrics file cannot be read.
    """
    tables = []
    for corpus in params.corpora:
        models = of_corpus(params, corpus)
        if models:
            found = {name: _read(metrics / f"{name}.json", name) for name in models}
            tables.append(_table(params, corpus, models, found))
    return tables


def of_corpus(params: Params, corpus: str) -> dict[str, Model]:
    """The models of a corpus, baselines first; `models` has the order of YAML's merge."""
    return {name: model for name, model in params.models.items() if model.corpus == corpus}


def _read(path: Path, name: str) -> Metrics | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path} is no map in JSON: delete it and run `dvc repro evaluate@{name}`.")
    return {key: value for key, value in content.items() if isinstance(value, int | float)}


def _table(
    params: Params,
    corpus: str,
    models: Mapping[str, Model],
    found: Mapping[str, Metrics | None],
) -> CorpusTable:
    task, tokens = params.corpora[corpus].task, params.corpora[corpus].tokens
    known = {name: metrics for name, metrics in found.items() if metrics is not None}
    works = published.works([goal for goal in params.goals if goal.models[0] in models])
    columns = tuple(
        column
        for column in _columns(task, tokens, works)
        if any(column.key in metrics for metrics in known.values())
    )
    written = [_cells(column, known, works) for column in columns]
    return CorpusTable(
        corpus=corpus,
        task=task,
        columns=columns,
        rows=tuple(
            ModelRow(name, tuple(cells[place] for cells in written))
            for place, name in enumerate(known)
        ),
        works=tuple(
            (work, tuple(_text(work.numbers, column) for column in columns)) for work in works
        ),
        missing=tuple(name for name, metrics in found.items() if metrics is None),
        remark=_remark(models, known, columns[0]) if columns else "",
    )


def _columns(
    task: Task, tokens: Tokens, works: Sequence[published.PublishedResult]
) -> list[Column]:
    """Those of the task, of what is published, and of the cost."""
    own = COLUMNS[task, "characters" if tokens == "characters" else "words"]
    more = [column for column in MORE if any(column.key in work.numbers for work in works)]
    return [*own, *more, *COST]


def _cells(
    column: Column, models: Mapping[str, Metrics], works: Sequence[published.PublishedResult]
) -> list[TableCell]:
    """One column; values that read the same are equally good."""
    rounded = {name: _rounded(metrics, column) for name, metrics in models.items()}
    there = [value for value in rounded.values() if value is not None]
    best = {"higher": max, "lower": min}[column.better](there) if column.better else None
    return [
        TableCell(
            _text(models[name], column),
            value is not None and value == best,
            tuple(_gaps(name, value, column, works)),
        )
        for name, value in rounded.items()
    ]


def _gaps(
    model: str, value: float | None, column: Column, works: Sequence[published.PublishedResult]
) -> Iterator[published.Gap]:
    """From the published numbers that a model is held to, both as they are read."""
    for work in works:
        other = _rounded(work.numbers, column)
        if value is not None and other is not None and (model, column.key) in work.held:
            lead = value - other if column.better == "higher" else other - value
            yield published.gap(work, lead, column.form)


def _text(metrics: Metrics, column: Column) -> str:
    """A number as it is read, of a group with its standard deviation."""
    value, apart = metrics.get(column.key), seed_statistics.of(metrics, column.key)
    if value is None:
        return "-"
    deviation = "" if apart is None else f" ± {format(apart.sd, column.form)}"
    return format(value, column.form) + deviation


def _rounded(metrics: Metrics, column: Column) -> float | None:
    """The value as it is read: differences that the table does not show are none."""
    value = metrics.get(column.key)
    return None if value is None else float(format(value, column.form).replace(",", ""))


def _remark(models: Mapping[str, Model], known: Mapping[str, Metrics], column: Column) -> str:
    """For every model that a simpler one equals or beats, the best of these simpler ones."""
    sign = -1.0 if column.better == "lower" else 1.0
    scores = {name: _rounded(metrics, column) for name, metrics in known.items()}
    good = {name: sign * score for name, score in scores.items() if score is not None}
    beaten: dict[str, list[str]] = {}
    for name in good:
        simpler = [other for other in good if _size(models[other]) < _size(models[name])]
        best = max(simpler, key=lambda other: good[other], default=name)
        if best != name and good[best] >= good[name]:
            beaten.setdefault(best, []).append(name)
    return " ".join(
        f"On this little text the simpler model {simple} "
        + " and ".join(_over(name, good[simple] - good[name], column) for name in losers)
        + "."
        for simple, losers in beaten.items()
    )


def _over(name: str, lead: float, column: Column) -> str:
    if lead == 0:
        return f"does as well as {name} ({column.title})"
    return f"wins by {format(lead, column.form)} over {name} ({column.title})"


def _size(model: Model) -> tuple[int, ...]:
    """Smaller is simpler: counts, hidden layers, a plain cell, GRU, LSTM, attention."""
    if isinstance(model, NGram):
        return (0,)
    if isinstance(model, BagOfWords):
        return (0, len(model.hidden))
    attends = isinstance(model, Seq2Seq) and model.attention != "none"
    return (1, CELLS.index(model.cell), int(attends), model.layers)
