"""Small parameters, vocabularies and frames that many tests share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
import pytest

from pipelines.config import params
from pipelines.models import serialization
from pipelines.text import vocabulary

OPTIMIZER = {"name": "adam", "learning_rate": 0.01, "schedule": "constant", "clip_norm": 1.0}
TRAINED = {"dropout": 0.0, "batch_size": 8, "epochs": 1, "optimizer": OPTIMIZER}
RECURRENT = {**TRAINED, "cell": "lstm", "embedding": 16, "units": 32, "layers": 1}
CLEANING = params.Cleaning(lowercase=True, max_length=12, drop_repeated=False)
SENTENCES = ["a good film", "a bad film", "good", "not a good film", "a film", "bad bad bad"]
LABELS = ["positive", "negative", "positive", "negative", "neutral", "negative"]
SOURCES = ["a b c d", "b c", "d c b a a", "c", "a a b", "d d c b", "b a", "c a d"]


def entry_of(model: str, **changes: object) -> params.Model:
    """An entry of params.yaml for a small model of this kind."""
    kinds = {
        "ngram": (params.NGramConfig, {"order": 3, "smoothing": "witten_bell"}),
        "bag_of_words": (params.BagOfWordsConfig, {**TRAINED, "hidden": (16,)}),
        "language_model": (
            params.LanguageModelConfig,
            {**RECURRENT, "batch_size": 2, "bptt_steps": 10},
        ),
        "classifier": (
            params.ClassifierConfig,
            {**RECURRENT, "bidirectional": True, "pooling": "last"},
        ),
        "seq2seq": (
            params.Seq2SeqConfig,
            {**RECURRENT, "bidirectional": True, "attention": "general"},
        ),
    }
    kind, fields = kinds[model]
    return kind.model_validate({"model": model, "corpus": "c", **fields, **changes})


def card_of(model: str, seed: int = 1, **changes: object) -> serialization.ModelSpec:
    """The card of such a model."""
    entry = entry_of(model, **changes)
    tokens = "characters" if model in ("ngram", "language_model") else "words"
    return serialization.ModelSpec(entry, params.TASK_OF[model], tokens, CLEANING, seed)


def frame_of(model: str) -> pd.DataFrame:
    """A prepared frame for such a model."""
    if model in ("ngram", "language_model"):
        return pd.DataFrame({"text": ["to be or not to be", "that is the question"] * 3})
    if model == "seq2seq":
        turned = [" ".join(source.split(" ")[::-1]) for source in SOURCES]
        return pd.DataFrame({"source": SOURCES, "target": turned})
    return pd.DataFrame({"text": SENTENCES, "label": LABELS})


def words_of(model: str) -> vocabulary.Vocabularies:
    """The vocabularies of that frame."""
    frame = frame_of(model)
    kind: params.Tokens = "characters" if model in ("ngram", "language_model") else "words"
    columns = {
        column: vocabulary.build(list(frame[column]), kind, 100, 1)
        for column in frame
        if column != "label"
    }
    return vocabulary.Vocabularies(columns, tuple(sorted(set(frame.get("label", ())))))


@pytest.fixture
def make():
    """`make.card("seq2seq")`, `make.frame(...)`, `make.words(...)`, `make.entry(...)`."""

    class Make:
        card = staticmethod(card_of)
        entry = staticmethod(entry_of)
        frame = staticmethod(frame_of)
        words = staticmethod(words_of)

    return Make
