"""Small models, frames and vocabularies for tests."""

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
import pytest

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    import tensorflow as tf

from pipelines.models import serialization
from pipelines.text import vocabulary

# To optimize a graph takes longer than the few steps of a test.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
OPTIMIZER = {"name": "adam", "learning_rate": 0.01, "schedule": "constant", "clip_norm": 1.0}
TRAINED = {"dropout": 0.0, "batch_size": 8, "epochs": 1, "optimizer": OPTIMIZER}
RECURRENT = {**TRAINED, "cell": "lstm", "embedding": 16, "units": 32, "layers": 1}
CLEANING = params.Cleaning(unicode="NFC", lowercase=True, max_length=12, drop_repeated=False)
SENTENCES = ["a good film", "a bad film", "good", "not a good film", "a film", "bad bad bad"]
TAGS = ["O B-a I-a", "O B-b I-a", "B-a", "O O B-a I-a", "O I-a", "B-b B-b I-b"]
LABELS = ["positive", "negative", "positive", "negative", "neutral", "negative"]
SOURCES = ["a b c d", "b c", "d c b a a", "c", "a a b", "d d c b", "b a", "c a d"]


class Seeds:
    """Random numbers of a test and of its fixtures are the same in each run, whatever ran before.

    Keras draws the seeds of new weights from the generator of Python. This is a plugin, since
    pytest does not call the hooks of a folder's conftest.py for fixtures of the session.
    """

    FOLDER = "tests/unit"

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> None:
        if fixturedef.baseid.startswith(self.FOLDER):
            random.seed(f"{request.node.nodeid} {fixturedef.argname}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        if item.nodeid.startswith(self.FOLDER):
            random.seed(item.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    """Seed the random numbers of all tests in this folder."""
    config.pluginmanager.register(Seeds())


def make_config(model: str, **changes: object) -> params.Model:
    """Return the config of a small model of this kind."""
    kinds = {
        "ngram": (params.NGramConfig, {"order": 3, "smoothing": "witten_bell"}),
        "logistic_regression": (
            params.LogisticRegressionConfig,
            {"ngrams": 1, "min_count": 1, "c_values": (0.5, 4.0)},
        ),
        "bag_of_words": (params.BagOfWordsConfig, {**TRAINED, "hidden": (16,)}),
        "language_model": (
            params.LanguageModelConfig,
            {**RECURRENT, "batch_size": 2, "bptt_steps": 10},
        ),
        "classifier": (
            params.ClassifierConfig,
            {**RECURRENT, "bidirectional": True, "pooling": "last"},
        ),
        "tagger": (params.TaggerConfig, {**RECURRENT, "bidirectional": True}),
        "seq2seq": (
            params.Seq2SeqConfig,
            {**RECURRENT, "bidirectional": True, "attention": "general"},
        ),
    }
    kind, fields = kinds[model]
    return kind.model_validate({"model": model, "corpus": "c", **fields, **changes})


def make_spec(model: str, seed: int = 1, **changes: object) -> serialization.ModelSpec:
    """Return the spec of a small model of this kind."""
    config = make_config(model, **changes)
    tokens = "characters" if model in ("ngram", "language_model") else "words"
    return serialization.ModelSpec(config, params.TASK_OF[model], tokens, CLEANING, seed)


def make_frame(model: str) -> pd.DataFrame:
    """Return a prepared frame for a model of this kind."""
    if model in ("ngram", "language_model"):
        return pd.DataFrame({"text": ["to be or not to be", "that is the question"] * 3})
    if model == "seq2seq":
        targets = [" ".join(source.split(" ")[::-1]) for source in SOURCES]
        return pd.DataFrame({"source": SOURCES, "target": targets})
    if model == "tagger":
        return pd.DataFrame({"text": SENTENCES, "tags": TAGS})
    return pd.DataFrame({"text": SENTENCES, "label": LABELS})


def make_vocabularies(model: str) -> vocabulary.Vocabularies:
    """Return the vocabularies of that frame."""
    frame = make_frame(model)
    kind: params.Tokens = "characters" if model in ("ngram", "language_model") else "words"
    columns = {
        column: vocabulary.build(list(frame[column]), kind, 100, 1)
        for column in frame
        if column not in ("label", "tags")
    }
    labels = {*frame.get("label", ()), *" ".join(frame.get("tags", ())).split()}
    return vocabulary.Vocabularies(columns, tuple(sorted(labels)))


class _UncompiledFunction:
    """A function in place of the graph that `tf.function` makes of it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.graph = function, tf.Graph()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def get_concrete_function(self, *_: Any, **__: Any) -> "_UncompiledFunction":
        return self


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Run steps and searches operation by operation, with the same results.

    To trace them takes longer than a few runs. For tests whose subject is not the graph.
    """

    def function(body: Callable[..., Any] | None = None, **_: Any) -> Any:
        return _UncompiledFunction if body is None else _UncompiledFunction(body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf, "function", function)
        yield


@pytest.fixture
def eager() -> Iterator[None]:
    """Nothing is compiled during the test."""
    with uncompiled():
        yield


@pytest.fixture(scope="session")
def make():
    """Functions that make the spec, config, frame or vocabularies of a kind of model."""

    class Make:
        spec = staticmethod(make_spec)
        config = staticmethod(make_config)
        frame = staticmethod(make_frame)
        vocabularies = staticmethod(make_vocabularies)

    return Make
