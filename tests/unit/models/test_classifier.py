"""The recurrent classifier: every pooling of every cell, with and without padding."""

from itertools import combinations

import numpy as np
import pytest
import tensorflow as tf

from pipelines.models import serialization

CELLS = ["rnn", "irnn", "gru", "lstm"]
POOLINGS = ["last", "mean", "max", "attention"]
SHORT, LONG = [4, 5], [6, 7, 4, 5, 6, 8]


def build(make, **changes):
    return serialization.build(
        make.config("classifier", **changes), make.vocabularies("classifier")
    )


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_logit(make, cell, pooling, bidirectional):
    network = build(make, cell=cell, pooling=pooling, bidirectional=bidirectional, layers=2)
    batch = network(tf.constant([SHORT + [0] * 4, LONG]))
    np.testing.assert_allclose(batch[:1], network(tf.constant([SHORT])), atol=1e-6)
    np.testing.assert_allclose(batch[1:], network(tf.constant([LONG])), atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_weight_has_a_gradient(make, pooling):
    network = build(make, pooling=pooling)
    with tf.GradientTape() as tape:
        logits = network(tf.constant([SHORT + [0] * 4, LONG, LONG[::-1]]))
        nats = tf.reduce_sum(tf.nn.log_softmax(logits)[:, 0])
    gradients = tape.gradient(nats, network.trainable_variables)
    assert all(np.any(tf.convert_to_tensor(gradient)) for gradient in gradients)


def test_poolings_differ(make):
    ids = tf.constant([LONG])
    weights = build(make, pooling="last").get_weights()
    logits = []
    for pooling in ("last", "mean", "max"):
        network = build(make, pooling=pooling)
        network.set_weights(weights)
        logits.append(network(ids).numpy())
    for first, second in combinations(logits, 2):
        assert np.abs(first - second).max() > 1e-4


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
def test_dropout_acts_in_training_only(make, changes, drops):
    network = build(make, **changes)
    ids = tf.constant([LONG] * 8)
    logits, train_logits = network(ids), network(ids, training=True)
    assert (np.abs(logits - train_logits).max() > 1e-4) == drops
    np.testing.assert_array_equal(network(ids), logits)
