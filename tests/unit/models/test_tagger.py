"""Recurrent tagger: padding, and models on disk."""

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from pipelines.models import serialization
from pipelines.text import vocabulary

SHORT, LONG = [4, 5], [6, 7, 4, 5, 6, 8]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_logit(make, bidirectional):
    entry = make.config("tagger", bidirectional=bidirectional, layers=2)
    network = serialization.build(entry, make.vocabularies("tagger"))
    batch = network(tf.constant([SHORT + [0] * 4, LONG]))
    assert batch.shape == (2, 6, 5)  # O, and B and I of a and b
    np.testing.assert_allclose(batch[:1, :2], network(tf.constant([SHORT])), atol=1e-6)
    np.testing.assert_allclose(batch[1:], network(tf.constant([LONG])), atol=1e-6)


@pytest.mark.parametrize("crf", [None, True])
def test_a_loaded_model_is_the_saved_one(make, crf, tmp_path):
    spec, vocabularies = make.spec("tagger", crf=crf), make.vocabularies("tagger")
    model = serialization.build(spec.entry, vocabularies)
    model.set_weights([weights + 0.1 for weights in model.get_weights()])
    assert len(model.get_weights()) == (9 + 3 if crf else 9)
    vocabulary.save(vocabularies, tmp_path / "v.json")
    serialization.save(model, spec, tmp_path / "v.json", tmp_path / "model")
    loaded, loaded_spec, _ = serialization.load(tmp_path / "model", tmp_path / "v.json")
    assert loaded_spec == spec
    for weights, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)


def test_an_ensemble_has_no_crf(make):
    with pytest.raises(ValidationError, match=r"'ensemble_size'.*'crf'"):
        make.config("tagger", crf=True, ensemble_size=2)
