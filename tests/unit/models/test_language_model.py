"""The language model: its state, its softmax, and what large and fast outputs cost."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.models import serialization

IDS = tf.constant([[4, 5, 6, 7, 4, 5], [7, 8, 9, 4, 4, 6]])

AR = {"activation_regularization": 2.0, "temporal_activation_regularization": 3.0}


def _build(make, **changes):
    return serialization.build(
        make.entry("language_model", **changes), make.words("language_model")
    )


def test_the_softmax_starts_at_the_log_frequencies(make):
    network = _build(make)
    expected = make.words("language_model").columns["text"].log_frequencies()
    np.testing.assert_allclose(network.softmax.bias, expected)
    assert np.exp(expected).sum() == pytest.approx(1, abs=1e-5)


def test_state_carried_over_two_halves_is_one_run(make):
    network = _build(make, layers=2, residual=True)
    whole, last = network(IDS)
    first, states = network(IDS[:, :2])
    second, end = network(IDS[:, 2:], states=states)
    np.testing.assert_allclose(tf.concat([first, second], 1), whole, atol=1e-5)
    for mine, theirs in zip(tf.nest.flatten(end), tf.nest.flatten(last), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    zero, _ = network(IDS, states=network.zero_state(2))
    np.testing.assert_array_equal(zero, whole)


@pytest.mark.parametrize(("embedding", "narrow"), [(32, 0), (16, 32 * 16)])
def test_tied_weights_are_one_with_a_linear_layer_where_widths_differ(make, embedding, narrow):
    size = len(make.words("language_model").columns["text"])
    tied, plain = (_build(make, embedding=embedding, tied_embeddings=how) for how in (True, None))
    assert plain.count_params() - tied.count_params() == size * 32 - narrow
    logits, _ = tied(IDS)
    assert logits.shape == (2, 6, size)
    outputs, _ = tied.stack(tied.embedding(IDS))
    if narrow:
        outputs = outputs @ tied.narrow.get_weights()[0]
    vectors, bias = tied.embedding.get_weights()[0], tied.softmax.bias.numpy()
    np.testing.assert_allclose(logits, outputs @ vectors.T + bias, atol=1e-5)


def test_large_and_fast_outputs_cost_something_in_training(make):
    """Merity et al. (2017), section 4.3: AR after the dropout, TAR before it."""
    network = _build(make, **AR)
    network(IDS, training=True)
    outputs = network.stack(network.embedding(IDS))[0].numpy()
    ar, tar = np.mean(outputs**2), np.mean((outputs[:, 1:] - outputs[:, :-1]) ** 2)
    np.testing.assert_allclose(network.losses, [2 * ar, 3 * tar], rtol=1e-5)
    network(IDS, training=True)
    assert len(network.losses) == 2  # of this call, and none of the call before
    network(IDS)
    assert network.losses == []


def test_only_ar_sees_the_dropout(make):
    network, plain = (
        _build(make, **AR, output_dropout=0.5),
        _build(make, **AR),
    )
    plain.set_weights(network.get_weights())
    network(IDS, training=True)
    plain(IDS, training=True)
    ar, tar = zip(network.losses, plain.losses, strict=True)
    assert abs(float(ar[0]) / float(ar[1]) - 1) > 0.05
    assert float(tar[0]) == pytest.approx(float(tar[1]), rel=1e-5)


@pytest.mark.parametrize("variational", [None, True])
def test_a_variational_mask_is_one_for_all_steps_of_the_output(make, variational):
    network = _build(make, output_dropout=0.5, variational=variational)
    kept = network.dropout(tf.ones((4, 6, 32)), training=True).numpy()
    assert np.all(kept == kept[:, :1]) == bool(variational)


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
def test_what_drops_in_training(make, changes):
    network = _build(make, **changes)
    still = network(IDS)[0]
    assert np.abs(network(IDS, training=True)[0] - still).max() > 1e-4
    np.testing.assert_array_equal(network(IDS)[0], still)


def test_bfloat16_is_close_and_answers_in_float32(make):
    plain, rough = (_build(make, precision=how) for how in (None, "bfloat16"))
    rough.set_weights(plain.get_weights())
    exact, rounded = plain(IDS)[0], rough(IDS)[0]
    assert rounded.dtype == tf.float32
    assert {weight.dtype for weight in rough.weights} == {"float32"}
    assert 0 < np.abs(exact - rounded).max() < 0.05
