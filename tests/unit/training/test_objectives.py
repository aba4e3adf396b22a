"""What is made small: padding has no part in it, and it is what NumPy makes of the logits."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.models import saved
from pipelines.training import objectives


def _batch(rows):
    return tf.constant(rows, tf.int32)


def test_padded_targets_cost_nothing(make):
    network = saved.build(make.entry("seq2seq"), make.words("seq2seq"))
    alone = (_batch([[4, 5, 6]]), _batch([[2, 4, 5, 3]]))
    padded = (_batch([[4, 5, 6, 0]]), _batch([[2, 4, 5, 3, 0, 0]]))
    nats, count, _ = objectives.translation(network, alone, (), False)
    padded_nats, padded_count, _ = objectives.translation(network, padded, (), False)
    assert float(count) == float(padded_count) == 3
    assert float(padded_nats) == pytest.approx(float(nats), rel=1e-5)


def test_next_token_is_the_cross_entropy_of_every_position(make):
    network = saved.build(make.entry("language_model"), make.words("language_model"))
    inputs, targets = _batch([[4, 5, 6], [7, 8, 4]]), _batch([[5, 6, 7], [8, 4, 5]])
    nats, count, states = objectives.next_token(network, (inputs, targets), None, False)
    logits, after = network(inputs)
    logs = np.asarray(logits, np.float64)
    logs -= np.logaddexp.reduce(logs, axis=2, keepdims=True)
    expected = -np.take_along_axis(logs, targets.numpy()[:, :, None], axis=2).sum()
    assert float(nats) == pytest.approx(expected, rel=1e-5)
    assert float(count) == 6
    np.testing.assert_allclose(states[0][0], after[0][0])


def test_label_counts_examples(make):
    network = saved.build(make.entry("classifier"), make.words("classifier"))
    ids, labels = _batch([[4, 5], [5, 0]]), _batch([0, 2])
    nats, count, _ = objectives.label(network, (ids, labels), (), False)
    logs = np.asarray(network(ids), np.float64)
    logs -= np.logaddexp.reduce(logs, axis=1, keepdims=True)
    assert float(nats) == pytest.approx(-(logs[0, 0] + logs[1, 2]), rel=1e-5)
    assert float(count) == 2
