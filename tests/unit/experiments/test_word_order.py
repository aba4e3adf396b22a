"""Exchanges keep the bag of words; who sees the order can tell, who does not cannot."""

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
WORDS = vocabulary.Vocabularies(
    {"text": vocabulary.build(list(TRAIN["text"]), "words", 100, 1)},
    ("negative", "neutral", "positive"),
)


def test_evidence_by_hand():
    """Of 20 words of negative texts 8 are `bad`, of 24 of positive ones 4; 4 different words."""
    found = word_order.evidence(TRAIN, ("negative", "positive"), 1)
    assert set(found) == {"so", "good", "not", "bad"}
    assert found["bad"] == pytest.approx(np.log(5 / 28) - np.log(9 / 24))
    assert found["good"] == pytest.approx(np.log(9 / 28) - np.log(5 / 24))
    turned = word_order.evidence(TRAIN, ("positive", "negative"), 1)
    assert turned["bad"] == pytest.approx(-found["bad"])


def test_rare_words_have_no_say():
    assert set(word_order.evidence(TRAIN, ("negative", "positive"), 12)) == {"so", "good", "bad"}


def test_the_two_strongest_words_are_exchanged_if_both_say_enough():
    known = {"bad": -0.7, "awful": -2.0, "good": 0.7, "fine": 0.4}
    assert word_order.opposed("good awful bad fine film", known, 0.5) == ("awful", "good")
    assert word_order.opposed("awful bad film", known, 0.5) is None
    assert word_order.opposed("good fine film", known, 0.5) is None
    assert word_order.opposed("awful fine film", known, 0.5) is None
    assert word_order.opposed("film", known, 0.5) is None


def test_an_exchange_keeps_the_bag_of_words():
    text = "the food was good , not bad at all . good !"
    turned = word_order.exchange(text, "bad", "good")
    assert turned == "the food was bad , not good at all . good !"
    assert Counter(turned.split(" ")) == Counter(text.split(" "))


def test_a_word_that_is_not_there_is_refused():
    with pytest.raises(
        UserError, match=r"'worse' is no word of 'not bad': mend laboratory.word_ord"
    ):
        word_order.given("not bad", ("bad", "worse"))


def test_pairs_are_the_same_words_in_another_order():
    test = pd.DataFrame({"text": [SENTENCE, "so good", "bad"], "label": ["positive"] * 2 + ["x"]})
    found = word_order.pairs(test, {"bad": -1.0, "good": 1.0}, 1.0)
    assert found.values.tolist() == [[SENTENCE, "not good so bad", "positive"]]


def classifiers(make):
    cards = (make.card(kind) for kind in ("bag_of_words", "classifier"))
    models = {card.entry.model: (serialization.build(card.entry, WORDS), card) for card in cards}
    found = {
        kind: word_order.trained(Predictor(model, card, WORDS, None))
        for kind, (model, card) in models.items()
    }
    return found | {"3-grams": word_order.markov(TRAIN, WORDS, 3, "witten_bell")}


def test_a_bag_of_words_answers_the_same_and_who_reads_in_order_does_not(make):
    pairs = word_order.given(SENTENCE, ("bad", "good"))
    found = word_order.answers(pairs, classifiers(make), WORDS.labels).set_index("classifier")
    assert found["moved"]["bag_of_words"] == 0
    assert found["before"]["bag_of_words"] == found["after"]["bag_of_words"]
    assert found["moved"]["classifier"] > 0
    assert (found["before"]["3-grams"], found["after"]["3-grams"]) == ("positive", "negative")
    assert 0.5 < found["moved"]["3-grams"] <= 1


def test_probabilities_of_a_markov_model_follow_bayes():
    """Of order 1 it is naive Bayes: prior times the share of each word, the end of a row too."""
    found = word_order.markov(TRAIN, WORDS, 1, "witten_bell")(["bad", "a film"])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert WORDS.labels[found[0].argmax()] == "negative"
    assert WORDS.labels[found[1].argmax()] == "neutral"
