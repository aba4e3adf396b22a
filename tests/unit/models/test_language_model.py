"""The language model: states, output projection, regularization and precision."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.models import serialization

IDS = tf.constant([[4, 5, 6, 7, 4, 5], [7, 8, 9, 4, 4, 6]])

REGULARIZATION = {"activation_regularization": 2.0, "temporal_activation_regularization": 3.0}


def _build(make, **changes):
    return serialization.build(
        make.config("language_model", **changes), make.vocabularies("language_model")
    )


def test_the_output_bias_starts_at_the_log_frequencies(make):
    network = _build(make)
    expected = make.vocabularies("language_model").columns["text"].log_frequencies()
    np.testing.assert_allclose(network.softmax.bias, expected)
    assert np.exp(expected).sum() == pytest.approx(1, abs=1e-5)


def test_two_halves_with_carried_states_equal_the_whole(make):
    network = _build(make, layers=2, residual=True)
    logits, last_states = network(IDS)
    first, states = network(IDS[:, :2])
    second, states = network(IDS[:, 2:], states=states)
    np.testing.assert_allclose(tf.concat([first, second], 1), logits, atol=1e-5)
    pairs = zip(tf.nest.flatten(states), tf.nest.flatten(last_states), strict=True)
    for state, expected in pairs:
        np.testing.assert_allclose(state, expected, atol=1e-5)
    from_zero, _ = network(IDS, states=network.zero_state(2))
    np.testing.assert_array_equal(from_zero, logits)


@pytest.mark.parametrize(("embedding", "projection"), [(32, 0), (16, 32 * 16)])
def test_tied_embeddings_have_a_linear_layer_if_widths_differ(make, embedding, projection):
    size = len(make.vocabularies("language_model").columns["text"])
    tied, plain = (
        _build(make, embedding=embedding, tied_embeddings=value) for value in (True, None)
    )
    assert plain.count_params() - tied.count_params() == size * 32 - projection
    logits, _ = tied(IDS)
    assert logits.shape == (2, 6, size)
    outputs, _ = tied.stack(tied.embedding(IDS))
    if projection:
        outputs = outputs @ tied.projection.get_weights()[0]
    vectors, bias = tied.embedding.get_weights()[0], tied.softmax.bias.numpy()
    np.testing.assert_allclose(logits, outputs @ vectors.T + bias, atol=1e-5)


def test_activation_regularization_acts_in_training_only(make):
    """Merity et al. (2017), section 4.3: AR after the dropout, TAR before it."""
    network = _build(make, **REGULARIZATION)
    network(IDS, training=True)
    outputs = network.stack(network.embedding(IDS))[0].numpy()
    ar, tar = np.mean(outputs**2), np.mean((outputs[:, 1:] - outputs[:, :-1]) ** 2)
    np.testing.assert_allclose(network.losses, [2 * ar, 3 * tar], rtol=1e-5)
    network(IDS, training=True)
    assert len(network.losses) == 2  # only those of this call
    network(IDS)
    assert network.losses == []


def test_dropout_precedes_ar_and_not_tar(make):
    network, plain = (
        _build(make, **REGULARIZATION, output_dropout=0.5),
        _build(make, **REGULARIZATION),
    )
    plain.set_weights(network.get_weights())
    network(IDS, training=True)
    plain(IDS, training=True)
    ar, tar = zip(network.losses, plain.losses, strict=True)
    assert abs(float(ar[0]) / float(ar[1]) - 1) > 0.05
    assert float(tar[0]) == pytest.approx(float(tar[1]), rel=1e-5)


@pytest.mark.parametrize("variational", [None, True])
def test_a_variational_output_mask_is_the_same_for_all_steps(make, variational):
    network = _build(make, output_dropout=0.5, variational=variational)
    mask = network.dropout(tf.ones((4, 6, 32)), training=True).numpy()
    assert np.all(mask == mask[:, :1]) == bool(variational)


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.5},
        {"input_dropout": 0.5},
        {"output_dropout": 0.5},
        {"word_dropout": 0.5},
        {"weight_drop": 0.5},
    ],
    ids=str,
)
def test_dropout_acts_in_training_only(make, changes):
    network = _build(make, **changes)
    logits = network(IDS)[0]
    assert np.abs(network(IDS, training=True)[0] - logits).max() > 1e-4
    np.testing.assert_array_equal(network(IDS)[0], logits)


def test_bfloat16_is_close_and_returns_float32(make):
    float32, bfloat16 = (_build(make, precision=value) for value in (None, "bfloat16"))
    bfloat16.set_weights(float32.get_weights())
    exact, rounded = float32(IDS)[0], bfloat16(IDS)[0]
    assert rounded.dtype == tf.float32
    assert {weight.dtype for weight in bfloat16.weights} == {"float32"}
    assert 0 < np.abs(exact - rounded).max() < 0.05
