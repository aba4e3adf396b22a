"""Models on disk: what is read is what was written, or one sentence says what is wrong."""

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


def _saved(make, folder, kind, members=1, **changes):
    """A model with its first weights, or several, in a folder; with the path of its words."""
    card = make.card(kind, ensemble_size=members if members > 1 else None, **changes)
    model = serialization.combine_members(
        [serialization.build(card.entry, make.words(kind)) for _ in range(members)]
    )
    words = folder / "words.json"
    vocabulary.save(make.words(kind), words)
    serialization.save(model, card, words, folder / "model")
    return model, card, words


def _answer(model, kind):
    ids = tf.constant([[4, 5, 6], [5, 4, 0]])
    answer = model(ids, ids) if kind == "seq2seq" else model(ids)
    return answer[0] if isinstance(answer, tuple) else answer


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_answers_the_same(make, kind, tmp_path):
    model, card, words = _saved(make, tmp_path, kind, **KINDS[kind])
    loaded, loaded_card, loaded_words = serialization.load(tmp_path / "model", words)
    assert loaded_card == card
    assert loaded_words == make.words(kind)
    for mine, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(_answer(loaded, kind), _answer(model, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_an_ensemble_is_a_file_of_weights_for_each_member(make, kind, tmp_path):
    model, _, words = _saved(make, tmp_path, kind, members=2, **KINDS[kind])
    files = {file.name for file in (tmp_path / "model").glob("*.h5")}
    assert files == {serialization.WEIGHTS, "model-2.weights.h5"}
    loaded, _, _ = serialization.load(tmp_path / "model", words)
    assert isinstance(loaded, Ensemble)
    each = [_answer(member, kind) for member in loaded.members]
    assert np.abs(each[0] - each[1]).max() > 1e-4
    np.testing.assert_array_equal(_answer(loaded, kind), _answer(model, kind))
    assert serialization.count_parameters(loaded) == 2 * serialization.count_parameters(
        loaded.members[0]
    )


def test_a_missing_member_is_refused(make, tmp_path):
    _, _, words = _saved(make, tmp_path, "bag_of_words", members=2)
    (tmp_path / "model" / "model-2.weights.h5").unlink()
    with pytest.raises(
        UserError, match=r"model-2.weights.h5 is missing or damaged: train the model"
    ):
        serialization.load(tmp_path / "model", words)


def test_a_model_of_another_vocabulary_is_refused(make, tmp_path):
    _, _, words = _saved(make, tmp_path, "bag_of_words")
    vocabulary.save(make.words("seq2seq"), words)
    with pytest.raises(UserError, match="another vocabulary"):
        serialization.load(tmp_path / "model", words)
    with pytest.raises(UserError, match="no model in"):
        serialization.load(tmp_path / "none", words)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.json", b"{}"),
        ("model.json", b"no json"),
        ("model.json", None),
        (serialization.VOCABULARY, None),
        (serialization.WEIGHTS, b"\x89HDF"),
        (serialization.WEIGHTS, None),
    ],
)
def test_a_damaged_model_is_refused(make, tmp_path, file, content):
    _, _, words = _saved(make, tmp_path, "bag_of_words")
    if content is None:
        (tmp_path / "model" / file).unlink()
    else:
        (tmp_path / "model" / file).write_bytes(content)
    with pytest.raises(UserError, match=r"train (the model|it)"):
        serialization.load(tmp_path / "model", words)


def test_weights_of_another_shape_are_refused(make, tmp_path):
    for units in (8, 9):
        _saved(make, tmp_path / str(units), "classifier", units=units)
    weights = (tmp_path / "8" / "model" / serialization.WEIGHTS).read_bytes()
    (tmp_path / "9" / "model" / serialization.WEIGHTS).write_bytes(weights)
    with pytest.raises(UserError, match="damaged"):
        serialization.load(tmp_path / "9" / "model")
