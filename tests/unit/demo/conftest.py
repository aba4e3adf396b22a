"""Corpora with small models, one of each task."""

from types import SimpleNamespace

import pytest

from pipelines.config import params
from pipelines.demo.corpora import DemoCorpus
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.tasks import lookup

SAMPLES = params.Samples(beginning="to be", length=20, temperature=0.8)
SEARCH = params.Search(beam=3)
PAIRS = "positive\tnegative\na good film\ta bad film\nnot bad , good\tnot good , bad\n"


@pytest.fixture(scope="session")
def predict_with(make):
    """A function that makes the predictor of a new model, which is fitted if it has no weights."""

    def build(kind, **changes):
        spec, vocabularies = make.spec(kind, **changes), make.vocabularies(kind)
        if kind in ("ngram", "logistic_regression"):
            model, _ = lookup.get(spec.task).fit(spec, (make.frame(kind),) * 2, vocabularies)
        else:
            model = serialization.build(spec.entry, vocabularies)
        samples = SAMPLES if spec.task == "language_modelling" else None
        return Predictor(model, spec, vocabularies, samples, SEARCH if kind == "seq2seq" else None)

    return build


@pytest.fixture(scope="session")
def corpora(predict_with, tmp_path_factory):
    """A corpus of each task."""
    pairs = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    pairs.write_text(PAIRS, encoding="utf-8")
    kinds = {
        "plays": ("language_modelling", ["ngram", "language_model"], None),
        "moods": ("classification", ["logistic_regression", "classifier"], pairs),
        "talk": ("translation", ["seq2seq"], None),
        "slots": ("tagging", ["tagger"], None),
    }
    return {
        name: DemoCorpus(
            name,
            SimpleNamespace(task=task, samples=SAMPLES if name == "plays" else None),
            {f"{name}-{kind}": predict_with(kind) for kind in models},
            file,
        )
        for name, (task, models, file) in kinds.items()
    }
