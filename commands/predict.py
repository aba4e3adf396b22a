"""A trained model on text that a person types."""

from __future__ import annotations

from pathlib import Path

from pipelines import console, params
from pipelines.tracking import graph


def predict(name: str, texts: list[str]) -> None:
    """Print what the model called `name` makes of each text."""
    everything = params.load(Path("params.yaml"))
    entry = params.one_of(everything.models, name, "model")
    words = graph.command("evaluate", name)
    with console.quiet_imports():
        from pipelines.inference import predictor

    corpus = everything.corpora[entry.corpus]
    trained = predictor.load(
        graph.option(words, "model"),
        graph.option(words, "vocabulary"),
        corpus.samples,
        corpus.search,
    )
    for text in trained.predict(texts):
        console.note(text)
