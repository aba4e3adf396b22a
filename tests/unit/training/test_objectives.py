"""Objectives: equal to NumPy on the same logits, and independent of padding."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.models import serialization
from pipelines.text.vocabulary import PAD, START
from pipelines.training import objectives

PLAIN_LOSS = objectives.translation_loss(None, None)
START_OF_TRAINING, END_OF_TRAINING = tf.constant(0.0), tf.constant(1.0)


def make_model(make, kind, **changes):
    return serialization.build(make.config(kind, **changes), make.vocabularies(kind))


def to_ids(rows):
    return tf.constant(rows, tf.int32)


def log_softmax(logits):
    """Log probabilities in float64."""
    logits = np.asarray(logits, np.float64)
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def test_padded_targets_have_no_loss(make):
    model = make_model(make, "seq2seq")
    unpadded = to_ids([[4, 5, 6]]), to_ids([[2, 4, 5, 3]])
    padded = to_ids([[4, 5, 6, 0]]), to_ids([[2, 4, 5, 3, 0, 0]])
    nats, count, _ = PLAIN_LOSS(model, unpadded, (), None)
    padded_nats, padded_count, _ = PLAIN_LOSS(model, padded, (), None)
    assert float(count) == float(padded_count) == 3
    assert float(padded_nats) == pytest.approx(float(nats), rel=1e-5)


def test_next_token_loss_is_the_cross_entropy_of_every_position(make):
    model = make_model(make, "language_model")
    inputs, targets = to_ids([[4, 5, 6], [7, 8, 4]]), to_ids([[5, 6, 7], [8, 4, 5]])
    nats, count, states = objectives.next_token_loss(model, (inputs, targets), None, None)
    logits, expected_states = model(inputs)
    positions = targets.numpy()[:, :, None]
    expected = -np.take_along_axis(log_softmax(logits), positions, axis=2).sum()
    assert float(nats) == pytest.approx(expected, rel=1e-5)
    assert float(count) == 6
    np.testing.assert_allclose(states[0][0], expected_states[0][0])


def test_label_loss_is_the_cross_entropy_of_every_example(make):
    model = make_model(make, "classifier")
    ids, labels = to_ids([[4, 5], [5, 0]]), to_ids([0, 2])
    nats, count, _ = objectives.label_loss(model, (ids, labels), (), None)
    log_probabilities = log_softmax(model(ids))
    assert float(nats) == pytest.approx(
        -(log_probabilities[0, 0] + log_probabilities[1, 2]), rel=1e-5
    )
    assert float(count) == 2


# Translation ------------------------------------------------------------------------------------


def test_label_smoothing_equals_numpy_and_is_used_in_training_only(make):
    """Szegedy et al. (2016): the target is (1 - e) for the right word plus e / V for every word."""
    model = make_model(make, "seq2seq")
    source, target = to_ids([[4, 5, 6], [6, 7, 0]]), to_ids([[2, 4, 5, 3], [2, 6, 3, 0]])
    objective = objectives.translation_loss(0.2, None)
    log_probabilities = log_softmax(model(source, target[:, :-1])[0])
    size = log_probabilities.shape[-1]
    expected = 0.0
    for row, step in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
        distribution = np.full(size, 0.2 / size)
        distribution[int(target[row, step + 1])] += 0.8
        expected -= float(distribution @ log_probabilities[row, step])
    nats, count, _ = objective(model, (source, target), (), START_OF_TRAINING)
    assert float(nats) == pytest.approx(expected, rel=1e-5)
    assert float(count) == 5
    in_validation, _, _ = objective(model, (source, target), (), None)
    plain, _, _ = PLAIN_LOSS(model, (source, target), (), None)
    assert float(in_validation) == float(plain) != float(nats)


class FakeTranslator:
    """Model that always predicts 7 and records the inputs of its decoder."""

    def __init__(self):
        self.seeds = keras.random.SeedGenerator(1)
        self.decoder_inputs = []

    def encode(self, source, training):
        assert training
        return "memory", "states"

    def decode(self, inputs, states, memory, training):
        assert training
        assert (states, memory) == ("states", "memory")
        self.decoder_inputs.append(inputs.numpy())
        return tf.one_hot(tf.fill(tf.shape(inputs), 7), 9) * 50, None, None


TARGET = to_ids([[2, 4, 5, 6, 3], [2, 6, 3, 0, 0]])
SOURCE = to_ids([[4, 5], [6, 0]])


def decoder_inputs(sampling, progress, target=TARGET):
    """The decoder's inputs after scheduled sampling."""
    model = FakeTranslator()
    objectives.translation_loss(None, sampling)(model, (SOURCE, target), (), progress)
    right_inputs, inputs = model.decoder_inputs
    np.testing.assert_array_equal(right_inputs, target[:, :-1])
    return inputs


def test_scheduled_sampling_replaces_nothing_at_the_start_of_training():
    np.testing.assert_array_equal(decoder_inputs(0.9, START_OF_TRAINING), TARGET[:, :-1])


def test_full_sampling_replaces_all_inputs_but_the_start_and_padding():
    inputs = decoder_inputs(1.0, END_OF_TRAINING)
    np.testing.assert_array_equal(inputs, [[START, 7, 7, 7], [START, 7, 7, PAD]])


def test_sampling_is_proportional_to_the_progress_of_the_training():
    target = tf.concat([tf.fill((40, 1), START), tf.fill((40, 101), 4)], axis=1)
    for progress, expected in ((0.5, 0.2), (1.0, 0.4)):
        inputs = decoder_inputs(0.4, tf.constant(progress), target)
        assert np.mean(inputs[:, 1:] == 7) == pytest.approx(expected, abs=0.03)


def test_a_sampled_input_is_the_prediction_of_the_previous_step(make):
    model = make_model(make, "seq2seq", scheduled_sampling=0.5)
    random = np.random.default_rng(1)
    model.set_weights([random.normal(size=weights.shape) for weights in model.get_weights()])
    inputs = TARGET[:, :-1]
    logits = model(SOURCE, inputs)[0]
    predictions = np.argmax(logits, axis=2)
    assert predictions[0, :-1].tolist() != predictions[0, 1:].tolist()
    sampled = objectives.sampled_inputs(logits, inputs, END_OF_TRAINING, model.seeds)
    np.testing.assert_array_equal(sampled[0, 1:], predictions[0, :-1])


def test_no_input_is_sampled_in_validation(make):
    model = make_model(make, "seq2seq", scheduled_sampling=0.5)
    objective = objectives.translation_loss(None, 0.9)
    nats, _, _ = objective(model, (SOURCE, TARGET), (), None)
    plain, _, _ = PLAIN_LOSS(model, (SOURCE, TARGET), (), None)
    assert float(nats) == float(plain)
