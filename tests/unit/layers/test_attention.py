"""Attention against NumPy, and what must hold for any weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.attention import Attention

RANDOM = np.random.default_rng(0)
SCORES = ["additive", "general", "dot"]


def _attend(score, width=4):
    keras.utils.set_random_seed(1)
    layer = Attention(score, units=6)
    query = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
    keys = RANDOM.normal(size=(2, 5, width)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)
    context, weights = layer(query, keys, tf.constant(mask))
    return layer, query, keys, mask, np.asarray(context), np.asarray(weights)


def _numpy_scores(score, layer, query, keys):
    if score == "dot":
        return np.einsum("btd,bsd->bts", query, keys)
    if score == "general":
        return np.einsum("btd,bsk,kd->bts", query, keys, layer.key_kernel.numpy())
    hidden = np.tanh(
        (query @ layer.query_kernel.numpy())[:, :, None]
        + (keys @ layer.key_kernel.numpy())[:, None]
    )
    return hidden @ layer.v.numpy()


@pytest.mark.parametrize("score", SCORES)
def test_attention_is_the_numpy_attention(score):
    layer, query, keys, mask, context, weights = _attend(score)
    exponent = np.exp(_numpy_scores(score, layer, query, keys)) * mask[:, None]
    expected = exponent / exponent.sum(-1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    np.testing.assert_allclose(context, expected @ keys, atol=1e-5)


@pytest.mark.parametrize("score", SCORES)
def test_rows_sum_to_one_and_are_zero_on_padding(score):
    *_, mask, _, weights = _attend(score)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert not weights[1, :, 2:].any()
    assert (weights[0] > 0).all()
    assert mask.shape == (2, 5)


def test_padding_of_any_content_changes_nothing():
    layer, query, keys, mask, context, _ = _attend("additive")
    other = np.where(mask[:, :, None], keys, 1e3).astype(np.float32)
    np.testing.assert_allclose(layer(query, other, tf.constant(mask))[0], context, atol=1e-6)


def test_dot_of_unequal_widths_is_refused():
    with pytest.raises(ValueError, match="equal widths"):
        _attend("dot", width=8)
