"""Embeddings and the output projection."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.embedding import Embedding, OutputProjection

IDS = np.random.default_rng(0).integers(0, 60, (16, 12)).astype(np.int32)


def test_word_dropout_drops_all_occurrences_of_a_word_in_a_batch():
    keras.utils.set_random_seed(1)
    embedding = Embedding(60, 8, dropout=0.3)
    vectors, train_vectors = embedding(IDS).numpy(), embedding(IDS, training=True).numpy()
    np.testing.assert_array_equal(vectors, np.asarray(embedding.embeddings)[IDS])
    dropped = [word for word in np.unique(IDS) if not train_vectors[word == IDS].any()]
    assert 0.1 < len(dropped) / len(np.unique(IDS)) < 0.5
    # The other words are scaled up, so that the expected sum is unchanged.
    rest = ~np.isin(IDS, dropped)
    np.testing.assert_allclose(train_vectors[rest], vectors[rest] / 0.7, rtol=1e-5)


def test_word_dropout_differs_between_batches():
    keras.utils.set_random_seed(1)
    embedding = Embedding(60, 8, dropout=0.3)
    assert np.any(embedding(IDS, training=True) != embedding(IDS, training=True))


def test_no_word_is_dropped_by_default():
    embedding = Embedding(60, 8)
    np.testing.assert_array_equal(embedding(IDS), embedding(IDS, training=True))


def test_initial_embeddings_have_a_standard_deviation_of_a_tenth():
    keras.utils.set_random_seed(1)
    embedding = Embedding(500, 100)
    embedding.build()
    assert np.std(embedding.embeddings) == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("tied", [False, True])
def test_logits_are_a_product_plus_the_log_frequencies(tied):
    random = np.random.default_rng(0)
    log_frequencies = np.log([0.5, 0.3, 0.2]).astype(np.float32)
    states, embeddings = random.normal(size=(2, 4, 6)), random.normal(size=(3, 6))
    states, embeddings = (tf.constant(array, tf.float32) for array in (states, embeddings))
    layer = OutputProjection(log_frequencies, tied)
    logits = layer(states, embeddings if tied else None)
    kernel = embeddings.numpy().T if tied else layer.kernel.numpy()
    np.testing.assert_allclose(logits, states @ kernel + log_frequencies, atol=1e-5)
    assert len(layer.weights) == (1 if tied else 2)
