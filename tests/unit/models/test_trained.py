"""Every kind of model memorizes one batch, and every weight has a gradient."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import UserError
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.tasks import lookup
from tests.unit.small_training import train_on_loss

# Options that do not disturb each other share a training. Dropout acts in training only, so that a
# text can still be memorized.
AWD = {
    "embedding": 24,
    "layers": 2,
    "tied_embeddings": True,
    "variational": True,
    "random_bptt_steps": True,
}
AWD |= {
    "dropout": 0.1,
    "word_dropout": 0.05,
    "weight_drop": 0.1,
    "activation_regularization": 0.1,
    "temporal_activation_regularization": 0.1,
}
KINDS = {
    "bag_of_words": {},
    "bag_of_words-perceptron": {"hidden": ()},
    "bag_of_words-positions": {"positions": 3},
    "language_model": {},
    "language_model-rnn": {"cell": "rnn"},
    "language_model-irnn": {"cell": "irnn"},
    "language_model-gru": {"cell": "gru", "layers": 2, "residual": True},
    "language_model-tied": {"embedding": 32, "tied_embeddings": True, "precision": "bfloat16"},
    "language_model-awd": AWD,
    "classifier": {},
    "classifier-rnn": {"cell": "rnn", "bidirectional": False},
    "classifier-gru": {"cell": "gru", "layers": 2, "class_weights": "balanced"},
    "tagger": {},
    "tagger-crf": {"crf": True, "layers": 2},
    "seq2seq": {"tied_embeddings": "target"},
    "seq2seq-additive": {"attention": "additive", "layers": 2, "residual": True},
    "seq2seq-dot": {
        "attention": "dot",
        "bidirectional": False,
        "cell": "gru",
        "bridge": "copy",
        "batch_size": None,
        "batch_tokens": 60,
    },
    "seq2seq-scaled": {
        "attention": "scaled",
        "bridge": "zero",
        "tied_embeddings": "all",
        "label_smoothing": 0.05,
        "precision": "bfloat16",
    },
    "seq2seq-coverage": {"attention": "coverage", "scheduled_sampling": 0.2},
    "seq2seq-none": {"attention": "none", "bidirectional": False},
    "seq2seq-fed": {"input_feeding": True, "layers": 2, "residual": True},
    "seq2seq-fed-coverage": {"input_feeding": True, "attention": "coverage", "cell": "gru"},
}
EPOCHS = {
    "bag_of_words": 120,
    "classifier": 100,
    "tagger": 100,
    "seq2seq": 100,
    "language_model": 30,
}
SLOW = {"bag_of_words-perceptron": 600, "language_model-awd": 60}


def kind_of_model(kind):
    return kind.partition("-")[0]


def train_model(make, kind, **changes):
    """Train a small model of this kind; return it with its history and spec."""
    model = kind_of_model(kind)
    spec, frame = make.spec(model, **{**KINDS[kind], **changes}), make.frame(model)
    trained, history, *_ = train_on_loss(spec, (frame, frame), make.vocabularies(model))
    assert len(history) == spec.entry.epochs
    return trained, history, spec


@pytest.mark.parametrize("kind", KINDS)
def test_one_batch_is_memorized(make, kind):
    _, history, _ = train_model(make, kind, epochs=SLOW.get(kind, EPOCHS[kind_of_model(kind)]))
    assert history["valid_loss"].iloc[0] > 0.5
    assert history["valid_loss"].min() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_has_a_gradient(make, kind):
    model = kind_of_model(kind)
    spec, frame, vocabularies = (
        make.spec(model, **KINDS[kind]),
        make.frame(model),
        make.vocabularies(model),
    )
    network = serialization.build(spec.entry, vocabularies)
    task = lookup.get(spec.task)
    objective = task.objective(spec, frame, vocabularies)
    data = task.training_data(spec, network, (frame, frame), vocabularies, 1)
    batch = tf.nest.map_structure(tf.convert_to_tensor, next(iter(data.train(1).read())))
    # From a zero state the recurrent kernel has no gradient in the first step.
    states = tf.nest.map_structure(lambda state: state + 0.1, data.initial_state)
    with tf.GradientTape() as tape:
        nats, _, _ = objective(network, batch, states, tf.constant(0.5))
        loss = nats + sum(network.losses)
    gradients = tape.gradient(loss, network.trainable_variables)
    without_gradient = [
        variable.path
        for variable, gradient in zip(network.trainable_variables, gradients, strict=True)
        if gradient is None or not np.any(tf.convert_to_tensor(gradient))
    ]
    assert without_gradient == []
    for gradient in gradients:
        assert np.all(np.isfinite(tf.convert_to_tensor(gradient)))


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_position_fixed_features_are_the_product_with_one_vector(make, hidden):
    """The vector has a 1 at position * V + id of each word; further words are ignored."""
    vocabularies = make.vocabularies("bag_of_words")
    config = make.config("bag_of_words", positions=3, hidden=hidden, dropout=0.5)
    model = serialization.build(config, vocabularies)
    size = len(vocabularies.columns["text"])
    ids = [[5, 4, 4, 6], [6, 0, 0, 0]]
    values = np.zeros((2, 3 * size), np.float32)
    for row, positions in enumerate(((5, size + 4, 2 * size + 4), (6,))):
        values[row, list(positions)] = 1
    for number in range(len(hidden)):
        kernel, bias = model.get_weights()[2 * number : 2 * number + 2]
        values = np.maximum(values @ kernel + bias, 0)
    kernel, bias = model.get_weights()[-2:]
    np.testing.assert_allclose(model(tf.constant(ids)), values @ kernel + bias, atol=1e-5)


@pytest.mark.parametrize("kind", ["bag_of_words", "classifier"])
def test_padding_changes_no_logit(make, kind):
    network = serialization.build(make.config(kind), make.vocabularies(kind))
    ids = tf.constant([[4, 5, 6]])
    padded = tf.constant([[4, 5, 6, 0, 0]])
    np.testing.assert_allclose(network(padded), network(ids), atol=1e-5)


def test_word_order_changes_the_lstm_and_not_the_bag_of_words(make):
    ids, reordered = tf.constant([[4, 5, 6]]), tf.constant([[6, 5, 4]])
    bag = serialization.build(make.config("bag_of_words"), make.vocabularies("bag_of_words"))
    np.testing.assert_allclose(bag(ids), bag(reordered), atol=1e-6)
    config = make.config("bag_of_words", positions=3)
    positions = serialization.build(config, make.vocabularies("bag_of_words"))
    assert np.abs(positions(ids) - positions(reordered)).max() > 1e-4
    lstm = serialization.build(make.config("classifier"), make.vocabularies("classifier"))
    assert np.abs(lstm(ids) - lstm(reordered)).max() > 1e-4


def test_the_predictor_returns_text(make):
    trained, _, spec = train_model(make, "seq2seq", epochs=120)
    predictor = Predictor(trained, spec, make.vocabularies("seq2seq"))
    task = lookup.get(spec.task)
    assert task.predict(predictor, ["a b c d", "B  c"]) == ["d c b a", "c b"]
    with pytest.raises(UserError, match=r"2.*empty"):
        task.predict(predictor, ["a", "  "])
