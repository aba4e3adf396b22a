"""A translator as text in, text out: unknown words, n-best, searches that a model cannot do."""

import dataclasses

import numpy as np
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.inference.decoding import Hypothesis
from pipelines.inference.predictor import PIECES, Predictor
from pipelines.models import serialization
from pipelines.text import vocabulary
from pipelines.text.vocabulary import UNK
from tests.unit.inference.toy import Toy

REPLACE = params.Search(beam=1, replace_unknown=True)


def _predictor(make, search, tokens="words", **changes):
    card = dataclasses.replace(make.card("seq2seq", **changes), tokens=tokens)
    words = make.words("seq2seq")
    return Predictor(serialization.build(card.entry, words), card, words, None, search)


def _hypothesis(ids, weights):
    return Hypothesis(np.array(ids, np.int32), 1.0, np.array(weights, np.float32), -1.0)


def test_an_unknown_word_is_the_source_word_that_got_most_attention(make):
    target = make.words("seq2seq").columns["target"]
    a = int(target.ids(["a"])[0])
    weights = [[0.1, 0.2, 0.7], [0.4, 0.35, 0.25], [0.1, 0.8, 0.1]]
    hypothesis = _hypothesis([UNK, a, UNK], weights)
    predictor = _predictor(make, REPLACE)
    # Words of the source that the model does not know either.
    assert predictor.text(hypothesis, "b Zürich 1234") == "1234 a Zürich"
    plain = dataclasses.replace(predictor, search=None)
    assert plain.text(hypothesis, "b Zürich 1234") == "<unk> a <unk>"


def test_a_translation_with_unknown_words_names_those_of_its_source(make):
    predictor = _predictor(make, REPLACE)
    # Whatever it reads, it says <unk> until it must end.
    predictor = dataclasses.replace(predictor, model=Toy(0, 8, {UNK: 50.0}))
    for text in predictor.predict(["Basel zu"]):
        assert set(text.split(" ")) <= {"basel", "zu"}
        assert len(text.split(" ")) == predictor.card.cleaning.max_length


@pytest.mark.parametrize("key", ["replace_unknown", "coverage_penalty"])
def test_what_goes_by_the_attention_needs_one(make, key):
    value = {"replace_unknown": True, "coverage_penalty": 0.2}[key]
    search = params.Search(beam=2, **{key: value})
    predictor = _predictor(make, search, attention="none", bidirectional=False)
    with pytest.raises(UserError, match=rf"'search\.{key}' goes by the attention.*attention: none"):
        predictor.translate(["a b"])


@pytest.mark.parametrize("tokens", ["characters", "bpe", "unigram"])
def test_only_whole_words_are_replaced(make, tokens):
    with pytest.raises(UserError, match=f"this corpus has 'tokens: {tokens}'"):
        _predictor(make, REPLACE, tokens).translate(["a b"])


def test_what_is_off_needs_nothing(make):
    search = params.Search(beam=2, coverage_penalty=0.0, replace_unknown=False)
    predictor = _predictor(make, search, attention="none", bidirectional=False)
    assert len(predictor.predict(["a b"])) == 1


def test_n_best_come_in_order_and_the_first_is_the_prediction(make):
    predictor = _predictor(make, params.Search(beam=4, length_penalty=1.0))
    for some, source in zip(predictor.translate(["a b", "c"], 3), ["a b", "c"], strict=True):
        assert len(some) == 3
        assert [one.score for one in some] == sorted((one.score for one in some), reverse=True)
        assert predictor.predict([source]) == [predictor.text(some[0], source)]


def test_a_limit_in_words_leaves_room_for_their_pieces(make):
    frame = make.frame("seq2seq")
    columns = {name: vocabulary.build(list(frame[name]), "bpe", 30) for name in frame}
    card = dataclasses.replace(make.card("seq2seq"), tokens="bpe")
    words = vocabulary.Vocabularies(columns)
    found = Predictor(Toy(0, 8, {5: 50.0}), card, words, None).translate(["a b"])[0][0]
    assert len(found.ids) == PIECES * card.cleaning.max_length
