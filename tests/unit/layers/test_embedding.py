"""Embeddings and the softmax over words."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.embedding import Embedding, OutputProjection

IDS = np.random.default_rng(0).integers(0, 60, (16, 12)).astype(np.int32)


def test_a_word_is_dropped_everywhere_in_a_batch_or_nowhere():
    keras.utils.set_random_seed(1)
    words = Embedding(60, 8, dropout=0.3)
    plain, dropped = words(IDS).numpy(), words(IDS, training=True).numpy()
    np.testing.assert_array_equal(plain, np.asarray(words.embeddings)[IDS])
    gone = [word for word in np.unique(IDS) if not dropped[word == IDS].any()]
    assert 0.1 < len(gone) / len(np.unique(IDS)) < 0.5
    kept = ~np.isin(IDS, gone)
    # As many words more are told of the others, so that the sum stays what it was.
    np.testing.assert_allclose(dropped[kept], plain[kept] / 0.7, rtol=1e-5)


def test_each_batch_drops_other_words():
    keras.utils.set_random_seed(1)
    words = Embedding(60, 8, dropout=0.3)
    assert np.any(words(IDS, training=True) != words(IDS, training=True))


def test_nothing_is_dropped_without_a_share():
    words = Embedding(60, 8)
    np.testing.assert_array_equal(words(IDS), words(IDS, training=True))


def test_words_start_at_a_tenth():
    keras.utils.set_random_seed(1)
    words = Embedding(500, 100)
    words.build()
    assert np.std(words.embeddings) == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("tied", [False, True])
def test_logits_are_a_product_and_start_at_the_log_frequencies(tied):
    random = np.random.default_rng(0)
    logs = np.log([0.5, 0.3, 0.2]).astype(np.float32)
    states, embeddings = random.normal(size=(2, 4, 6)), random.normal(size=(3, 6))
    states, embeddings = (tf.constant(part, tf.float32) for part in (states, embeddings))
    layer = OutputProjection(logs, tied)
    found = layer(states, embeddings if tied else None)
    kernel = embeddings.numpy().T if tied else layer.kernel.numpy()
    np.testing.assert_allclose(found, states @ kernel + logs, atol=1e-5)
    assert len(layer.weights) == (1 if tied else 2)
