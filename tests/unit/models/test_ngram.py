"""The Markov model, smoothed either way: a distribution, and what other implementations make of it.

What is compared with: modified Kneser-Ney in dictionaries, straight from the equations of Chen and
Goodman (1999), and nltk.
"""

from collections import Counter, defaultdict
from itertools import pairwise

import nltk.lm
import numpy as np
import pytest

from pipelines.models import ngram
from pipelines.models.ngram import NGram

TEXT = "the cat sat on the mat the dog sat on the cat and the mat sat"
LETTERS = sorted(set(TEXT))
IDS = np.array([LETTERS.index(letter) for letter in TEXT], np.int32)
LONGER = np.random.default_rng(0).zipf(1.6, 4000).clip(max=30).astype(np.int32) - 1
SMOOTHINGS = ["witten_bell", "kneser_ney"]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("stream", [IDS, LONGER, IDS[:2], IDS[:1], IDS[:0]])
def test_probabilities_sum_to_one_after_any_past(order, stream, smoothing):
    model = NGram.count(stream, order, 30, smoothing)
    unseen = np.array([29, 28, 29, 0], np.int32)
    for past in (stream[:0], stream[:1], stream[3:9], unseen, np.append(unseen, stream[:2])):
        probability = model.next_probabilities(past.astype(np.int32))
        assert probability.sum() == pytest.approx(1)
        assert (probability > 0).all()


def test_witten_bell_bigrams_are_those_of_nltk():
    """nltk stops at the unigrams; the uniform distribution below ours is taken out."""
    model = NGram.count(IDS, 2, len(LETTERS), "witten_bell")
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


def test_kneser_ney_trigrams_are_those_of_nltk(monkeypatch):
    """nltk has one discount for all counts and all orders, and takes none from the unigrams.

    With our three discounts set equal, the two differ by what reaches the unigrams alone.
    """
    discount = 0.75
    monkeypatch.setattr(ngram, "_discounts", lambda counts: (discount,) * 3)
    # The first two tokens stand before the last one too: else nltk counts one history more often.
    stream = np.concatenate([IDS, IDS[:2]])
    model = NGram.count(stream, 3, len(LETTERS), "kneser_ney")
    words = [LETTERS[i] for i in stream]
    theirs = nltk.lm.KneserNeyInterpolated(3, discount)
    grams = [[tuple(words[at : at + k]) for k in (1, 2, 3) for at in range(len(words) - k + 1)]]
    theirs.fit(grams, vocabulary_text=words)
    ours_below, pasts = model.next_probabilities(IDS[:0]), sorted(set(pairwise(words)))
    for past in pasts:
        ours = model.next_probabilities(np.array([LETTERS.index(a) for a in past], np.int32))
        for i, letter in enumerate(LETTERS):
            to_unigrams = np.prod(
                [theirs.estimator.alpha_gamma(letter, past[at:])[1] for at in (0, 1)]
            )
            differ = ours_below[i] - theirs.unmasked_score(letter)
            expected = theirs.unmasked_score(letter, past) + to_unigrams * differ
            assert ours[i] == pytest.approx(expected, abs=1e-12), (past, letter)


