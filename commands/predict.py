"""`seqproof predict`: apply a trained model to text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from commands import drift, inputs
from pipelines import console, paths
from pipelines.config import params

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor


def predict(name: str, texts: list[str], check: bool = False) -> None:
    """Print the model's prediction for each text, and an empty line for a blank text.

    It is a translation, a continuation, or the tag of each word. A classifier prints a table: the
    predicted label and the probability of each label.

    Args:
        name: a model of params.yaml.
        texts: texts as typed; they are cleaned like the model's corpus.
        check: compare the texts with the training text, too.

    Raises:
        UserError: the texts differ from the training text by more than the rule `drift` allows.
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
    labels: Counter[str] = Counter()
    if trained.spec.task == "classification":
        header, *lines = _label_table(trained, prepared, labels)
        console.echo(header)
    else:
        lines = lookup.get(trained.spec.task).predict_prepared(trained, prepared)
    for line in inputs.align(lines, blank):
        console.echo(line)
    if check:
        test_labels = _test_labels(name) if labels else {}
        drift.check(entry.corpus, corpus, trained.vocabularies, prepared, labels, test_labels)


def _test_labels(name: str) -> Counter[str]:
    """Count the labels that a classifier predicts for the test split; empty before `evaluate`."""
    from pipelines.data import parquet

    path = paths.predictions(name)
    if not path.is_file():
        return Counter()
    return Counter(parquet.read_table(path, ["predicted"])["predicted"].to_pylist())


def _label_table(trained: Predictor, prepared: list[str], counts: Counter[str]) -> list[str]:
    """Return the lines of a table with a row for each text, and count the labels."""
    import numpy as np

    from pipelines.tasks import classification

    logits = classification.predict_logits(trained, prepared)
    probabilities = np.exp(classification.log_softmax(logits))
    labels = trained.vocabularies.labels
    counts.update(labels[row.argmax()] for row in probabilities)
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
