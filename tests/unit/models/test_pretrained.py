"""What a classifier takes over from a language model, and what it keeps of its own."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import UserError
from pipelines.models import pretrained, serialization
from pipelines.text import vocabulary

ONE_WAY = {"bidirectional": False, "layers": 2}


@pytest.fixture
def language(make, tmp_path):
    """`language(texts, kind)` trains nothing, and writes a language model of these texts."""

    def write(texts=("the film was good", "the sea"), kind="words", **changes):
        words = vocabulary.Vocabularies({"text": vocabulary.build(list(texts), kind, 100, 1)})
        file, folder = tmp_path / "words.json", tmp_path / "model"
        vocabulary.save(words, file)
        card = make.card("language_model", **{"layers": 2, **changes})
        model = serialization.build(card.entry, words)
        serialization.save(model, card, file, folder)
        return folder, model, words.columns["text"]

    return write


def started(make, folder):
    """A new classifier of the tests' own texts, before and after it has read a language model."""
    words = make.words("classifier")
    entry = make.entry("classifier", **ONE_WAY)
    model = serialization.build(entry, words)
    before = model.get_weights()
    start = pretrained.read(folder, entry, words.columns["text"])
    start.apply(model)
    return model, before, start


def test_words_in_common_are_taken_row_by_row_and_the_others_stay(make, language):
    folder, theirs, known = language()
    model, before, start = started(make, folder)
    words = make.words("classifier").columns["text"]
    mine, first = model.embedding.get_weights()[0], before[0]
    rows = theirs.embedding.get_weights()[0]
    common = [word for word in words.tokens[4:] if word in known.tokens[4:]]
    assert common == ["film", "good"]
    assert start.said == f"2 of {len(words) - 4} words"
    for at, word in enumerate(words.tokens):
        expected = rows[known.tokens.index(word)] if at < 4 or word in common else first[at]
        np.testing.assert_array_equal(mine[at], expected)


def test_recurrent_layers_are_taken_one_to_one_and_the_softmax_is_not(make, language):
    folder, theirs, _ = language()
    model, before, _ = started(make, folder)
    for mine, other in zip(model.stack.forwards, theirs.stack.forwards, strict=True):
        for one, two in zip(mine.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)
    for one, two in zip(model.softmax.get_weights(), before[-2:], strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_classifier_reads_as_the_language_model_does(make, language):
    """Of words that both know, the outputs of the top layer are the same."""
    folder, theirs, known = language()
    model, _, _ = started(make, folder)
    words = make.words("classifier").columns["text"]
    here, there = (tf.constant([one.encode("good film good")]) for one in (words, known))
    outputs, _ = model.stack(model.embedding(here))
    expected, _ = theirs.stack(theirs.embedding(there))
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
    "changes",
    [{"tied_embeddings": True, "units": 32, "embedding": 16}, {"activation_regularization": 1.0}],
)
def test_what_a_language_model_has_of_its_own_does_not_matter(make, language, changes):
    folder, _, _ = language(**changes)
    started(make, folder)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("cell", "gru", "cell gru.*lstm"),
        ("embedding", 8, "embedding 8.*16"),
        ("units", 8, "units 8"),
        ("layers", 1, "layers 1"),
    ],
)
def test_another_shape_is_refused(make, language, key, value, sentence):
    folder, _, _ = language(**{key: value})
    with pytest.raises(UserError, match=sentence):
        started(make, folder)


def test_what_cannot_be_started_from_is_refused(make, language, tmp_path):
    with pytest.raises(UserError, match="no model in"):
        started(make, tmp_path / "none")
    folder, _, _ = language(["le film"], "words")
    assert started(make, folder)[2].summary.startswith("1 of")
    folder, _, _ = language(["la mer"])
    with pytest.raises(UserError, match="shares no word"):
        started(make, folder)
    folder, _, _ = language(["a good film"], "characters")
    with pytest.raises(UserError, match=r"characters.*words.*init_from"):
        started(make, folder)
    (folder / "vocabulary.json").unlink()
    with pytest.raises(UserError, match=r"vocabulary\.json is missing or damaged"):
        started(make, folder)


def test_no_other_kind_of_model_will_do(make, tmp_path):
    words = tmp_path / "words.json"
    vocabulary.save(make.words("classifier"), words)
    card = make.card("classifier")
    network = serialization.build(card.entry, make.words("classifier"))
    serialization.save(network, card, words, tmp_path / "model")
    with pytest.raises(UserError, match=r"classifier.*init_from"):
        started(make, tmp_path / "model")
