"""Greedy search on a model that reverses sequences: the oracle of the field."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from pipelines.inference.decoding import Greedy
from pipelines.models import saved
from pipelines.text import ids as encode
from pipelines.text import vocabulary
from pipelines.text.vocabulary import END, PAD, START
from pipelines.training import learn

LETTERS = "abcdefgh"


@pytest.fixture(scope="module")
def reverser():
    """An attention model trained to reverse sequences of up to 8 letters, and unseen sequences."""
    from tests.unit.conftest import card_of

    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list(LETTERS), random.integers(2, 9))) for _ in range(2000)]
    texts = list(dict.fromkeys(texts))
    frame = pd.DataFrame({"source": texts, "target": [text[::-1] for text in texts]})
    words = vocabulary.Vocabularies(
        {column: vocabulary.build(map(str.split, frame[column]), 50, 1) for column in frame}
    )
    card = card_of(
        "seq2seq",
        attention="general",
        batch_size=32,
        epochs=10,
        units=48,
        optimizer={"rate": 0.01, "decay": "linear", "clip_norm": 1.0},
    )
    unseen = frame.iloc[-200:]
    model, _ = learn.seq2seq(card, (frame.iloc[:-200], unseen), words, lambda row: None)
    return model, unseen, words


def _rows(reverser):
    _, unseen, words = reverser
    return encode.rows(unseen["source"], words.columns["source"], "words")


def test_unseen_sequences_are_reversed(reverser):
    model, unseen, words = reverser
    found = Greedy(model, 12)(_rows(reverser))
    texts = [" ".join(words.columns["target"].words(one.ids)) for one in found]
    right = np.mean([a == b for a, b in zip(texts, unseen["target"], strict=True)])
    assert right >= 0.98


def test_a_batch_is_as_one_by_one(reverser):
    search, rows = Greedy(reverser[0], 12), _rows(reverser)[:20]
    together = search(rows)
    for row, one in zip(rows, together, strict=True):
        alone = search([row])[0]
        assert one.ids.tolist() == alone.ids.tolist()
        assert one.nats == pytest.approx(alone.nats, abs=1e-3)
        np.testing.assert_allclose(one.weights, alone.weights, atol=1e-4)


def test_weights_are_over_the_real_source(reverser):
    rows = _rows(reverser)[:20]
    for row, one in zip(rows, Greedy(reverser[0], 12)(rows), strict=True):
        assert one.weights.shape == (len(one.ids), len(row))
        np.testing.assert_allclose(one.weights.sum(axis=1), 1, atol=1e-4)


def test_attention_of_a_reverser_runs_backwards(reverser):
    row = _rows(reverser)[0]
    found = Greedy(reverser[0], 12)([row])[0]
    looked = found.weights.argmax(axis=1)
    assert np.corrcoef(looked, np.arange(len(looked)))[0, 1] < -0.5


def test_no_hypothesis_is_longer_than_the_limit(make):
    model = saved.build(make.entry("seq2seq"), make.words("seq2seq"))
    for one in Greedy(model, 5)([np.array([4, 5], np.int32)] * 3):
        assert len(one.ids) <= 6
        assert not {PAD, START, END} & set(one.ids.tolist())


class _Scripted:
    """Stands in for a model: says 4 as often as the source's first id says, then `</s>`."""

    LENGTH = 7  # of the vocabulary

    def encode(self, source):
        return (source, source > 0), [[tf.cast(source[:, :1] - 4, tf.float32)]]

    def decode(self, target, states, memory):
        left = states[0][0][:, 0]
        ending = tf.cast(left <= 0, tf.float32)
        # The likeliest has 0.5; after the end too, which must then not be counted.
        share = 0.5 * (
            ending[:, None] * tf.one_hot([END], self.LENGTH)
            + (1 - ending[:, None]) * tf.one_hot([4], self.LENGTH)
        )
        logits = tf.math.log(share + 0.5 / self.LENGTH)[:, None]
        weights = tf.ones((tf.shape(target)[0], 1, tf.shape(memory[0])[1]))
        return logits, [[states[0][0] - 1]], weights


def test_nats_of_a_hypothesis_end_where_it_ends():
    rows = [np.array([5], np.int32), np.array([8], np.int32)]
    short, long = Greedy(_Scripted(), 10)(rows)
    assert (short.ids.tolist(), long.ids.tolist()) == ([4], [4] * 4)
    each = -np.log(0.5 + 0.5 / 7)
    assert short.nats == pytest.approx(2 * each, rel=1e-4)
    assert long.nats == pytest.approx(5 * each, rel=1e-4)
