"""The pictures of one evaluated model, as files that the report and MLflow show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines import files
from pipelines import history as epochs
from pipelines.inference.evaluation import Evaluation
from pipelines.reporting import figures


def write(name: str, found: Evaluation, labels: Sequence[str], history: Path, folder: Path) -> None:
    """Write learning curve, attention maps, confusion matrix and sample, as the model has them."""
    drawn = {"learning-curve.svg": figures.learning_curves({name: epochs.read(history)}, name)}
    for number, (weights, source, target) in enumerate(found.maps, 1):
        title = f"{name}, test item {number}"
        drawn[f"attention-{number}.svg"] = figures.attention_map(weights, source, target, title)
    if found.confusion is not None:
        drawn["confusion.svg"] = figures.confusion_matrix(found.confusion, labels, name)
    if found.sample is not None:
        drawn["sample.txt"] = found.sample
    with files.whole(folder) as beside:
        beside.mkdir()
        for file, text in drawn.items():
            (beside / file).write_text(text, encoding="utf-8", newline="\n")
