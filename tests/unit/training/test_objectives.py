"""What is made small: padding has no part in it, and it is what NumPy makes of the logits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.models import serialization
from pipelines.text.vocabulary import PAD, START
from pipelines.training import objectives

PLAIN = objectives.translation_loss(None, None)
START_OF_TRAINING, END_OF_TRAINING = tf.constant(0.0), tf.constant(1.0)


def _batch(rows):
    return tf.constant(rows, tf.int32)


def _logs(logits):
    """Log probabilities of logits, in float64."""
    logs = np.asarray(logits, np.float64)
    return logs - np.logaddexp.reduce(logs, axis=-1, keepdims=True)


def test_padded_targets_cost_nothing(make):
    network = serialization.build(make.entry("seq2seq"), make.words("seq2seq"))
    alone = (_batch([[4, 5, 6]]), _batch([[2, 4, 5, 3]]))
    padded = (_batch([[4, 5, 6, 0]]), _batch([[2, 4, 5, 3, 0, 0]]))
    nats, count, _ = PLAIN(network, alone, (), None)
    padded_nats, padded_count, _ = PLAIN(network, padded, (), None)
    assert float(count) == float(padded_count) == 3
    assert float(padded_nats) == pytest.approx(float(nats), rel=1e-5)


def test_next_token_is_the_cross_entropy_of_every_position(make):
    network = serialization.build(make.entry("language_model"), make.words("language_model"))
    inputs, targets = _batch([[4, 5, 6], [7, 8, 4]]), _batch([[5, 6, 7], [8, 4, 5]])
    nats, count, states = objectives.next_token_loss(network, (inputs, targets), None, None)
    logits, after = network(inputs)
    expected = -np.take_along_axis(_logs(logits), targets.numpy()[:, :, None], axis=2).sum()
    assert float(nats) == pytest.approx(expected, rel=1e-5)
    assert float(count) == 6
    np.testing.assert_allclose(states[0][0], after[0][0])


def test_label_counts_examples(make):
    network = serialization.build(make.entry("classifier"), make.words("classifier"))
    ids, labels = _batch([[4, 5], [5, 0]]), _batch([0, 2])
    nats, count, _ = objectives.label_loss(network, (ids, labels), (), None)
    logs = _logs(network(ids))
    assert float(nats) == pytest.approx(-(logs[0, 0] + logs[1, 2]), rel=1e-5)
    assert float(count) == 2


# Translation ------------------------------------------------------------------------------------


def test_smoothing_is_numpys_and_in_training_only(make):
    """Szegedy et al. (2016): the target is (1 - e) of the right word and e / V of every word."""
    network = serialization.build(make.entry("seq2seq"), make.words("seq2seq"))
    source, target = _batch([[4, 5, 6], [6, 7, 0]]), _batch([[2, 4, 5, 3], [2, 6, 3, 0]])
    objective = objectives.translation_loss(0.2, None)
    logs = _logs(network(source, target[:, :-1])[0])
    size = logs.shape[-1]
    expected = 0.0
    for row, step in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
        aimed = np.full(size, 0.2 / size)
        aimed[int(target[row, step + 1])] += 0.8
        expected -= float(aimed @ logs[row, step])
    nats, count, _ = objective(network, (source, target), (), START_OF_TRAINING)
    assert float(nats) == pytest.approx(expected, rel=1e-5)
    assert float(count) == 5
    unsmoothed, _, _ = objective(network, (source, target), (), None)
    plain, _, _ = PLAIN(network, (source, target), (), None)
    assert float(unsmoothed) == float(plain) != float(nats)


class _Spy:
    """Stands in for a model: always guesses 7, and remembers the inputs it was given."""

    def __init__(self):
        self.seeds = keras.random.SeedGenerator(1)
        self.given = []

    def encode(self, source, training):
        assert training
        return "memory", "states"

    def decode(self, inputs, states, memory, training):
        assert training
        assert (states, memory) == ("states", "memory")
        self.given.append(inputs.numpy())
        return tf.one_hot(tf.fill(tf.shape(inputs), 7), 9) * 50, None, None


TARGET = _batch([[2, 4, 5, 6, 3], [2, 6, 3, 0, 0]])
SOURCE = _batch([[4, 5], [6, 0]])


def _inputs(sampling, share, target=TARGET):
    """What the decoder reads in the end."""
    spy = _Spy()
    objectives.translation_loss(None, sampling)(spy, (SOURCE, target), (), share)
    assert len(spy.given) == 2
    np.testing.assert_array_equal(spy.given[0], target[:, :-1])
    return spy.given[1]


def test_sampling_changes_nothing_at_the_start_of_training():
    np.testing.assert_array_equal(_inputs(0.9, START_OF_TRAINING), TARGET[:, :-1])


def test_full_sampling_guesses_everywhere_but_at_the_start_and_on_padding():
    found = _inputs(1.0, END_OF_TRAINING)
    np.testing.assert_array_equal(found, [[START, 7, 7, 7], [START, 7, 7, PAD]])


def test_sampling_is_in_proportion_to_the_share_of_the_training_that_is_done():
    long = tf.concat([tf.fill((40, 1), START), tf.fill((40, 101), 4)], axis=1)
    for share, expected in ((0.5, 0.2), (1.0, 0.4)):
        found = _inputs(0.4, tf.constant(share), long)
        assert np.mean(found[:, 1:] == 7) == pytest.approx(expected, abs=0.03)


def test_a_guess_is_that_of_the_step_before(make):
    """The model's own: what it would say after the right words up to there."""
    network = serialization.build(
        make.entry("seq2seq", scheduled_sampling=0.5), make.words("seq2seq")
    )
    random = np.random.default_rng(1)
    network.set_weights([random.normal(size=part.shape) for part in network.get_weights()])
    inputs = TARGET[:, :-1]
    logits = network(SOURCE, inputs)[0]
    guesses = np.argmax(logits, axis=2)
    assert guesses[0, :-1].tolist() != guesses[0, 1:].tolist()
    found = objectives.sampled_inputs(logits, inputs, END_OF_TRAINING, network.seeds)
    np.testing.assert_array_equal(found[0, 1:], guesses[0, :-1])


def test_no_word_is_guessed_in_validation(make):
    network = serialization.build(
        make.entry("seq2seq", scheduled_sampling=0.5), make.words("seq2seq")
    )
    found, _, _ = objectives.translation_loss(None, 0.9)(network, (SOURCE, TARGET), (), None)
    plain, _, _ = PLAIN(network, (SOURCE, TARGET), (), None)
    assert float(found) == float(plain)
