"""`seqproof predict`: apply a trained model to text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import inputs
from pipelines import console, paths
from pipelines.config import params

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor


def predict(name: str, texts: list[str]) -> None:
    """Print the model's prediction for each text, and an empty line for a blank text.

    It is a translation, a continuation, or the tag of each word. A classifier prints a table: the
    predicted label and the probability of each label.

    Args:
        name: a model of params.yaml.
        texts: texts as typed; they are cleaned like the model's corpus.
    """
    config = params.load(paths.PARAMS)
    entry = params.require(config.models, name, "model")
    with console.quiet_imports():
        from pipelines.inference import predictor
        from pipelines.models import serialization
        from pipelines.tasks import lookup

    corpus = config.corpora[entry.corpus]
    trained = predictor.load(
        paths.model(name),
        paths.vocabulary(entry.corpus),
        corpus.samples,
        corpus.search,
        spec=serialization.ModelSpec.of(config, name),
    )
    prepared, blank = inputs.prepare(trained, texts)
    if trained.spec.task == "classification":
        header, *lines = _label_table(trained, prepared)
        console.echo(header)
    else:
        lines = lookup.get(trained.spec.task).predict_prepared(trained, prepared)
    for line in inputs.align(lines, blank):
        console.echo(line)


def _label_table(trained: Predictor, prepared: list[str]) -> list[str]:
    """Return the lines of a table with a row for each text."""
    import numpy as np

    from pipelines.tasks import classification

    logits = classification.predict_logits(trained, prepared)
    probabilities = np.exp(classification.log_softmax(logits))
    labels = trained.vocabularies.labels
    header = ["label", *(f"p({label})" for label in labels), "text"]
    table = [
        [
            labels[row.argmax()],
            *(f"{probability:.3f}" for probability in row),
            " ".join(text.split("\n")),
        ]
        for row, text in zip(probabilities, prepared, strict=True)
    ]
    widths = [max(len("label"), *map(len, labels)), *map(len, header[1:-1]), 0]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [header, *table]
    ]
