"""Class weights: what they are, that training sees them, and that validation does not."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from pipelines.models import serialization
from pipelines.text import encoding as encode
from pipelines.training import objectives, progress, train

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 0], np.int32)
IDS = tf.constant([[4, 5], [5, 0], [6, 7], [4, 4], [5, 5], [7, 0], [6, 6], [8, 4]])


def test_balanced_weights_are_those_of_scikit_learn():
    found = objectives.balanced(LABELS, 3)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(found, [8 / 15, 8 / 6, 8 / 3], rtol=1e-6)
    assert found[LABELS].mean() == pytest.approx(1)


@pytest.mark.parametrize("kind", ["classifier", "bag_of_words"])
def test_training_weighs_each_example_by_its_label(make, kind):
    network = serialization.build(make.entry(kind), make.words(kind))
    weights = np.array([0.5, 2.0, 3.0], np.float32)
    batch, share = (IDS, tf.constant(LABELS)), tf.constant(0.0)
    nats, count, _ = objectives.weighted_label_loss(weights)(network, batch, (), share)
    logs = tf.nn.log_softmax(network(IDS)).numpy()[np.arange(8), LABELS]
    assert float(nats) == pytest.approx(-(logs * weights[LABELS]).sum(), rel=1e-5)
    assert float(count) == 8


def test_validation_weighs_all_alike(make):
    network = serialization.build(make.entry("classifier"), make.words("classifier"))
    weighted = objectives.weighted_label_loss(np.array([0.5, 2.0, 3.0], np.float32))
    batch = (IDS, tf.constant(LABELS))
    found, plain = (
        weighted(network, batch, (), None),
        objectives.label_loss(network, batch, (), None),
    )
    assert float(found[0]) == float(plain[0])


@pytest.mark.parametrize("kind", ["classifier", "bag_of_words"])
def test_an_entry_that_asks_for_them_is_trained_with_them(make, kind):
    """At a rate of next to nothing, one model says both losses."""
    optimizer = {"name": "sgd", "learning_rate": 1e-12, "schedule": "constant", "clip_norm": 1.0}
    card = make.card(kind, class_weights="balanced", optimizer=optimizer)
    frame, words = make.frame(kind), make.words(kind)
    trained, history, *_ = train.classifier(card, (frame, frame), words, progress.NO_CALLBACKS)
    labels = encode.encode_labels(frame["label"], words)
    rows = encode.encode_rows(frame["text"], words.columns["text"])
    logs = np.array([tf.nn.log_softmax(trained(row[None]))[0].numpy() for row in rows])
    nats = -logs[np.arange(len(labels)), labels]
    weights = objectives.balanced(labels, 3)[labels]
    assert history["valid_loss"][0] == pytest.approx(nats.mean(), rel=1e-4)
    assert history["train_loss"][0] == pytest.approx((nats * weights).mean(), rel=1e-4)
    assert nats.mean() != pytest.approx((nats * weights).mean(), rel=1e-4)
