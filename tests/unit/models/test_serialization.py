"""Models on disk: they are loaded as they were saved, and damage is refused."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.text import vocabulary

KINDS = {
    "bag_of_words": {},
    "language_model": {"tied_embeddings": True},
    "classifier": {"pooling": "attention"},
    "seq2seq": {"tied_embeddings": "all", "attention": "coverage", "scheduled_sampling": 0.2},
}


def save_model(make, folder, kind, members=1, **changes):
    """Save a model with initial weights; return it with its spec and its vocabulary file."""
    spec = make.spec(kind, ensemble_size=members if members > 1 else None, **changes)
    model = serialization.combine_members(
        [serialization.build(spec.entry, make.vocabularies(kind)) for _ in range(members)]
    )
    vocabulary_file = folder / "vocabulary.json"
    vocabulary.save(make.vocabularies(kind), vocabulary_file)
    serialization.save(model, spec, vocabulary_file, folder / "model")
    return model, spec, vocabulary_file


def predict(model, kind):
    ids = tf.constant([[4, 5, 6], [5, 4, 0]])
    outputs = model(ids, ids) if kind == "seq2seq" else model(ids)
    return outputs[0] if isinstance(outputs, tuple) else outputs


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_equals_the_saved_one(make, kind, tmp_path):
    model, spec, vocabulary_file = save_model(make, tmp_path, kind, **KINDS[kind])
    loaded, loaded_spec, vocabularies = serialization.load(tmp_path / "model", vocabulary_file)
    assert loaded_spec == spec
    assert vocabularies == make.vocabularies(kind)
    for weights, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    np.testing.assert_array_equal(predict(loaded, kind), predict(model, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_an_ensemble_has_a_weight_file_per_member(make, kind, tmp_path):
    model, _, vocabulary_file = save_model(make, tmp_path, kind, members=2, **KINDS[kind])
    names = {file.name for file in (tmp_path / "model").glob("*.h5")}
    assert names == {serialization.WEIGHTS, "model-2.weights.h5"}
    loaded, _, _ = serialization.load(tmp_path / "model", vocabulary_file)
    assert isinstance(loaded, Ensemble)
    first, second = (predict(member, kind) for member in loaded.members)
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(predict(loaded, kind), predict(model, kind))
    parameters = serialization.count_parameters(loaded.members[0])
    assert serialization.count_parameters(loaded) == 2 * parameters
    sizes = {"parameters": 2 * parameters, "member/parameters": parameters}
    assert serialization.sizes(loaded) == sizes


def test_a_missing_member_is_refused(make, tmp_path):
    _, _, vocabulary_file = save_model(make, tmp_path, "bag_of_words", members=2)
    (tmp_path / "model" / "model-2.weights.h5").unlink()
    with pytest.raises(UserError, match=r"model-2\.weights\.h5"):
        serialization.load(tmp_path / "model", vocabulary_file)


def test_a_model_with_another_vocabulary_is_refused(make, tmp_path):
    _, _, vocabulary_file = save_model(make, tmp_path, "bag_of_words")
    vocabulary.save(make.vocabularies("seq2seq"), vocabulary_file)
    with pytest.raises(UserError, match=r"model.*another vocabulary.*vocabulary\.json"):
        serialization.load(tmp_path / "model", vocabulary_file)


def test_a_folder_without_a_model_is_refused(make, tmp_path):
    with pytest.raises(UserError, match="missing-model contains no model"):
        serialization.load(tmp_path / "missing-model")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (serialization.SPEC, b"{}"),
        (serialization.SPEC, b"no json"),
        (serialization.SPEC, None),
        (serialization.VOCABULARY, None),
        (serialization.WEIGHTS, b"\x89HDF"),
        (serialization.WEIGHTS, None),
    ],
)
def test_a_damaged_model_is_refused(make, tmp_path, name, content):
    _, _, vocabulary_file = save_model(make, tmp_path, "bag_of_words")
    if content is None:
        (tmp_path / "model" / name).unlink()
    else:
        (tmp_path / "model" / name).write_bytes(content)
    with pytest.raises(UserError, match=r"dvc repro"):
        serialization.load(tmp_path / "model", vocabulary_file)


def test_weights_of_another_shape_are_refused(make, tmp_path):
    for units in (8, 9):
        save_model(make, tmp_path / str(units), "classifier", units=units)
    weights = (tmp_path / "8" / "model" / serialization.WEIGHTS).read_bytes()
    (tmp_path / "9" / "model" / serialization.WEIGHTS).write_bytes(weights)
    with pytest.raises(UserError, match=r"model\.weights\.h5 is missing or damaged"):
        serialization.load(tmp_path / "9" / "model")
