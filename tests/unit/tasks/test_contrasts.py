"""On the shipped corpus of contrasts word counts reach one half, and the LSTM nearly all."""

from pathlib import Path

import pandas as pd
import pytest

from pipelines.config import params
from pipelines.data import synthetic_contrasts
from pipelines.inference.predictor import Predictor
from pipelines.models.serialization import ModelSpec
from pipelines.tasks import lookup
from pipelines.text import vocabulary
from pipelines.text.normalization import normalize

CONFIG = params.load(Path(__file__).parents[3] / "params.yaml")
CORPUS = CONFIG.corpora["contrasts"]


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    """The prepared splits."""
    assert isinstance(CORPUS.source, params.ContrastsSource)
    splits = synthetic_contrasts.contrasts(CORPUS.source, CONFIG.data_seed)
    return {
        split: pd.DataFrame(
            [(normalize(text, CORPUS.cleaning, CORPUS.tokens), label) for text, label in rows],
            columns=["text", "label"],
        )
        for split, rows in splits.items()
    }


@pytest.mark.parametrize(
    ("name", "low", "high"), [("contrasts-perceptron", 0.5, 0.5), ("contrasts-lstm", 0.95, 1.0)]
)
def test_accuracy_on_the_test_split(
    frames: dict[str, pd.DataFrame], name: str, low: float, high: float
) -> None:
    text = vocabulary.build(list(frames["train"]["text"]), CORPUS.tokens, 1000, 1)
    vocabularies = vocabulary.Vocabularies({"text": text}, ("negative", "positive"))
    spec, task = ModelSpec.of(CONFIG, name), lookup.get("classification")
    result = task.train(spec, (frames["train"], frames["valid"]), vocabularies)
    trained = Predictor(result.model, spec, vocabularies)
    predicted = task.predict_prepared(trained, list(frames["test"]["text"]))
    assert low <= (frames["test"]["label"] == predicted).mean() <= high
