"""The answers that the tabs show: numbers, texts, and escaped input."""

import dataclasses
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.demo import live_text, translations, word_effects
from pipelines.demo.corpora import DemoCorpus
from pipelines.demo.tabs import classification, language_modelling, tagging, translation
from pipelines.errors import UserError
from pipelines.tasks import classification as classifiers
from pipelines.tasks import language_modelling as language_models
from tests.unit.demo.conftest import SAMPLES

HOSTILE = "<img src=x onerror=alert(1)>"


def test_effect_of_a_word_is_the_fall_of_the_probability_without_it(corpora):
    predictor = corpora["moods"].models["moods-logistic_regression"]
    text = word_effects.classify(predictor, "not a good film")
    logits = classifiers.predict_logits(predictor, ["not a good film", "not a film"])
    with_word, without = np.exp(classifiers.log_softmax(logits))
    best = with_word.argmax()
    assert text.label == predictor.vocabularies.labels[best]
    assert text.effects[2] == pytest.approx(with_word[best] - without[best])
    assert abs(text.effects[2]) > 0.01
    assert sum(text.probabilities.values()) == pytest.approx(1)


def test_single_words_have_no_effect_and_unknown_words_are_marked(corpora):
    predictor = corpora["moods"].models["moods-logistic_regression"]
    text = word_effects.classify(predictor, "good")
    assert (text.words, text.effects, text.unknown) == (["good"], [], [False])
    assert word_effects.classify(predictor, "good zebra").unknown == [False, True]


def test_models_that_count_words_answer_both_orders_alike(corpora):
    answer = classification.show(corpora["moods"], ["not good , bad", "not bad , good"])
    assert "Both texts have the same words in a different order." in answer
    same = answer.partition("Same answer to both: ")[2].partition(".")[0]
    assert "moods-logistic_regression" in same
    assert "The texts have different words." in classification.show(
        corpora["moods"], ["a good film", "a bad film"]
    )


def test_a_position_fixed_model_says_how_many_positions_it_knows(predict_with):
    models = {"positions": predict_with("bag_of_words", positions=3)}
    settings = SimpleNamespace(task="classification", samples=None)
    corpus = DemoCorpus("moods", settings, models, None)
    answer = classification.show(corpus, ["not a good film", ""])
    assert "knows each word at each of 3 positions" in answer


def test_probabilities_of_a_translation_multiply_to_its_log_probability(corpora):
    predictor = corpora["talk"].models["talk-seq2seq"]
    translated = translations.translate(predictor, "a b c")
    best = translated.hypotheses[0]
    assert translated.source_tokens == ["a", "b", "c"]
    assert len(best.tokens) == len(best.attention) == len(translated.probabilities) - 1
    assert np.prod(translated.probabilities) == pytest.approx(np.exp(-best.nats), rel=1e-4)
    assert 1 < len(translated.hypotheses) <= 3
    scores = [hypothesis.score for hypothesis in translated.hypotheses]
    assert scores == sorted(scores, reverse=True)
    assert best.confidence == pytest.approx(np.exp(-best.nats / (len(best.tokens) + 1)))
    np.testing.assert_allclose(best.attention.sum(axis=1), 1, rtol=1e-5)


def test_models_write_side_by_side_what_generate_writes(corpora):
    models = corpora["plays"].models
    samples = SAMPLES.model_copy(update={"temperature": 1.1, "seed": 7})
    *_, texts = live_text.write_side_by_side(models, "to be", samples)
    assert texts == {
        name: language_models.write(model, "to be", samples).removeprefix("to be")
        for name, model in models.items()
    }


def test_live_texts_grow(corpora, monkeypatch):
    monkeypatch.setattr(live_text, "SECONDS", 0.0)
    states = list(live_text.write_side_by_side(corpora["plays"].models, "to", SAMPLES))
    assert len(states) == SAMPLES.length + 1  # the last one comes twice
    assert all(
        later[name].startswith(earlier[name])
        for earlier, later in pairwise(states)
        for name in earlier
    )


def test_spans_of_a_tagger():
    tags = "O B-city I-city I-day B-day O"
    assert tagging.label_words("to new york on monday please", tags) == [
        ("to", ""),
        ("new york", "city"),
        ("on", "day"),
        ("monday", "day"),
        ("please", ""),
    ]


def answers(corpora, text):
    """The answer of every tab to a text."""
    yield classification.show(corpora["moods"], [text, text])
    yield translation.show(corpora["talk"], text, "talk-seq2seq")
    yield tagging.show(corpora["slots"], text)
    yield from language_modelling.show(corpora["plays"], text, 1.0, 3, 1)


def test_text_of_visitors_is_escaped(corpora):
    for answer in answers(corpora, HOSTILE):
        assert "<img" not in answer
        assert "&lt;" in answer


@pytest.mark.parametrize(
    ("text", "message"), [(" \n", "There is no text"), ("a " * 501, "Shorten it to 1,000")]
)
def test_texts_that_cannot_be_used(corpora, text, message):
    for tab in (
        lambda: classification.show(corpora["moods"], [text, ""]),
        lambda: translation.show(corpora["talk"], text, "talk-seq2seq"),
        lambda: tagging.show(corpora["slots"], text),
        lambda: list(language_modelling.show(corpora["plays"], text, 1.0, 3, 1)),
    ):
        with pytest.raises(UserError, match=message):
            tab()


@pytest.mark.parametrize(("temperature", "length"), [(0.0, 10), (0.8, 10**6), (99.0, 10)])
def test_options_out_of_range(corpora, temperature, length):
    with pytest.raises(UserError, match="temperature must be from"):
        list(language_modelling.show(corpora["plays"], "to be", temperature, length, 1))


def test_models_without_attention_have_no_map(corpora, monkeypatch):
    talk = corpora["talk"]
    predictor = talk.models["talk-seq2seq"]
    translated = translations.translate(predictor, "a b")
    monkeypatch.setattr(translations, "translate", lambda *_: translated)
    assert 'aria-label="Attention map"' in translation.show(talk, "a b", "talk-seq2seq")
    entry = predictor.spec.entry.model_copy(update={"attention": "none"})
    spec = dataclasses.replace(predictor.spec, entry=entry)
    fixed = dataclasses.replace(talk, models={"fixed": dataclasses.replace(predictor, spec=spec)})
    answer = translation.show(fixed, "a b", "fixed")
    assert "fixed has no attention" in answer
    assert "Attention map" not in answer
