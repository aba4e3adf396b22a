"""The recurrent classifier: every pool of every cell, whatever padding stands behind a text."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.models import serialization

CELLS = ["rnn", "irnn", "gru", "lstm"]
POOLS = ["last", "mean", "max", "attention"]
SHORT, LONG = [4, 5], [6, 7, 4, 5, 6, 8]


def build(make, **changes):
    return serialization.build(make.entry("classifier", **changes), make.words("classifier"))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_logit(make, cell, pooling, bidirectional):
    network = build(make, cell=cell, pooling=pooling, bidirectional=bidirectional, layers=2)
    alone = network(tf.constant([SHORT]))
    together = network(tf.constant([SHORT + [0] * 4, LONG]))
    np.testing.assert_allclose(together[:1], alone, atol=1e-6)
    np.testing.assert_allclose(together[1:], network(tf.constant([LONG])), atol=1e-6)


@pytest.mark.parametrize("pooling", POOLS)
def test_every_weight_gets_a_gradient(make, pooling):
    network = build(make, pooling=pooling)
    with tf.GradientTape() as tape:
        logits = network(tf.constant([SHORT + [0] * 4, LONG, LONG[::-1]]))
        nats = tf.reduce_sum(tf.nn.log_softmax(logits)[:, 0])
    gradients = tape.gradient(nats, network.trainable_variables)
    assert all(np.any(tf.convert_to_tensor(gradient)) for gradient in gradients)


def test_each_pool_says_something_else(make):
    ids = tf.constant([LONG])
    weights = build(make, pooling="last").get_weights()
    found = []
    for pooling in ("last", "mean", "max"):
        network = build(make, pooling=pooling)
        network.set_weights(weights)
        found.append(network(ids).numpy())
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(found[one] - found[other]).max() > 1e-4


@pytest.mark.parametrize(
    ("changes", "drops"),
    [
        ({}, False),
        ({"dropout": 0.5}, True),
        ({"output_dropout": 0.5}, True),
        ({"input_dropout": 0.5}, True),
        ({"word_dropout": 0.5}, True),
        ({"weight_drop": 0.5}, True),
        ({"dropout": 0.5, "output_dropout": 0.0, "input_dropout": 0.0}, False),
    ],
)
def test_what_drops_in_training(make, changes, drops):
    network = build(make, **changes)
    ids = tf.constant([LONG] * 8)
    still, training = network(ids), network(ids, training=True)
    assert (np.abs(still - training).max() > 1e-4) == drops
    np.testing.assert_array_equal(network(ids), still)
