"""Learning curves of the models of a corpus, and a paragraph on what they show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines import paths
from pipelines.config.params import Corpus
from pipelines.training import history as histories
from pipelines.training.step_metrics import read_losses

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

MAX_POINTS = 40  # points of the training loss


@dataclass(frozen=True)
class LossUnit:
    """Unit of a loss: its name, and its size in nats."""

    name: str
    nats: float


@dataclass(frozen=True)
class LearningCurve:
    """Losses of one training run, or of one seed of a group, in nats.

    Attributes:
        model: name of the model.
        history: a row for each epoch.
        train_tokens: (P,), tokens read at the end of each part of the training.
        train_losses: (P,), mean training loss of each part; empty without steps.
        best: position of the best epoch in the history.
    """

    model: str
    history: pd.DataFrame
    train_tokens: npt.NDArray[np.float64]
    train_losses: npt.NDArray[np.float64]
    best: int


def loss_unit(corpus: Corpus) -> LossUnit:
    """Return bits if the tables of the corpus have bits per character, otherwise nats."""
    if corpus.task == "language_modelling" and corpus.tokens == "characters":
        return LossUnit("bits per character", math.log(2))
    unit = {"classification": "text", "tagging": "tag"}.get(corpus.task, "token")
    return LossUnit(f"nats per {unit}", 1.0)


def read_curves(models: Iterable[str], root: Path) -> list[LearningCurve]:
    """Read the curves of the trained models; a group has one for each seed.

    Raises:
        UserError: a file is damaged.
    """
    curves = []
    for name in models:
        file = root / paths.history(name)
        if file.is_file():
            history = histories.read_history(file)
            curves += make_curves(name, history, read_losses(root / paths.model(name)))
    return curves


def make_curves(
    model: str, history: pd.DataFrame, losses: npt.NDArray[np.float64]
) -> list[LearningCurve]:
    """Return the curve of a model, or of each seed of a group.

    Args:
        model: name of the model.
        history: its training history.
        losses: (N,), loss of each training step in nats, of all seeds in succession.
    """
    curves = []
    epochs_done = 0
    for part in histories.by_seed(history).values():
        part = part.reset_index(drop=True)
        # All epochs have about the same number of steps.
        ends = [epochs_done, epochs_done + len(part)]
        first, last = (round(len(losses) * end / len(history)) for end in ends)
        epochs_done = ends[1]
        tokens, means = _smooth(losses[first:last], float(part["tokens"].iloc[-1]))
        curves.append(LearningCurve(model, part, tokens, means, _best_epoch(part)))
    return curves


def _smooth(
    losses: npt.NDArray[np.float64], total_tokens: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Average the losses over parts that grow by a constant factor, as on a log axis."""
    steps = len(losses)
    if not steps:
        return np.zeros(0), np.zeros(0)
    ends = np.unique(np.geomspace(max(1, steps / 64), steps, MAX_POINTS).round().astype(int))
    means = [part.mean() for part in np.split(losses, ends[:-1])]
    return ends * total_tokens / steps, np.array(means)


def _best_epoch(history: pd.DataFrame) -> int:
    """Return the position of the epoch with the highest score, or else the lowest loss."""
    scores = [
        str(column)
        for column in history
        if str(column).startswith("valid_") and not str(column).endswith("loss")
    ]
    if scores:
        return int(history[scores[0]].to_numpy().argmax())
    return int(history["valid_loss"].to_numpy().argmin())


def describe(curves: Sequence[LearningCurve], unit: LossUnit) -> tuple[str, ...]:
    """Return the paragraphs on the curves: legend, ranking, and how each training ended."""
    legend = (
        f"Validation loss after each epoch (solid) and training loss (dashed), in {unit.name}. A "
        f"ring marks the best epoch: that with the highest validation score, or the lowest loss. "
        f"Training loss is measured while the weights change, with dropout, label smoothing and "
        f"class weights where a model has them, so it can lie above validation loss."
    )
    first_seeds = list({curve.model: curve for curve in reversed(curves)}.values())[::-1]
    ranking = sorted(
        (float(curve.history["valid_loss"].iloc[curve.best]) / unit.nats, curve.model)
        for curve in first_seeds
    )
    values = ", ".join(f"{model} {loss:.3f}" for loss, model in ranking)
    endings = [_ending(curve, unit) for curve in first_seeds if len(curve.history) > 1]
    seeds = " Of groups, the first seed is described." if len(first_seeds) < len(curves) else ""
    return (
        legend,
        f"Validation loss at the best epoch, lowest first: {values}.{seeds}",
        *([" ".join(endings)] if endings else []),
    )


def _ending(curve: LearningCurve, unit: LossUnit) -> str:
    """Say how a training of several epochs ended: overfitted, still improving, or neither."""
    valid, train = (
        curve.history[column].to_numpy() / unit.nats for column in ("valid_loss", "train_loss")
    )
    epoch = curve.history["epoch"].to_numpy()
    lowest = int(valid.argmin())
    name = curve.model
    if lowest == len(valid) - 1:
        return f"{name}: validation loss is lowest in the last epoch."
    losses = (
        f"validation loss rises from {valid[lowest]:.3f} after epoch {epoch[lowest]} to "
        f"{valid[-1]:.3f} after epoch {epoch[-1]}"
    )
    if train[-1] < train[lowest]:
        change = f"while training loss falls from {train[lowest]:.3f} to {train[-1]:.3f}"
        return f"{name} overfits: {losses}, {change}."
    return f"{name}: {losses}, and training loss does not fall either."
