"""Swaps keep the bag of words, and change the predictions of models that see word order."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import UserError
from pipelines.experiments import word_order
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.text import vocabulary

TRAIN = pd.DataFrame(
    {
        "text": ["so good", "not bad so good", "bad", "not good so bad", "a film"] * 4,
        "label": ["positive", "positive", "negative", "negative", "neutral"] * 4,
    }
)
SENTENCE = "not bad so good"
VOCABULARIES = vocabulary.Vocabularies(
    {"text": vocabulary.build(list(TRAIN["text"]), "words", 100, 1)},
    ("negative", "neutral", "positive"),
)


def test_evidence_computed_by_hand():
    """`bad` occurs 8 times in 20 negative words and 4 times in 24 positive ones."""
    evidence = word_order.word_evidence(TRAIN, ("negative", "positive"), 1)
    assert set(evidence) == {"so", "good", "not", "bad"}
    assert evidence["bad"] == pytest.approx(np.log(5 / 28) - np.log(9 / 24))
    assert evidence["good"] == pytest.approx(np.log(9 / 28) - np.log(5 / 24))
    inverse = word_order.word_evidence(TRAIN, ("positive", "negative"), 1)
    assert inverse["bad"] == pytest.approx(-evidence["bad"])


def test_rare_words_have_no_evidence():
    assert set(word_order.word_evidence(TRAIN, ("negative", "positive"), 12)) == {
        "so",
        "good",
        "bad",
    }


def test_opposite_words_need_a_minimum_of_evidence():
    evidence = {"bad": -0.7, "awful": -2.0, "good": 0.7, "fine": 0.4}
    assert word_order.opposite_words("good awful bad fine film", evidence, 0.5) == ("awful", "good")
    assert word_order.opposite_words("awful bad film", evidence, 0.5) is None
    assert word_order.opposite_words("good fine film", evidence, 0.5) is None
    assert word_order.opposite_words("awful fine film", evidence, 0.5) is None
    assert word_order.opposite_words("film", evidence, 0.5) is None


def test_a_swap_keeps_the_bag_of_words():
    text = "the food was good , not bad at all . good !"
    swapped = word_order.swap_words(text, "bad", "good")
    assert swapped == "the food was bad , not good at all . good !"
    assert Counter(swapped.split(" ")) == Counter(text.split(" "))


def test_a_missing_word_is_an_error():
    with pytest.raises(UserError, match=r"'not bad'.*'worse'.*experiments\.word_order"):
        word_order.example_pair("not bad", ("bad", "worse"))


def test_pairs_have_the_same_words_in_another_order():
    test = pd.DataFrame({"text": [SENTENCE, "so good", "bad"], "label": ["positive"] * 2 + ["x"]})
    pairs = word_order.swapped_pairs(test, {"bad": -1.0, "good": 1.0}, 1.0)
    assert pairs.values.tolist() == [[SENTENCE, "not good so bad", "positive"]]


def make_classifiers(make):
    specs = (make.spec(kind) for kind in ("bag_of_words", "classifier"))
    classifiers = {
        spec.entry.model: word_order.model_classifier(
            Predictor(serialization.build(spec.entry, VOCABULARIES), spec, VOCABULARIES, None)
        )
        for spec in specs
    }
    return classifiers | {
        "3-grams": word_order.ngram_classifier(TRAIN, VOCABULARIES, 3, "witten_bell")
    }


def test_swaps_change_only_models_that_see_word_order(make):
    pairs = word_order.example_pair(SENTENCE, ("bad", "good"))
    predictions = word_order.compare_predictions(
        pairs, make_classifiers(make), VOCABULARIES.labels
    ).set_index("classifier")
    assert predictions["moved"]["bag_of_words"] == 0
    assert predictions["before"]["bag_of_words"] == predictions["after"]["bag_of_words"]
    assert predictions["moved"]["classifier"] > 0
    assert (predictions["before"]["3-grams"], predictions["after"]["3-grams"]) == (
        "positive",
        "negative",
    )
    assert 0.5 < predictions["moved"]["3-grams"] <= 1


def test_an_ngram_classifier_of_order_1_is_naive_bayes():
    """The prior times the frequency of each word, including the end of the row."""
    probabilities = word_order.ngram_classifier(TRAIN, VOCABULARIES, 1, "witten_bell")(
        ["bad", "a film"]
    )
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert VOCABULARIES.labels[probabilities[0].argmax()] == "negative"
    assert VOCABULARIES.labels[probabilities[1].argmax()] == "neutral"
