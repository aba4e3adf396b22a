"""Translations as text: unknown words, n-best lists, and searches that a model cannot do."""

import dataclasses

import numpy as np
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.inference.decoding import Hypothesis
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.tasks import translation
from pipelines.text import vocabulary
from pipelines.text.vocabulary import UNK
from tests.unit.inference.toy import Toy

REPLACE_UNKNOWN = params.Search(beam=1, replace_unknown=True)

pytestmark = pytest.mark.usefixtures("eager")


def _predictor(make, search, tokens="words", **changes):
    spec = dataclasses.replace(make.spec("seq2seq", **changes), tokens=tokens)
    vocabularies = make.vocabularies("seq2seq")
    model = serialization.build(spec.entry, vocabularies)
    return Predictor(model, spec, vocabularies, search=search)


def _hypothesis(ids, weights):
    return Hypothesis(np.array(ids, np.int32), 1.0, np.array(weights, np.float32), -1.0)


def test_an_unknown_word_becomes_the_source_word_with_the_most_attention(make):
    target = make.vocabularies("seq2seq").columns["target"]
    a = int(target.encode_tokens(["a"])[0])
    weights = [[0.1, 0.2, 0.7], [0.4, 0.35, 0.25], [0.1, 0.8, 0.1]]
    hypothesis = _hypothesis([UNK, a, UNK], weights)
    predictor = _predictor(make, REPLACE_UNKNOWN)
    # These source words are unknown, too.
    source = "b Zürich 1234"
    assert translation.hypothesis_text(predictor, hypothesis, source) == "1234 a Zürich"
    predictor = dataclasses.replace(predictor, search=None)
    assert translation.hypothesis_text(predictor, hypothesis, source) == "<unk> a <unk>"


def test_unknown_words_of_a_translation_are_replaced(make):
    # This model writes <unk> up to the limit.
    predictor = dataclasses.replace(_predictor(make, REPLACE_UNKNOWN), model=Toy(0, 8, {UNK: 50.0}))
    (text,) = translation.TASK.predict(predictor, ["Basel zu"])
    assert set(text.split(" ")) <= {"basel", "zu"}
    assert len(text.split(" ")) == predictor.spec.cleaning.max_length


@pytest.mark.parametrize(("key", "value"), [("replace_unknown", True), ("coverage_penalty", 0.2)])
def test_a_search_by_attention_needs_an_attention(make, key, value):
    search = params.Search(beam=2, **{key: value})
    predictor = _predictor(make, search, attention="none", bidirectional=False)
    with pytest.raises(UserError, match=rf"search\.{key}.*attention: none"):
        translation.translate(predictor, ["a b"])


@pytest.mark.parametrize("tokens", ["characters", "bpe", "unigram"])
def test_only_whole_words_are_replaced(make, tokens):
    predictor = _predictor(make, REPLACE_UNKNOWN, tokens)
    with pytest.raises(UserError, match=rf"search\.replace_unknown.*tokens: {tokens}"):
        translation.translate(predictor, ["a b"])


def test_options_that_are_off_need_no_attention(make):
    search = params.Search(beam=2, coverage_penalty=0.0, replace_unknown=False)
    predictor = _predictor(make, search, attention="none", bidirectional=False)
    assert len(translation.TASK.predict(predictor, ["a b"])) == 1


def test_n_best_lists_are_sorted_and_start_with_the_prediction(make):
    predictor = _predictor(make, params.Search(beam=4, length_penalty=1.0))
    sources = ["a b", "c"]
    for hypotheses, source in zip(
        translation.translate(predictor, sources, 3), sources, strict=True
    ):
        assert len(hypotheses) == 3
        scores = [hypothesis.score for hypothesis in hypotheses]
        assert scores == sorted(scores, reverse=True)
        best = translation.hypothesis_text(predictor, hypotheses[0], source)
        assert translation.TASK.predict(predictor, [source]) == [best]


def test_a_limit_in_words_leaves_room_for_sub_words(make):
    frame = make.frame("seq2seq")
    columns = {name: vocabulary.build(list(frame[name]), "bpe", 30) for name in frame}
    spec = dataclasses.replace(make.spec("seq2seq"), tokens="bpe")
    predictor = Predictor(Toy(0, 8, {5: 50.0}), spec, vocabulary.Vocabularies(columns))
    ((hypothesis,),) = translation.translate(predictor, ["a b"])
    assert len(hypothesis.ids) == translation.PIECES * spec.cleaning.max_length
