"""The experiments section of the report: each plot with its explanation and its table's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import paths
from pipelines.config import params
from pipelines.experiments import tables
from pipelines.reporting import cell_figures, model_figures, perceptron_figures
from pipelines.reporting.experiment_figure import ExperimentFigure, TableSource

if TYPE_CHECKING:
    import pandas as pd

PathOf = Callable[[str], Path]
MakeFigure = Callable[[str, Any, "pd.DataFrame", TableSource], ExperimentFigure]


def experiment_figures(
    config: params.Params, root: Path, only: Path | None = None
) -> list[ExperimentFigure]:
    """Make the figures of all experiments whose tables exist.

    Args:
        config: lists the experiments.
        root: the project's root.
        only: the table of the only figure to make.

    Raises:
        UserError: a table is damaged.
    """
    experiments = config.experiments
    untruncated = {
        name: entry for name, entry in experiments.memory.items() if "full" in entry.bptt_steps
    }
    # For each stage: the function that returns the path of a table, the entries of params.yaml, the
    # table's columns, and the function that makes its figure.
    stages: Sequence[tuple[str, PathOf, Mapping[Any, Any], tuple[str, ...], MakeFigure]] = [
        (
            *("backpropagation", partial(paths.experiment, "backpropagation")),
            *(experiments.backpropagation, tables.BACKPROPAGATION),
            perceptron_figures.backpropagation,
        ),
        (
            *("memory", partial(paths.experiment, "memory"), experiments.memory, tables.MEMORY),
            partial(cell_figures.memory, experiments.cells),
        ),
        (
            *("memory", paths.gradient_norms, untruncated, tables.GRADIENT_FLOW),
            cell_figures.gradient_flow,
        ),
        (
            *("word_order", partial(paths.experiment, "word_order")),
            *(experiments.word_order, tables.WORD_ORDER, model_figures.word_order),
        ),
        (
            *("source_length", partial(paths.experiment, "source_length")),
            *(experiments.source_length, tables.SOURCE_LENGTH),
            partial(model_figures.source_length, config),
        ),
    ]
    return [
        make_figure(name, entry, tables.read(root / path_of(name), columns), source)
        for stage, path_of, entries, columns, make_figure in stages
        for name, entry in entries.items()
        if only in (None, path_of(name))
        if (source := _source(f"{stage}@{name}", root, path_of(name)))
    ]


def _source(stage: str, root: Path, path: Path) -> TableSource | None:
    """Return the table behind a plot; None if it does not exist."""
    if not (root / path).is_file():
        return None
    md5 = hashlib.md5((root / path).read_bytes(), usedforsecurity=False).hexdigest()
    return TableSource(stage, path.as_posix(), md5)
