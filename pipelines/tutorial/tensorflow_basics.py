"""Figures of chapter 5: TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipelines import paths
from pipelines.reporting import plots
from pipelines.training.step_metrics import LOSSES, read_losses
from pipelines.tutorial.figure import TutorialFigure

MODEL = "contrasts-lstm"  # whose losses are drawn
WINDOW = 20  # steps of a mean


def losses(root: Path) -> str:
    """Draw the loss of each training step, and means of consecutive steps."""
    values = read_losses(root / paths.model(MODEL))
    means = np.convolve(values, np.ones(WINDOW) / WINDOW, mode="valid")

    def draw(axes: Any) -> None:
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, values, color=plots.COLOURS[4], linewidth=0.8, label="each step")
        line = {"color": plots.COLOURS[0], "label": f"mean of {WINDOW} steps"}
        axes.plot(steps[WINDOW - 1 :], means, **line)
        axes.set(xlabel="step", ylabel="loss, nats", ylim=(0, None))
        axes.set_title(MODEL)
        axes.legend()

    return plots.svg(draw, plots.SIZE)


FIGURES: dict[str, TutorialFigure] = {
    "training-loss": TutorialFigure(
        f"Loss of each training step of {MODEL}, which falls to almost zero",
        losses,
        {f"train_lstm@{MODEL}": (paths.model(MODEL) / LOSSES,)},
    ),
}
