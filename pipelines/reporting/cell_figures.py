"""Figures of the experiments on single recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.config import params
from pipelines.reporting import cell_plots
from pipelines.reporting.embedded_svg import Picture
from pipelines.reporting.experiment_figure import ExperimentFigure, TableSource

if TYPE_CHECKING:
    import pandas as pd


def gradient_flow(
    name: str, entry: params.GradientFlow, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    """Make the figure of gradient norms by lag."""
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
    picture = Picture(title, cell_plots.gradient_flow(table))
    return ExperimentFigure(title, explanation, picture, source)


def _remaining_norms(table: pd.DataFrame, cell: str, lag: int) -> str:
    norms = []
    for weights in ("start", "clipped"):
        curve = table[(table["cell"] == cell) & (table["when"] == weights)]
        norms.append(cell_plots.relative_norms(curve)[lag])
    # A norm below the range of float32 is 0.
    return f"{cell} {' and '.join(f'{norm:.0e}' if norm else '0' for norm in norms)}"


def _pairs(table: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return list(table[list(columns)].drop_duplicates().itertuples(index=False, name=None))


def long_memory(
    name: str, entry: params.LongMemory, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    """Make the figure of the lags that each cell learns."""
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
    picture = Picture(title, cell_plots.long_memory(table, name))
    return ExperimentFigure(title, explanation, picture, source)


def _first_failure(table: pd.DataFrame, cell: str) -> str:
    failed = table[(table["cell"] == cell) & ~table["learnt"]]
    return f"{cell} {'none' if failed.empty else format(failed['lag'].min(), ',')}"
