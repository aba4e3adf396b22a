"""The experiments section of the report: each plot with its explanation and its table's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import paths
from pipelines.config import params
from pipelines.experiments import tables
from pipelines.reporting import cell_figures, experiment_plots
from pipelines.reporting.embedded_svg import Picture
from pipelines.reporting.experiment_figure import ExperimentFigure, TableSource

if TYPE_CHECKING:
    import pandas as pd

MAX_PAIRS = 6  # rows in the table of exchanged words


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
        "gradient_flow": (
            experiments.gradient_flow,
            tables.GRADIENT_FLOW,
            cell_figures.gradient_flow,
        ),
        "long_memory": (experiments.long_memory, tables.LONG_MEMORY, cell_figures.long_memory),
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
