"""Figure of the experiment on backpropagation, with a text written from its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.config import params
from pipelines.reporting import perceptron_plots
from pipelines.reporting.embedded_svg import Picture
from pipelines.reporting.experiment_figure import ExperimentFigure, TableSource
from pipelines.reporting.wording import join

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = {
    "xor": "near the corners of a square, opposite corners with the same label",
    "circles": "near two circles, one around the other",
}
REFERENCES = {"tape": "TensorFlow's GradientTape", "differences": "central differences"}


def model_names(entry: params.Backpropagation) -> dict[str, str]:
    """Return what figures call the three networks of an entry."""
    return {
        "perceptron": "perceptron",
        "linear": "two layers, linear",
        "mlp": f"two layers, {entry.activation}",
    }


def backpropagation(
    name: str, entry: params.Backpropagation, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    """Make the figure of the networks that learn one kind of examples."""
    names = model_names(entry)
    first, last = (_measures(table, step) for step in (table["step"].min(), table["step"].max()))
    results = [
        f"{title}: loss {first['loss', model]:.2f} → {last['loss', model]:.2f} nats, "
        f"{last['accuracy', model]:.0%} right"
        for model, title in names.items()
    ]
    title = f"Backpropagation: {name}"
    explanation = (
        f"Three networks learn {entry.examples:,} points {EXAMPLES[name]}, by stochastic gradient "
        f"descent with one point at each step. The gradients are written out in NumPy. Circles "
        f"have the label 1 and squares the label 0; the colour behind them shows the probability "
        f"of 1, and the black line is the decision boundary, where it is 1/2. The boundary of a "
        f"perceptron is a straight line, and that of two layers without an activation function "
        f"as well.",
        f"From the first step to the last, on all points: {'; '.join(results)}.",
        f"The gradients were compared with two other ways to compute them, before and after "
        f"training. {_checks(table)}",
    )
    picture = Picture(title, perceptron_plots.backpropagation(table, names))
    return ExperimentFigure(title, explanation, picture, source)


def _measures(table: pd.DataFrame, step: int) -> dict[tuple[str, str], float]:
    """Return the measures of a step by quantity and model."""
    rows = table[table["step"] == step]
    return dict(zip(zip(rows["quantity"], rows["model"], strict=True), rows["value"], strict=True))


def _checks(table: pd.DataFrame) -> str:
    largest = table.groupby("quantity")["value"].max()
    parts = [f"{largest[kind]:.0e} to {name}" for kind, name in REFERENCES.items()]
    return f"The largest difference, relative to the gradient, is {join(parts)}."
