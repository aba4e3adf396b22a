"""`seqproof predict`: apply a trained model to text."""

from __future__ import annotations

from pipelines import console, paths
from pipelines.config import params


def predict(name: str, texts: list[str]) -> None:
    """Print the model's prediction for each text, such as a label or a translation.

    Args:
        name: a model of params.yaml.
        texts: texts as typed; they are cleaned like the model's corpus.
    """
    config = params.load(paths.PARAMS)
    entry = params.require(config.models, name, "model")
    with console.quiet_imports():
        from pipelines.inference import predictor
        from pipelines.tasks import lookup

    corpus = config.corpora[entry.corpus]
    trained = predictor.load(
        paths.model(name), paths.vocabulary(entry.corpus), corpus.samples, corpus.search
    )
    for prediction in lookup.get(trained.spec.task).predict(trained, texts):
        console.echo(prediction)
