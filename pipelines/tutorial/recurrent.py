"""Figures of chapter 3: Training recurrent networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines import paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import plots
from pipelines.training.step_metrics import NORMS, read_norms
from pipelines.tutorial.diagrams import BLUE, GREEN, RED, arrow, canvas, label, node
from pipelines.tutorial.figure import TutorialFigure, report_figure

SIGMA, TIMES = "\N{GREEK SMALL LETTER SIGMA}", "\N{MULTIPLICATION SIGN}"
CLIPPED = "contrasts-lstm"  # the model whose gradient norms are drawn


def unfolded(root: Path) -> str:
    """Draw a network over three steps, with the path of the gradient of the last loss."""

    def draw(axes: Any) -> None:
        canvas(axes, 8.6, 5.0)
        for step, digit in enumerate("₀₁₂"):
            x = 1.8 + 2.6 * step
            arrow(axes, (x, 0.6), (x, 1.9))
            label(axes, (x - 0.3, 1.2), "W")
            arrow(axes, (x, 1.9), (x, 3.2))
            arrow(axes, (x, 3.2), (x, 4.5))
            arrow(axes, (x - 2.6 if step else x - 1.6, 1.9), (x, 1.9))
            label(axes, (x - 1.3 if step else x - 0.9, 1.62), "U")
            node(axes, (x, 0.6), f"x{digit}")
            node(axes, (x, 1.9), f"s{digit}", BLUE)
            node(axes, (x, 3.2), f"y{digit}")
            node(axes, (x, 4.5), f"J{digit}", RED if step == 2 else "#222222")
            # The gradient of the last loss reaches W at every step.
            arrow(axes, (x + 0.05, 1.9), (x + 0.28, 0.75), RED, bend=-0.35, dashed=True, gap=10)
            if step:
                arrow(axes, (x, 1.9), (x - 2.6, 1.9), RED, bend=0.3, dashed=True)
            label(axes, (x + 0.72, 1.05), f"∂s{digit}/∂W", RED, 9)
        last = 1.8 + 2.6 * 2
        arrow(axes, (last, 4.5), (last, 3.2), RED, bend=-0.5, dashed=True)
        arrow(axes, (last, 3.2), (last, 1.9), RED, bend=-0.5, dashed=True)
        label(axes, (last + 0.85, 3.85), "∂J₂/∂y₂", RED, 9)
        label(axes, (last + 0.85, 2.6), "∂y₂/∂s₂", RED, 9)
        label(axes, (last - 1.3, 2.6), "∂s₂/∂s₁", RED, 9)
        label(axes, (last - 3.9, 2.6), "∂s₁/∂s₀", RED, 9)

    return plots.svg(draw, (7.2, 4.2))


def lstm_step(root: Path) -> str:
    """Draw one step of an LSTM."""

    def draw(axes: Any) -> None:
        canvas(axes, 10.4, 5.6)
        names = ("forget", "input", "candidate", "output")
        gates = {"fₜ": (2.2, SIGMA), "iₜ": (4.0, SIGMA), "gₜ": (5.6, "tanh"), "oₜ": (7.4, SIGMA)}
        for name, (symbol, (x, function)) in zip(names, gates.items(), strict=True):
            arrow(axes, (x, 0.55), (x, 1.7), gap=10)
            node(axes, (x, 1.7), function, GREEN)
            label(axes, (x, 0.2), name, size=9)
            label(axes, (x - 0.45, 2.2), symbol)
        axes.plot([0.9, 7.4], [0.55, 0.55], color="#222222", linewidth=1.2)
        node(axes, (0.9, 0.55), "xₜ, hₜ₋₁")
        arrow(axes, (0.7, 4.6), (2.2, 4.6), BLUE, width=2.4)
        arrow(axes, (2.2, 4.6), (4.8, 4.6), BLUE, width=2.4)
        arrow(axes, (4.8, 4.6), (9.7, 4.6), BLUE, width=2.4)
        arrow(axes, (2.2, 1.7), (2.2, 4.6))
        arrow(axes, (4.0, 1.7), (4.8, 3.2))
        arrow(axes, (5.6, 1.7), (4.8, 3.2))
        arrow(axes, (4.8, 3.2), (4.8, 4.6))
        arrow(axes, (7.9, 4.6), (7.9, 3.7), gap=4)
        arrow(axes, (7.9, 3.7), (7.9, 2.6))
        arrow(axes, (7.4, 1.7), (7.9, 2.6))
        arrow(axes, (7.9, 2.6), (9.7, 2.6))
        node(axes, (0.7, 4.6), "sₜ₋₁", BLUE)
        node(axes, (2.2, 4.6), TIMES, shape="circle")
        node(axes, (4.8, 4.6), "+", shape="circle")
        node(axes, (4.8, 3.2), TIMES, shape="circle")
        node(axes, (7.9, 3.7), "tanh")
        node(axes, (7.9, 2.6), TIMES, shape="circle")
        node(axes, (9.7, 4.6), "sₜ", BLUE)
        node(axes, (9.7, 2.6), "hₜ")
        label(axes, (3.5, 5.2), "no matrix and no tanh on the path of the cell state", BLUE, 9)

    return plots.svg(draw, (7.6, 4.1))


def clipped_norms(root: Path) -> str:
    """Draw the gradient norm of each training step, with the limit of `params.yaml`."""
    model = params.load(root / paths.PARAMS).models[CLIPPED]
    limit = model.optimizer.clip_norm if isinstance(model, params.TrainableConfig) else None
    if limit is None:
        raise UserError(f"params.yaml: {CLIPPED} has no optimizer.clip_norm.")
    norms = read_norms(root / paths.model(CLIPPED))
    return plots.gradient_norms(norms, limit, CLIPPED)


FIGURES: dict[str, TutorialFigure] = {
    "backpropagation-through-time": TutorialFigure(
        "A recurrent network unfolded over three steps, with an output and a loss at each; dashed "
        "arrows follow the gradient of the last loss back to each use of W",
        unfolded,
    ),
    "gradient-flow": report_figure(
        "Share of the gradient that arrives some steps back in the adding task, for each cell with "
        "initial weights and after training, on a logarithmic scale",
        "memory@adding",
        paths.gradient_norms("adding"),
    ),
    "gradient-norms": TutorialFigure(
        f"Norm of the gradient at each training step of {CLIPPED}, with the clipping limit",
        clipped_norms,
        {f"train_lstm@{CLIPPED}": (paths.model(CLIPPED) / NORMS,)},
    ),
    "memory-adding": report_figure(
        "Error of each cell on the adding task, by the length of the sequence",
        "memory@adding",
        paths.experiment("memory", "adding"),
    ),
    "truncation": report_figure(
        "Share of the symbols that a tanh cell and an LSTM recall after ten steps, by the number "
        "of steps after which the gradient is cut",
        "memory@recall",
        paths.experiment("memory", "recall"),
    ),
    "lstm-step": TutorialFigure(
        "One step of an LSTM: the cell state is multiplied by the forget gate, the input gate "
        "times the candidate is added, and the output gate multiplies its tanh",
        lstm_step,
    ),
    "memory-copying": report_figure(
        "Share of the symbols that each cell repeats in the copying task, by the number of steps "
        "between them and the signal",
        "memory@copying",
        paths.experiment("memory", "copying"),
    ),
}
