"""The weights that a classifier takes from a language model, and those it keeps."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import UserError
from pipelines.models import pretrained, serialization
from pipelines.text import vocabulary

UNIDIRECTIONAL = {"bidirectional": False, "layers": 2}


@pytest.fixture
def save_language_model(make, tmp_path):
    """Function that saves an untrained language model of some texts."""

    def save(texts=("the film was good", "the sea"), kind="words", **changes):
        vocabularies = vocabulary.Vocabularies(
            {"text": vocabulary.build(list(texts), kind, 100, 1)}
        )
        vocabulary_file, folder = tmp_path / "vocabulary.json", tmp_path / "model"
        vocabulary.save(vocabularies, vocabulary_file)
        spec = replace(make.spec("language_model", **{"layers": 2, **changes}), tokens=kind)
        model = serialization.build(spec.entry, vocabularies)
        serialization.save(model, spec, vocabulary_file, folder)
        return folder, model, vocabularies.columns["text"]

    return save


def start_classifier(make, folder):
    """Apply pretrained weights; return the classifier, its initial weights, and those read."""
    vocabularies = make.vocabularies("classifier")
    config = make.config("classifier", **UNIDIRECTIONAL)
    model = serialization.build(config, vocabularies)
    initial_weights = model.get_weights()
    pretrained_weights = pretrained.read(folder, config, vocabularies.columns["text"])
    pretrained_weights.apply(model)
    return model, initial_weights, pretrained_weights


def assert_equal(arrays, expected):
    for array, expected_array in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array, expected_array)


def test_vectors_of_shared_words_are_copied_and_the_others_stay(make, save_language_model):
    folder, language_model, source = save_language_model()
    model, initial_weights, pretrained_weights = start_classifier(make, folder)
    target = make.vocabularies("classifier").columns["text"]
    vectors = model.embedding.get_weights()[0]
    source_vectors = language_model.embedding.get_weights()[0]
    shared = [word for word in target.tokens[4:] if word in source.tokens[4:]]
    assert shared == ["film", "good"]
    assert pretrained_weights.summary == f"2 of {len(target) - 4} words"
    for i, word in enumerate(target.tokens):
        is_copied = i < 4 or word in shared
        expected = source_vectors[source.tokens.index(word)] if is_copied else initial_weights[0][i]
        np.testing.assert_array_equal(vectors[i], expected)


def test_recurrent_layers_are_copied_and_the_output_layer_is_not(make, save_language_model):
    folder, language_model, _ = save_language_model()
    model, initial_weights, _ = start_classifier(make, folder)
    layers = zip(model.stack.forwards, language_model.stack.forwards, strict=True)
    for layer, source_layer in layers:
        assert_equal(layer.get_weights(), source_layer.get_weights())
    assert_equal(model.softmax.get_weights(), initial_weights[-2:])


def test_recurrent_outputs_equal_those_of_the_language_model(make, save_language_model):
    """For words that are in both vocabularies."""
    folder, language_model, source = save_language_model()
    model, _, _ = start_classifier(make, folder)
    target = make.vocabularies("classifier").columns["text"]
    ids, source_ids = (tf.constant([words.encode("good film good")]) for words in (target, source))
    outputs, _ = model.stack(model.embedding(ids))
    expected, _ = language_model.stack(language_model.embedding(source_ids))
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
    "changes",
    [{"tied_embeddings": True, "units": 32, "embedding": 16}, {"activation_regularization": 1.0}],
)
def test_options_of_language_models_alone_are_ignored(make, save_language_model, changes):
    folder, _, _ = save_language_model(**changes)
    start_classifier(make, folder)


@pytest.mark.parametrize(
    ("key", "value", "pattern"),
    [
        ("cell", "gru", "cell gru.*lstm"),
        ("embedding", 8, "embedding 8.*16"),
        ("units", 8, "units 8"),
        ("layers", 1, "layers 1"),
    ],
)
def test_another_shape_is_refused(make, save_language_model, key, value, pattern):
    folder, _, _ = save_language_model(**{key: value})
    with pytest.raises(UserError, match=pattern):
        start_classifier(make, folder)


def test_a_missing_model_is_refused(make, tmp_path):
    with pytest.raises(UserError, match="contains no model"):
        start_classifier(make, tmp_path / "none")


def test_one_shared_word_is_enough_and_none_is_refused(make, save_language_model):
    folder, _, _ = save_language_model(["le film"])
    assert start_classifier(make, folder)[2].summary.startswith("1 of")
    folder, _, _ = save_language_model(["la mer"])
    with pytest.raises(UserError, match="shares no word"):
        start_classifier(make, folder)


def test_other_tokens_are_refused(make, save_language_model):
    folder, _, _ = save_language_model(["a good film"], "characters")
    with pytest.raises(UserError, match=r"characters.*words.*init_from"):
        start_classifier(make, folder)


def test_a_model_without_its_vocabulary_is_refused(make, save_language_model):
    folder, _, _ = save_language_model()
    (folder / "vocabulary.json").unlink()
    with pytest.raises(UserError, match=r"vocabulary\.json is missing or damaged"):
        start_classifier(make, folder)


def test_another_kind_of_model_is_refused(make, tmp_path):
    vocabulary_file, spec = tmp_path / "vocabulary.json", make.spec("classifier")
    vocabulary.save(make.vocabularies("classifier"), vocabulary_file)
    network = serialization.build(spec.entry, make.vocabularies("classifier"))
    serialization.save(network, spec, vocabulary_file, tmp_path / "model")
    with pytest.raises(UserError, match=r"classifier.*init_from"):
        start_classifier(make, tmp_path / "model")
