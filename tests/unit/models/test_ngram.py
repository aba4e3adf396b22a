"""The n-gram model with both smoothings, compared with other implementations.

These are nltk, and modified Kneser-Ney with dictionaries, straight from the equations of Chen and
Goodman (1999).
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
def test_probabilities_sum_to_one_after_any_history(order, stream, smoothing):
    model = NGram.count(stream, order, 30, smoothing)
    unseen = np.array([29, 28, 29, 0], np.int32)
    for history in (stream[:0], stream[:1], stream[3:9], unseen, np.append(unseen, stream[:2])):
        probability = model.next_probabilities(history.astype(np.int32))
        assert probability.sum() == pytest.approx(1)
        assert (probability > 0).all()


def test_witten_bell_bigrams_are_those_of_nltk():
    """nltk ends at the unigrams; our uniform distribution below them is removed."""
    model = NGram.count(IDS, 2, len(LETTERS), "witten_bell")
    words = [LETTERS[i] for i in IDS]
    expected_model = nltk.lm.WittenBellInterpolated(2)
    grams = [[(a,) for a in words] + list(pairwise(words))]
    expected_model.fit(grams, vocabulary_text=words)
    kinds = len(LETTERS)
    for history in LETTERS[:6]:
        probabilities = model.next_probabilities(np.array([LETTERS.index(history)], np.int32))
        follow = [b for a, b in pairwise(words) if a == history]
        different = len(set(follow))
        for i, letter in enumerate(LETTERS):
            unigram = (words.count(letter) + kinds * (1 / kinds)) / (len(words) + kinds)
            backed_off = different / (len(follow) + different)
            expected = expected_model.score(letter, [history])
            expected += backed_off * (unigram - expected_model.unmasked_score(letter))
            assert probabilities[i] == pytest.approx(expected, abs=1e-9), (history, letter)


def test_kneser_ney_trigrams_are_those_of_nltk(monkeypatch):
    """nltk has one discount for all counts and orders, and does not discount unigrams.

    With equal discounts the two differ only by the probability mass of the unigrams.
    """
    discount = 0.75
    monkeypatch.setattr(ngram, "_discounts", lambda counts: (discount,) * 3)
    # The stream ends with its first two tokens: otherwise nltk counts one history more often.
    stream = np.concatenate([IDS, IDS[:2]])
    model = NGram.count(stream, 3, len(LETTERS), "kneser_ney")
    words = [LETTERS[i] for i in stream]
    expected_model = nltk.lm.KneserNeyInterpolated(3, discount)
    grams = [[tuple(words[at : at + k]) for k in (1, 2, 3) for at in range(len(words) - k + 1)]]
    expected_model.fit(grams, vocabulary_text=words)
    unigrams, histories = model.next_probabilities(IDS[:0]), sorted(set(pairwise(words)))
    for history in histories:
        ids = np.array([LETTERS.index(letter) for letter in history], np.int32)
        probabilities = model.next_probabilities(ids)
        for i, letter in enumerate(LETTERS):
            unigram_mass = np.prod(
                [expected_model.estimator.alpha_gamma(letter, history[i:])[1] for i in (0, 1)]
            )
            difference = unigrams[i] - expected_model.unmasked_score(letter)
            expected = expected_model.unmasked_score(letter, history) + unigram_mass * difference
            assert probabilities[i] == pytest.approx(expected, abs=1e-12), (history, letter)


class ReferenceModel:
    """Modified Kneser-Ney from the equations, one probability at a time."""

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

    def probability(self, word, history):
        history = tuple(history)
        if len(history) >= self.order:
            history = history[len(history) - self.order + 1 :]
        k = len(history) + 1
        lower = self.probability(word, history[1:]) if history else 1 / self.size
        counts = {w: self.counts[k][(*history, w)] for w in self.followers[history]}
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
def test_kneser_ney_equals_the_equations(order, stream, size):
    model = NGram.count(stream, order, size, "kneser_ney")
    reference = ReferenceModel(stream, order, size)
    random = np.random.default_rng(1)
    unseen = random.integers(0, size, 40).astype(np.int32)
    for text in (stream[:60], unseen):
        for at in range(0, len(text), 7):
            history = text[:at]
            expected = [reference.probability(word, history) for word in range(size)]
            np.testing.assert_allclose(model.next_probabilities(history), expected, rtol=1e-9)


def test_discounts_are_estimated_if_the_text_is_large_enough():
    """By hand: n1 = 6, n2 = 3, n3 = 2, n4 = 1 give Y = 1/2."""
    counts = np.array([1] * 6 + [2] * 3 + [3] * 2 + [4] + [9, 0])
    assert ngram._discounts(counts) == pytest.approx((1 - 0.5, 2 - 1.0, 3 - 1.0))
    assert ngram._discounts(counts[:11]) == ngram.DISCOUNTS  # no n-gram occurs four times
    odd = np.array([1] * 10 + [2] + [3] * 20 + [4])  # 2 - 3 Y n3 / n2 is below 0
    assert ngram._discounts(odd) == ngram.DISCOUNTS


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 3, 6])
def test_scoring_a_stream_equals_predicting_each_token(order, smoothing):
    model = NGram.count(IDS, order, len(LETTERS), smoothing)
    stream = IDS[::-1].copy()
    scored = model.log_probabilities(stream)
    one_by_one = [
        np.log(model.next_probabilities(stream[:at])[stream[at]]) for at in range(1, len(stream))
    ]
    np.testing.assert_allclose(scored, one_by_one, atol=1e-12)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_a_truncated_model_is_the_model_of_the_lower_order(smoothing):
    """With Kneser-Ney the highest order has other counts than the orders below."""
    highest = NGram.count(LONGER, 5, 30, smoothing)
    for order in (1, 2, 4, 5):
        model, expected = highest.truncate(order), NGram.count(LONGER, order, 30, smoothing)
        assert (model.order, model.parameters) == (order, expected.parameters)
        np.testing.assert_array_equal(model.log_probabilities(IDS), expected.log_probabilities(IDS))


def test_a_higher_order_fits_the_training_text_better():
    losses = [
        -NGram.count(IDS, n, len(LETTERS), "witten_bell").log_probabilities(IDS).mean()
        for n in (1, 2, 3)
    ]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_a_loaded_model_is_saved_to_the_same_bytes(tmp_path, smoothing):
    model = NGram.count(IDS, 3, len(LETTERS), smoothing)
    model.save(tmp_path)
    content = (tmp_path / "counts.parquet").read_bytes()
    loaded = NGram.load(tmp_path, 3, len(LETTERS), smoothing)
    np.testing.assert_array_equal(loaded.log_probabilities(IDS), model.log_probabilities(IDS))
    loaded.save(tmp_path)
    assert (tmp_path / "counts.parquet").read_bytes() == content
    text = "".join(LETTERS[i] for i in IDS)
    different = [len({text[at : at + k] for at in range(len(text) - k + 1)}) for k in (1, 2, 3)]
    assert loaded.parameters == model.parameters == sum(different)


def test_many_words_and_a_high_order_fit_into_64_bits():
    """10,000 words to the power of 12 need more than 64 bits; the ranks of the n-grams do not."""
    stream = np.random.default_rng(0).integers(0, 10_000, 500).astype(np.int32)
    stream = np.concatenate([stream, stream])
    model = NGram.count(stream, 12, 10_000, "kneser_ney")
    assert model.next_probabilities(stream[:499]).argmax() == stream[499]
    assert model.log_probabilities(stream)[600:].mean() > np.log(0.1)
