"""Trained models of the project in the current folder."""

from __future__ import annotations

from pipelines import paths
from pipelines.config import params
from pipelines.inference import predictor
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization


def load(
    config: params.Params,
    name: str,
    samples: params.Samples | None = None,
    search: params.Search | None = None,
) -> Predictor:
    """Load a trained model of params.yaml.

    Args:
        config: the parameters of the project.
        name: a model of it.
        samples: how a language model continues a text; None for the values of its corpus.
        search: how translations are searched; None for the values of its corpus.

    Raises:
        UserError: there is no model, it is damaged, or it was trained with another vocabulary or
            other parameters.
    """
    corpus_name = config.models[name].corpus
    corpus = config.corpora[corpus_name]
    return predictor.load(
        paths.model(name),
        paths.vocabulary(corpus_name),
        samples or corpus.samples,
        search or corpus.search,
        spec=serialization.ModelSpec.of(config, name),
    )
