"""Pairs keep the bag of words, and change the predictions of models that see word order."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.experiments import word_order
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.tasks import classification
from pipelines.text import vocabulary
from pipelines.text.normalization import normalize

TRAIN = pd.DataFrame(
    {
        "text": ["so good", "not bad so good", "bad", "not good so bad", "a film"] * 4,
        "label": ["positive", "positive", "negative", "negative", "neutral"] * 4,
    }
)
ROOT = Path(__file__).parents[3]
EXCHANGE = params.ExchangedWords(
    labels=("negative", "positive"), evidence=0.5, min_count=1, exclude=("mask",)
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
    for text, words in {
        "good awful bad fine film": ("awful", "good"),
        "awful bad film": None,
        "good fine film": None,
        "awful fine film": None,
        "film": None,
        "!": None,
    }.items():
        assert word_order.opposite_words(text, evidence, EXCHANGE) == words, text


def test_masks_mentions_and_symbols_are_never_exchanged():
    evidence = {"bad": -1.0, "waste": -2.0, "0": -2.0, "wasn'": -3.0, "mask": 2.0, "good": 1.0}
    text = "@ waste wasn' 0 bad mask good"
    assert word_order.opposite_words(text, evidence, EXCHANGE) == ("bad", "good")
    every = EXCHANGE.model_copy(update={"exclude": None})
    assert word_order.opposite_words(text, evidence, every) == ("bad", "mask")


def test_an_exchange_keeps_the_bag_of_words():
    text = "the food was good , not bad at all . good !"
    exchanged = word_order.exchange_words(text, "bad", "good")
    assert exchanged == "the food was bad , not good at all . good !"
    assert Counter(exchanged.split(" ")) == Counter(text.split(" "))


def test_exchanged_pairs_have_the_same_words_in_another_order():
    test = pd.DataFrame({"text": [SENTENCE, "so good", "bad"], "label": ["positive"] * 2 + ["x"]})
    pairs = word_order.exchanged_pairs(test, {"bad": -1.0, "good": 1.0}, EXCHANGE)
    assert pairs.values.tolist() == [
        ["exchanged", SENTENCE, "not good so bad", "positive", ""],
    ]


def test_shifted_pairs_move_the_words_from_the_end_to_the_beginning():
    texts = ["it was snowing .", "so good", "film", "!"]
    test = pd.DataFrame({"text": texts, "label": list("abcd")})
    assert word_order.shifted_pairs(test, "on monday").values.tolist() == [
        ["shifted", "it was snowing on monday .", "on monday it was snowing .", "a", "a"],
        ["shifted", "so good on monday", "on monday so good", "b", "b"],
        ["shifted", "film on monday", "on monday film", "c", "c"],
        ["shifted", "! on monday", "on monday !", "d", "d"],
    ]


def test_pairs_in_the_test_split_differ_in_two_words_and_in_the_label():
    texts = {"not a so b": "x", "not b so a": "y", "so b not a": "y", "not b a so": "x", "c": "y"}
    test = pd.DataFrame({"text": texts.keys(), "label": texts.values()})
    pairs = word_order.pairs_in_test(test)
    assert pairs.values.tolist() == [
        ["test", "not a so b", "not b so a", "x", "y"],
        ["test", "not b so a", "not b a so", "y", "x"],
    ]
    assert word_order.pairs_in_test(test[test["label"] == "x"]).empty


def test_natural_pairs(tmp_path):
    file = tmp_path / "pairs.tsv"

    def read(text):
        file.write_text(text, encoding="utf-8")
        return word_order.natural_pairs(
            file, lambda texts: [text.lower() for text in texts], VOCABULARIES.labels
        )

    pairs = read("positive\tnegative\nA b\tB a\n")
    assert pairs.values.tolist() == [["natural", "a b", "b a", "positive", "negative"]]
    for text, message in {
        "": r"pairs.tsv:1 must name two of the labels",
        "negative\n": r"pairs.tsv:1 must name two of the labels negative, neutral, positive",
        "positive\tgood\na b\tb a\n": r"pairs.tsv:1 must name two of the labels",
        "positive\tnegative\n": r"pairs.tsv has no pairs",
        "positive\tnegative\na b\tb c\n": r"pairs.tsv:2 must have two sentences with the same",
        "positive\tnegative\na b\tb a\na b\tA b": r"pairs.tsv:3 must have two sentences",
        "positive\tnegative\na b b a\n": r"pairs.tsv:2 must have two sentences",
    }.items():
        with pytest.raises(UserError, match=message):
            read(text)
    file.unlink()
    with pytest.raises(UserError, match=r"no file .*pairs\.tsv.*'minimal_pairs'"):
        word_order.natural_pairs(file, list, VOCABULARIES.labels)


def test_the_shipped_pairs_are_valid_and_begin_with_the_tutorials_example():
    cleaning = params.Cleaning(unicode="NFC", lowercase=True, max_length=50, drop_repeated=True)

    def prepare(texts):
        return [normalize(text, cleaning, "words") for text in texts]

    pairs = word_order.natural_pairs(
        ROOT / "texts" / "minimal_pairs.tsv", prepare, VOCABULARIES.labels
    )
    assert 20 <= len(pairs) <= 30
    assert len(set(pairs["text"]) | set(pairs["exchanged"])) == 2 * len(pairs)
    assert list(pairs.iloc[0])[1:] == [
        "the food was good , not bad at all .",
        "the food was bad , not good at all .",
        "positive",
        "negative",
    ]


def make_classifiers(make):
    specs = {
        kind: make.spec(kind) for kind in ("bag_of_words", "logistic_regression", "classifier")
    } | {"positions": make.spec("bag_of_words", positions=8)}
    models = {
        kind: classification.TASK.train(spec, (TRAIN, TRAIN), VOCABULARIES).model
        if kind == "logistic_regression"
        else serialization.build(spec.entry, VOCABULARIES)
        for kind, spec in specs.items()
    }
    classifiers = {
        kind: word_order.model_classifier(Predictor(models[kind], spec, VOCABULARIES))
        for kind, spec in specs.items()
    }
    return classifiers | {
        "3-grams": word_order.ngram_classifier(TRAIN, VOCABULARIES, 3, "witten_bell")
    }


def test_exchanges_change_only_models_that_see_word_order(make):
    row = ("natural", SENTENCE, "not good so bad", "positive", "negative")
    pairs = pd.DataFrame([row], columns=word_order.PAIR_COLUMNS)
    predictions = word_order.compare_predictions(
        pairs, make_classifiers(make), VOCABULARIES.labels
    ).set_index("classifier")
    for kind in ("bag_of_words", "logistic_regression"):
        assert predictions["moved"][kind] == 0
        assert predictions["before"][kind] == predictions["after"][kind]
    assert predictions["moved"]["classifier"] > 0
    assert predictions["moved"]["positions"] > 0
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
