"""The Markov model against nltk's Witten-Bell, and as a distribution."""

from itertools import pairwise

import nltk.lm
import numpy as np
import pytest

from pipelines.errors import Refusal
from pipelines.models.ngram import NGram

TEXT = "the cat sat on the mat the dog sat on the cat and the mat sat"
LETTERS = sorted(set(TEXT))
IDS = np.array([LETTERS.index(letter) for letter in TEXT], np.int32)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_sum_to_one_after_any_past(order):
    model = NGram.count(IDS, order, len(LETTERS))
    pasts = [IDS[:0], IDS[:1], IDS[3:9], np.array([LETTERS.index("z")] if "z" in LETTERS else [0])]
    for past in pasts:
        probability = model.next_probabilities(np.asarray(past, np.int32))
        assert probability.sum() == pytest.approx(1)
        assert (probability > 0).all()


def test_bigrams_are_those_of_nltk():
    """nltk stops at the unigrams; the uniform distribution below ours is taken out."""
    model = NGram.count(IDS, 2, len(LETTERS))
    words = [LETTERS[i] for i in IDS]
    theirs = nltk.lm.WittenBellInterpolated(2)
    grams = [[(a,) for a in words] + list(pairwise(words))]
    theirs.fit(grams, vocabulary_text=words)
    kinds = len(LETTERS)
    for past in LETTERS[:6]:
        ours = model.next_probabilities(np.array([LETTERS.index(past)], np.int32))
        follow = [b for a, b in pairwise(words) if a == past]
        different = len(set(follow))
        for i, letter in enumerate(LETTERS):
            unigram = (words.count(letter) + kinds * (1 / kinds)) / (len(words) + kinds)
            backed_off = different / (len(follow) + different)
            expected = theirs.score(letter, [past])
            expected += backed_off * (unigram - theirs.unmasked_score(letter))
            assert ours[i] == pytest.approx(expected, abs=1e-9), (past, letter)


@pytest.mark.parametrize("order", [1, 3])
def test_scoring_a_stream_is_predicting_each_token(order):
    model = NGram.count(IDS, order, len(LETTERS))
    stream = IDS[::-1].copy()
    scored = model.log_probabilities(stream)
    one_by_one = [
        np.log(model.next_probabilities(stream[max(0, at - order + 1) : at])[stream[at]])
        for at in range(1, len(stream))
    ]
    np.testing.assert_allclose(scored, one_by_one, atol=1e-12)


def test_a_longer_past_helps_on_text_seen():
    losses = [-NGram.count(IDS, n, len(LETTERS)).log_probabilities(IDS).mean() for n in (1, 2, 3)]
    assert losses[0] > losses[1] > losses[2]


def test_saved_and_loaded_is_the_same_to_the_byte(tmp_path):
    model = NGram.count(IDS, 3, len(LETTERS))
    model.save(tmp_path)
    first = (tmp_path / "counts.parquet").read_bytes()
    loaded = NGram.load(tmp_path, 3, len(LETTERS))
    np.testing.assert_array_equal(loaded.log_probabilities(IDS), model.log_probabilities(IDS))
    loaded.save(tmp_path)
    assert (tmp_path / "counts.parquet").read_bytes() == first
    assert (
        loaded.parameters
        == model.parameters
        == len(model.codes[0]) + len(model.codes[1]) + len(model.codes[2])
    )


def test_too_high_an_order_is_refused_with_the_highest_that_fits():
    with pytest.raises(Refusal, match="highest order for this vocabulary is 4"):
        NGram.count(IDS, 5, 10_000)