class Plain:
    """Modified Kneser-Ney by the equations, one probability at a time."""

    def __init__(self, stream, order, size):
        self.order, self.size = order, size
        text = tuple(int(token) for token in stream)
        grams = {
            k: [text[at : at + k] for at in range(len(text) - k + 1)] for k in range(1, order + 1)
        }
        self.counts = {order: Counter(grams[order])}
        for k in range(1, order):
            self.counts[k] = Counter(gram[1:] for gram in set(grams[k + 1]))
        self.followers = defaultdict(set)
        for counts in self.counts.values():
            for gram in counts:
                self.followers[gram[:-1]].add(gram[-1])
        self.discounts = {k: self._discounts(counts) for k, counts in self.counts.items()}

    @staticmethod
    def _discounts(counts):
        n = Counter(counts.values())
        if 0 in (n[1], n[2], n[3], n[4]):
            return {1: 0.5, 2: 1.0, 3: 1.5}
        y = n[1] / (n[1] + 2 * n[2])
        return {i: i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3)}

    def probability(self, word, past):
        past = tuple(past)
        if len(past) >= self.order:
            past = past[len(past) - self.order + 1 :]
        k = len(past) + 1
        lower = self.probability(word, past[1:]) if past else 1 / self.size
        counts = {w: self.counts[k][(*past, w)] for w in self.followers[past]}
        counts = {w: count for w, count in counts.items() if count}
        if not counts:
            return lower
        discounts, total = self.discounts[k], sum(counts.values())
        gamma = sum(discounts[min(count, 3)] for count in counts.values()) / total
        count = counts.get(word, 0)
        alpha = (count - discounts[min(count, 3)]) / total if count else 0
        return alpha + gamma * lower


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(("stream", "size"), [(IDS, len(LETTERS)), (LONGER, 30)])
def test_kneser_ney_is_what_the_equations_say(order, stream, size):
    model, plain = NGram.count(stream, order, size, "kneser_ney"), Plain(stream, order, size)
    random = np.random.default_rng(1)
    unseen = random.integers(0, size, 40).astype(np.int32)
    for text in (stream[:60], unseen):
        for at in range(0, len(text), 7):
            past = text[:at]
            expected = [plain.probability(word, past) for word in range(size)]
            np.testing.assert_allclose(model.next_probabilities(past), expected, rtol=1e-9)


def test_discounts_are_estimated_where_the_text_is_large_enough():
    """By hand: n1 = 6, n2 = 3, n3 = 2, n4 = 1 give Y = 1/2."""
    counts = np.array([1] * 6 + [2] * 3 + [3] * 2 + [4] + [9, 0])
    assert ngram._discounts(counts) == pytest.approx((1 - 0.5, 2 - 1.0, 3 - 1.0))
    assert ngram._discounts(counts[:11]) == ngram.DISCOUNTS  # nothing was seen four times
    odd = np.array([1] * 10 + [2] + [3] * 20 + [4])  # 2 - 3 Y n3 / n2 is below 0
    assert ngram._discounts(odd) == ngram.DISCOUNTS


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 3, 6])
def test_scoring_a_stream_is_predicting_each_token(order, smoothing):
    model = NGram.count(IDS, order, len(LETTERS), smoothing)
    stream = IDS[::-1].copy()
    scored = model.log_probabilities(stream)
    one_by_one = [
        np.log(model.next_probabilities(stream[:at])[stream[at]]) for at in range(1, len(stream))
    ]
    np.testing.assert_allclose(scored, one_by_one, atol=1e-12)


def test_a_longer_past_helps_on_text_seen():
    losses = [
        -NGram.count(IDS, n, len(LETTERS), "witten_bell").log_probabilities(IDS).mean()
        for n in (1, 2, 3)
    ]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_saved_and_loaded_is_the_same_to_the_byte(tmp_path, smoothing):
    model = NGram.count(IDS, 3, len(LETTERS), smoothing)
    model.save(tmp_path)
    first = (tmp_path / "counts.parquet").read_bytes()
    loaded = NGram.load(tmp_path, 3, len(LETTERS), smoothing)
    np.testing.assert_array_equal(loaded.log_probabilities(IDS), model.log_probabilities(IDS))
    loaded.save(tmp_path)
    assert (tmp_path / "counts.parquet").read_bytes() == first
    text = "".join(LETTERS[i] for i in IDS)
    different = [len({text[at : at + k] for at in range(len(text) - k + 1)}) for k in (1, 2, 3)]
    assert loaded.parameters == model.parameters == sum(different)


def test_many_words_and_a_long_past_fit():
    """10,000 words to the power of 12 fit no 64 bits; the ranks of what was seen do."""
    stream = np.random.default_rng(0).integers(0, 10_000, 500).astype(np.int32)
    stream = np.concatenate([stream, stream])
    model = NGram.count(stream, 12, 10_000, "kneser_ney")
    assert model.next_probabilities(stream[:499]).argmax() == stream[499]
    assert model.log_probabilities(stream)[600:].mean() > np.log(0.1)
