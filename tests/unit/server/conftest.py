"""A small classifier that needs no TensorFlow, ready to be served."""

import pytest

from pipelines.inference.predictor import Predictor
from pipelines.server.models import ServedModel
from pipelines.tasks import lookup


@pytest.fixture(scope="session")
def classifier(make) -> ServedModel:
    """A served logistic regression."""
    spec = make.spec("logistic_regression")
    frame, vocabularies = make.frame("logistic_regression"), make.vocabularies("bag_of_words")
    model, _ = lookup.get(spec.task).fit(spec, (frame, frame), vocabularies)
    return ServedModel("moods", "3", Predictor(model, spec, vocabularies))
