"""The experiments section of the report: each plot with its explanation and its table's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import paths
from pipelines.config import params
from pipelines.experiments import tables
from pipelines.reporting import experiment_plots
from pipelines.reporting.embedded_svg import Picture

if TYPE_CHECKING:
    import pandas as pd

MAX_PAIRS = 6  # rows in the table of exchanged words


@dataclass(frozen=True)
class TableSource:
    """The table behind a plot: the stage that wrote it, its path and its MD5 as in dvc.lock."""

    stage: str
    path: str
    md5: str


@dataclass(frozen=True)
class ExperimentFigure:
    """A plot with its explanation, a string for each paragraph, and optionally a table."""

    title: str
    explanation: tuple[str, ...]
    picture: Picture
    source: TableSource
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


MakeFigure = Callable[[str, Any, "pd.DataFrame", TableSource], ExperimentFigure]


def experiment_figures(config: params.Params, root: Path) -> list[ExperimentFigure]:
    """Make the figures of all experiments whose tables exist.

    Args:
        config: lists the experiments.
        root: the project's root.

    Raises:
        UserError: a table is damaged.
    """
    experiments = config.experiments
    stages: Mapping[str, tuple[Mapping[Any, Any], tuple[str, ...], MakeFigure]] = {
        "gradient_flow": (experiments.gradient_flow, tables.GRADIENT_FLOW, _gradient_flow),
        "long_memory": (experiments.long_memory, tables.LONG_MEMORY, _long_memory),
        "word_order": (experiments.word_order, tables.WORD_ORDER, _word_order),
        "source_length": (experiments.source_length, tables.SOURCE_LENGTH, _source_length),
    }
    return [
        make_figure(name, entry, tables.read(file, columns), _source(stage, name, file))
        for stage, (entries, columns, make_figure) in stages.items()
        for name, entry in entries.items()
        if (file := root / paths.experiment(stage, name)).is_file()
    ]


def _source(stage: str, name: str, file: Path) -> TableSource:
    md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    return TableSource(f"{stage}@{name}", paths.experiment(stage, name).as_posix(), md5)


def _gradient_flow(
    name: str, entry: params.GradientFlow, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    max_lag = int(table["lag"].max())
    diverged = table[(table["when"] != "start") & table["loss"].isna()]
    failures = " and ".join(
        f"{cell} ({weights})" for cell, weights in _pairs(diverged, "cell", "when")
    )
    explanation = (
        f"The plot shows the norm of the gradient of the last step's loss with respect to the "
        f"state k steps earlier, divided by its norm at the last state (Bengio et al. 1994; "
        f"Pascanu et al. 2013). The task is '{name}', with {entry.units} units. A line that falls "
        f"straight on this scale is a gradient that vanishes exponentially: the network cannot "
        f"learn from what happened so far back. A line that rises is a gradient that explodes.",
        "The plot compares three remedies. Activation and initialisation: a ReLU network "
        "initialised with the identity passes the gradient on unchanged, while tanh multiplies it "
        "by its slope at every step. Gated cells: an untrained gate passes about half of the "
        "gradient (forget bias 0, and GRU) or three quarters (forget bias 1), so at the start a "
        "gated cell may keep even less than tanh, but it can learn to keep its gates open. "
        "Clipping limits a gradient that explodes, but does not restore one that has vanished.",
        f"Relative norm after {max_lag} steps, with initial weights and after training with "
        f"clipping: "
        + "; ".join(_remaining_norms(table, cell, max_lag) for cell in table["cell"].unique())
        + "."
        + (f" Diverged, and not plotted: {failures}." if failures else ""),
    )
    title = f"Gradient flow: {name}"
    picture = Picture(title, experiment_plots.gradient_flow(table))
    return ExperimentFigure(title, explanation, picture, source)


def _remaining_norms(table: pd.DataFrame, cell: str, lag: int) -> str:
    norms = []
    for weights in ("start", "clipped"):
        curve = table[(table["cell"] == cell) & (table["when"] == weights)]
        norms.append(experiment_plots.relative_norms(curve)[lag])
    # A norm below the range of float32 is 0.
    return f"{cell} {' and '.join(f'{norm:.0e}' if norm else '0' for norm in norms)}"


def _pairs(table: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return list(table[list(columns)].drop_duplicates().itertuples(index=False, name=None))


def _long_memory(
    name: str, entry: params.LongMemory, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    task = {
        "adding": "The network reads a sequence of numbers, two of them marked, and predicts "
        "their sum at the last step. Always predicting 1 gives a mean squared error of 0.167",
        "copying": "The network reads ten symbols and writes them again many steps later. "
        "A network without memory reaches a loss of 10 ln 8 / (lag + 20) nats per step",
    }[name]
    failures = "; ".join(_first_failure(table, cell) for cell in table["cell"].unique())
    explanation = (
        f"{task} (Hochreiter and Schmidhuber, 1997; Le et al. 2015). Every cell has {entry.units} "
        f"units and is trained for at most {entry.steps:,} steps of {entry.batch_size} new "
        f"examples.",
        f"A blue field shows the number of steps after which the loss fell below "
        f"{entry.threshold:.0%} of the loss of a network without memory. An orange field shows the "
        f"percentage of that loss at the end. After two failures in a row a cell is not tried at "
        f"longer lags. First lag at which each cell fails: {failures}. More steps would solve "
        f"longer lags: the plot compares how fast the cells learn a dependency of a given length.",
    )
    title = f"Long memory: {name}"
    picture = Picture(title, experiment_plots.long_memory(table, name))
    return ExperimentFigure(title, explanation, picture, source)


def _first_failure(table: pd.DataFrame, cell: str) -> str:
    failed = table[(table["cell"] == cell) & ~table["learnt"]]
    return f"{cell} {'none' if failed.empty else format(failed['lag'].min(), ',')}"


def _word_order(
    name: str, entry: params.WordOrder, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    test_rows = table[table["label"].notna()]  # the example of params.yaml has no label
    classifiers = list(table["classifier"].unique())
    pairs = len(test_rows) // len(classifiers)
    rows = {
        classifier: test_rows[test_rows["classifier"] == classifier] for classifier in classifiers
    }
    changed = [
        (classifier, float((part["before"] != part["after"]).mean()))
        for classifier, part in rows.items()
    ]
    moved = ", ".join(
        f"{classifier} {part['moved'].mean():.3f}" for classifier, part in rows.items()
    )
    accuracy = ", ".join(
        f"{classifier} {(part['before'] == part['label']).mean():.0%}"
        for classifier, part in rows.items()
    )
    left, right = entry.opposites
    explanation = (
        f"In {pairs:,} test texts the strongest word for '{left}' and the strongest word for "
        f"'{right}' are exchanged. Both texts of a pair hold the same words in a different order.",
        f"{entry.bag_of_words} counts words, so it gives both texts of a pair the same answer. A "
        f"Markov model of each label ({entry.order}-grams) sees neighbouring words, and "
        f"{entry.recurrent} reads the whole text in order. Not every exchange changes the meaning "
        f"of a text, so 100% is not the ideal result. Mean probability that moved to other "
        f"labels: {moved}. Accuracy before the exchange: {accuracy}. The table shows the example "
        f"of params.yaml and the shortest pairs, first those that got different answers.",
    )
    title = f"Word order: {name}"
    return ExperimentFigure(
        title,
        explanation,
        Picture(title, experiment_plots.order_sensitivity(changed, title)),
        source,
        header=("text", "exchanged", *classifiers),
        rows=_example_pairs(table, classifiers),
    )


def _example_pairs(table: pd.DataFrame, classifiers: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return the example of params.yaml and the shortest pairs, with the answers to both texts.

    Pairs that got different answers come before the others.
    """
    answers = table["before"] + " → " + table["after"]
    columns = [list(answers[table["classifier"] == classifier]) for classifier in classifiers]
    texts = table[table["classifier"] == classifiers[0]][["text", "exchanged"]]
    example, *pairs = zip(texts["text"], texts["exchanged"], *columns, strict=True)
    changed = set(table["text"][table["before"] != table["after"]])
    pairs = sorted(pairs, key=lambda row: (row[0] not in changed, len(row[0]), row))
    return (example, *pairs[: MAX_PAIRS - 1])


def _source_length(
    name: str, entry: params.SourceLength, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    metric = str(table["measure"].iloc[0])
    form = ".2f" if metric == "exact match" else ".1f"
    ranges = []
    for model, part in table.groupby("model", sort=False):
        shortest, longest = part.iloc[0], part.iloc[-1]
        ranges.append(f"{model} from {shortest['score']:{form}} to {longest['score']:{form}}")
    examples = f"{table['examples'].min():,} to {table['examples'].max():,}"
    explanation = (
        f"{metric[0].upper()}{metric[1:]} on the test split by source length, with {examples} "
        f"sentences in each bucket (Bahdanau et al. 2015, figure 2). Both models translate the "
        f"same sentences.",
        f"The longer the source, the more {entry.fixed} has to store in one vector, while "
        f"{entry.attention} looks up each part of the source when it needs it. Scores from the "
        f"shortest to the longest bucket: {', '.join(ranges)}.",
    )
    title = f"Attention against a fixed vector: {name}"
    picture = Picture(title, experiment_plots.source_length(table, title))
    return ExperimentFigure(title, explanation, picture, source)
