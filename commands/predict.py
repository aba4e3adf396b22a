"""A trained model on text that a person types."""

from __future__ import annotations

from pathlib import Path

from pipelines import console
from pipelines.config import params
from pipelines.lineage import dvc_project


def predict(name: str, texts: list[str]) -> None:
    """Print what the model called `name` makes of each text."""
    everything = params.load(Path("params.yaml"))
    entry = params.require(everything.models, name, "model")
    words = dvc_project.command("evaluate", name)
    with console.quiet_imports():
        from pipelines.inference import predictor

    corpus = everything.corpora[entry.corpus]
    trained = predictor.load(
        dvc_project.option(words, "model"),
        dvc_project.option(words, "vocabulary"),
        corpus.samples,
        corpus.search,
    )
    for text in trained.predict(texts):
        console.echo(text)
