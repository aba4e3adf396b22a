"""Networks as graphs answer as they do in Python."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.export import saved_model
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.tasks import lookup

TEXTS = ["A good film", "bad, bad!", "  ", "not unknown", "film"]
SOURCES = ["a b c d", "x", "", "B c", "a a a a a a b"]


def make_predictor(make, model, search=None, seed=3, **changes):
    """Return a network with random weights, large enough that answers differ."""
    tf.keras.utils.set_random_seed(seed)
    spec, vocabularies = make.spec(model, **changes), make.vocabularies(model)
    network = serialization.build(spec.entry, vocabularies)
    network.set_weights([3 * weights for weights in network.get_weights()])
    return Predictor(network, spec, vocabularies, search=search)


def serve(predictor, texts):
    """Return the outputs of the graph, and the answers in Python to texts that are not blank."""
    outputs = saved_model.SERVING[predictor.spec.task](predictor).serve(tf.constant(texts))
    prepared = predictor.normalize(texts)
    task = lookup.get(predictor.spec.task)
    expected = iter(task.predict_prepared(predictor, [text for text in prepared if text]))
    return outputs, [next(expected) if text else "" for text in prepared]


def test_labels_and_probabilities(make):
    predictor = make_predictor(make, "classifier", pooling="attention")
    outputs, expected = serve(predictor, TEXTS)
    assert [label.decode() for label in outputs["label"].numpy()] == expected
    assert len({*expected}) > 1
    assert [label.decode() for label in outputs["labels"].numpy()] == [
        *predictor.vocabularies.labels
    ]
    np.testing.assert_allclose(outputs["probabilities"].numpy().sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("crf", [None, True])
def test_tags(make, crf):
    predictor = make_predictor(make, "tagger", crf=crf)
    outputs, expected = serve(predictor, TEXTS)
    assert [text.decode() for text in outputs["tagged"].numpy()] == expected
    assert expected[2] == ""
    assert "/" in expected[0]


@pytest.mark.parametrize(
    "search",
    [
        {"beam": 1},
        {"beam": 3, "length_penalty": 1.0, "replace_unknown": True},
    ],
    ids=["greedy", "beam"],
)
def test_translations(make, search):
    predictor = make_predictor(make, "seq2seq", params.Search(**search))
    if search["beam"] > 1:  # an ensemble of two
        other = make_predictor(make, "seq2seq", seed=4).model
        predictor = dataclasses.replace(predictor, model=Ensemble([predictor.model, other]))
    outputs, expected = serve(predictor, SOURCES)
    assert [text.decode() for text in outputs["translation"].numpy()] == expected
    assert expected[2] == ""
    assert len({*expected}) > 1


def test_a_search_that_needs_python_is_refused(make):
    predictor = make_predictor(make, "seq2seq", params.Search(beam=2, coverage_penalty=0.1))
    with pytest.raises(UserError, match=r"'search\.coverage_penalty'.*corpora\.c"):
        saved_model.SERVING["translation"](predictor)


def test_a_written_model_answers_without_python(make, tmp_path):
    predictor = make_predictor(make, "language_model")
    saved_model.write(predictor, tmp_path / "lm")
    texts = ["to be", "that is the question", "?"]
    assert saved_model.differences(predictor, tmp_path / "lm", texts) == []
    assert b"PyFunc" not in (tmp_path / "lm" / "saved_model.pb").read_bytes()

    weights = predictor.model.get_weights()
    predictor.model.set_weights([weights[0][::-1], *weights[1:]])
    assert saved_model.differences(predictor, tmp_path / "lm", texts) != []
