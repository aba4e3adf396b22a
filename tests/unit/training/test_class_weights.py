"""Class weights: their values, and that training uses them and validation does not."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from pipelines.models import serialization
from pipelines.text import encoding
from pipelines.training import objectives
from tests.unit.small_training import train_on_loss

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 0], np.int32)
IDS = tf.constant([[4, 5], [5, 0], [6, 7], [4, 4], [5, 5], [7, 0], [6, 6], [8, 4]])
BATCH = IDS, tf.constant(LABELS)


def test_balanced_weights_equal_those_of_scikit_learn():
    weights = objectives.balanced_weights(LABELS, 3)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    np.testing.assert_allclose(weights, [8 / 15, 8 / 6, 8 / 3], rtol=1e-6)
    assert weights[LABELS].mean() == pytest.approx(1)


@pytest.mark.parametrize("kind", ["classifier", "bag_of_words"])
def test_training_weights_each_example_by_its_label(make, kind):
    model = serialization.build(make.config(kind), make.vocabularies(kind))
    weights = np.array([0.5, 2.0, 3.0], np.float32)
    objective = objectives.weighted_label_loss(weights)
    nats, count, _ = objective(model, BATCH, (), tf.constant(0.0))
    log_probabilities = tf.nn.log_softmax(model(IDS)).numpy()[np.arange(8), LABELS]
    assert float(nats) == pytest.approx(-(log_probabilities * weights[LABELS]).sum(), rel=1e-5)
    assert float(count) == 8


def test_validation_weights_all_examples_alike(make):
    model = serialization.build(make.config("classifier"), make.vocabularies("classifier"))
    weighted_loss = objectives.weighted_label_loss(np.array([0.5, 2.0, 3.0], np.float32))
    weighted, _, _ = weighted_loss(model, BATCH, (), None)
    unweighted, _, _ = objectives.label_loss(model, BATCH, (), None)
    assert float(weighted) == float(unweighted)


@pytest.mark.parametrize("kind", ["classifier", "bag_of_words"])
def test_a_model_with_class_weights_is_trained_with_them(make, kind):
    """The learning rate is almost zero, so that one model explains both losses."""
    optimizer = {"name": "sgd", "learning_rate": 1e-12, "schedule": "constant", "clip_norm": 1.0}
    spec = make.spec(kind, class_weights="balanced", optimizer=optimizer)
    frame, vocabularies = make.frame(kind), make.vocabularies(kind)
    model, history, *_ = train_on_loss(spec, (frame, frame), vocabularies)
    labels = encoding.encode_labels(frame["label"], vocabularies)
    rows = encoding.encode_rows(frame["text"], vocabularies.columns["text"])
    log_probabilities = np.array([tf.nn.log_softmax(model(ids[None]))[0].numpy() for ids in rows])
    nats = -log_probabilities[np.arange(len(labels)), labels]
    weights = objectives.balanced_weights(labels, 3)[labels]
    assert history["valid_loss"][0] == pytest.approx(nats.mean(), rel=1e-4)
    assert history["train_loss"][0] == pytest.approx((nats * weights).mean(), rel=1e-4)
    assert nats.mean() != pytest.approx((nats * weights).mean(), rel=1e-4)
