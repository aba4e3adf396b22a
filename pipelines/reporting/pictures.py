"""The pictures of one evaluated model, drawn from its analysis and its training history."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import paths
from pipelines.config.params import Corpus, Model, TrainableConfig
from pipelines.evaluation import analysis as analyses
from pipelines.evaluation.calibration import calibration_error_of_bins
from pipelines.reporting import plots
from pipelines.reporting.learning_curves import LossUnit, loss_unit, make_curves
from pipelines.training.history import read_history
from pipelines.training.samples import Sample, read_samples
from pipelines.training.step_metrics import read_losses, read_norms

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# File names; attention maps are numbered.
LEARNING_CURVE = "learning-curve.svg"
ATTENTION = "attention-{}.svg"
CONFUSION = "confusion.svg"
RELIABILITY = "calibration.svg"
SCORE_BY_LENGTH = "by-length.svg"
GRADIENT_NORMS = "gradient-norms.svg"
SAMPLES_BY_EPOCH = "samples.md"
SAMPLE = "sample.txt"


def draw(
    name: str,
    analysis: analyses.Analysis,
    history: pd.DataFrame,
    losses: np.ndarray,
    norms: np.ndarray,
    samples: Sequence[Sample],
    clip_norm: float | None,
    unit: LossUnit,
) -> dict[str, str]:
    """Draw all pictures and texts of a model.

    Args:
        name: the model's name.
        analysis: its analysis on the test split.
        history: its training history, a row for each epoch.
        losses: (N,), the loss of every training step in nats; empty if it has none.
        norms: (N,), the gradient norm of every training step; empty if it has none.
        samples: its samples after each epoch.
        clip_norm: the norm above which gradients were clipped; None for a model without gradients.
        unit: unit of the losses in the learning curve.

    Returns:
        Texts by file name: SVG pictures, `samples.md` and `sample.txt`. A picture that does not
        apply to the model is left out.
    """
    lengths = analysis.lengths
    pictures = {
        LEARNING_CURVE: plots.learning_curves(make_curves(name, history, losses), unit, name),
        SCORE_BY_LENGTH: plots.score_by_length(
            lengths.length, lengths.score, lengths.longest, lengths.counts, lengths.values, name
        ),
    }
    for number, attention in enumerate(analysis.attention, 1):
        pictures[ATTENTION.format(number)] = plots.attention_map(
            attention.weights, attention.source, attention.target, f"{name}, test item {number}"
        )
    if analysis.confusion is not None:
        confusion = analysis.confusion
        pictures[CONFUSION] = plots.confusion_matrix(confusion.counts, confusion.labels, name)
    if analysis.reliability is not None:
        bins = analysis.reliability
        title = f"{name}: ECE {calibration_error_of_bins(bins):.3f}"
        pictures[RELIABILITY] = plots.reliability_diagram(
            bins.counts, bins.confidence, bins.accuracy, title
        )
    if len(norms) and clip_norm is not None:
        pictures[GRADIENT_NORMS] = plots.gradient_norms(norms, clip_norm, name)
    if samples:
        pictures[SAMPLES_BY_EPOCH] = _samples_by_epoch(name, samples)
    if analysis.sample is not None:
        pictures[SAMPLE] = analysis.sample
    return pictures


def draw_from_files(name: str, model: Model, corpus: Corpus, root: Path) -> dict[str, str]:
    """Draw all pictures and texts of an evaluated model from its files.

    Args:
        name: the model's name.
        model: its entry in params.yaml.
        corpus: its corpus.
        root: the project's root.

    Raises:
        UserError: a file is missing or damaged.
    """
    folder = root / paths.model(name)
    return draw(
        name,
        analyses.read_analysis(root / paths.analysis(name)),
        read_history(root / paths.history(name)),
        read_losses(folder),
        read_norms(folder),
        read_samples(folder),
        model.optimizer.clip_norm if isinstance(model, TrainableConfig) else None,
        loss_unit(corpus),
    )


def _samples_by_epoch(name: str, samples: Sequence[Sample]) -> str:
    """Return the samples as Markdown; they are indented, so that nothing in them is markup."""
    parts = [f"# Samples of {name} after each epoch\n"]
    for sample in samples:
        text = textwrap.indent(sample.text, "    ", lambda line: True)
        parts.append(f"## Epoch {sample.epoch}\n\n{text}\n")
    return "\n".join(parts)
