"""The experiments section of the report: each plot with its explanation and its table's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import paths
from pipelines.config import params
from pipelines.experiments import tables
from pipelines.reporting import cell_figures, model_figures
from pipelines.reporting.experiment_figure import ExperimentFigure, TableSource

if TYPE_CHECKING:
    import pandas as pd

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
        "word_order": (experiments.word_order, tables.WORD_ORDER, model_figures.word_order),
        "source_length": (
            experiments.source_length,
            tables.SOURCE_LENGTH,
            partial(model_figures.source_length, config),
        ),
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
