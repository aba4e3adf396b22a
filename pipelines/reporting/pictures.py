"""The pictures of one evaluated model, as files that the report and MLflow show."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from pipelines import files
from pipelines.inference.predictor import Predictor
from pipelines.reporting import diagnostic_plots, plots
from pipelines.tasks.evaluation import Evaluation
from pipelines.training import history as epochs
from pipelines.training.samples import Sample, read_samples
from pipelines.training.step_metrics import read_norms


def write(
    name: str, found: Evaluation, predictor: Predictor, model: Path, history: Path, folder: Path
) -> None:
    """Write the pictures and texts that the model has.

    Args:
        name: the model's.
        found: what its evaluation found.
        predictor: the model.
        model: its folder.
        history: the table of its epochs.
        folder: it takes the place of what stood there.
    """
    drawn = {
        "learning-curve.svg": plots.learning_curves({name: epochs.read_history(history)}, name)
    }
    for number, (weights, source, target) in enumerate(found.maps, 1):
        title = f"{name}, test item {number}"
        drawn[f"attention-{number}.svg"] = plots.attention_map(weights, source, target, title)
    if found.confusion is not None:
        drawn["confusion.svg"] = plots.confusion_matrix(
            found.confusion, predictor.vocabularies.labels, name
        )
    drawn["by-length.svg"] = diagnostic_plots.by_length(
        found.lengths.length,
        found.lengths.score,
        found.lengths.longest,
        found.lengths.counts,
        found.lengths.values,
        name,
    )
    if found.reliable is not None:
        error = found.metrics["test_calibration_error"]
        title = f"{name}: ECE {error:.3f}"
        drawn["calibration.svg"] = diagnostic_plots.calibration(
            found.reliable.counts, found.reliable.confidence, found.reliable.accuracy, title
        )
    norms = read_norms(model)
    if len(norms):
        clip = predictor.card.entry.optimizer.clip_norm
        drawn["gradient-norms.svg"] = diagnostic_plots.gradient_norms(norms, clip, name)
    samples = read_samples(model)
    if samples:
        drawn["samples.md"] = _by_epoch(name, samples)
    if found.sample is not None:
        drawn["sample.txt"] = found.sample
    with files.atomic_write(folder) as beside:
        beside.mkdir()
        for file, text in drawn.items():
            (beside / file).write_text(text, encoding="utf-8", newline="\n")


def _by_epoch(name: str, samples: Sequence[Sample]) -> str:
    """What a model said after each epoch, as Markdown; indented, all of it stays as it stands."""
    parts = [f"# What {name} said after each epoch\n"]
    for sample in samples:
        said = textwrap.indent(sample.text, "    ", lambda line: True)
        parts.append(f"## Epoch {sample.epoch}\n\n{said}\n")
    return "\n".join(parts)
