"""Attention compared with NumPy, and properties that hold for any weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.attention import Attention

RANDOM = np.random.default_rng(0)
SCORES = ["additive", "general", "dot", "scaled", "coverage"]
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)


def _attend(score, width=4, coverage=None):
    """Apply a layer with random weights to fixed queries and keys."""
    keras.utils.set_random_seed(1)
    layer = Attention(score, units=6)
    random = np.random.default_rng(1)
    query = random.normal(size=(2, 3, 4)).astype(np.float32)
    keys = random.normal(size=(2, 5, width)).astype(np.float32)
    layer.build(query.shape, keys.shape)
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
    context, weights = layer(query, keys, tf.constant(MASK), coverage=coverage)
    return layer, query, keys, np.asarray(context), np.asarray(weights)


def _numpy_scores(score, layer, query, keys, coverage):
    if score == "dot":
        return np.einsum("btd,bsd->bts", query, keys)
    if score in ("general", "scaled"):
        scale = layer.scale.numpy() if score == "scaled" else 1.0
        return scale * np.einsum("btd,bsk,kd->bts", query, keys, layer.key_kernel.numpy())
    hidden = (query @ layer.query_kernel.numpy())[:, :, None]
    hidden = hidden + (keys @ layer.key_kernel.numpy())[:, None]
    if coverage is not None:
        hidden = hidden + coverage[:, None, :, None] * layer.coverage_kernel.numpy()
    return np.tanh(hidden) @ layer.v.numpy()


def _coverage(score):
    return RANDOM.uniform(0, 2, (2, 5)).astype(np.float32) if score == "coverage" else None


@pytest.mark.parametrize("score", SCORES)
def test_attention_equals_numpy(score):
    coverage = _coverage(score)
    layer, query, keys, context, weights = _attend(score, coverage=coverage)
    exponent = np.exp(_numpy_scores(score, layer, query, keys, coverage)) * MASK[:, None]
    expected = exponent / exponent.sum(-1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    np.testing.assert_allclose(context, expected @ keys, atol=1e-5)


@pytest.mark.parametrize("score", SCORES)
def test_keys_may_be_projected_beforehand(score):
    layer, query, keys, context, _ = _attend(score)
    projected = layer.project(tf.constant(keys))
    with_projected, _ = layer(query, keys, tf.constant(MASK), projected)
    np.testing.assert_allclose(with_projected, context, atol=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_rows_sum_to_one_and_are_zero_on_padding(score):
    *_, weights = _attend(score, coverage=_coverage(score))
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert not weights[1, :, 2:].any()
    assert (weights[0] > 0).all()


@pytest.mark.parametrize("score", SCORES)
def test_padding_of_any_content_changes_nothing(score):
    layer, query, keys, context, _ = _attend(score)
    other = np.where(MASK[:, :, None], keys, 1e3).astype(np.float32)
    np.testing.assert_allclose(layer(query, other, tf.constant(MASK))[0], context, atol=1e-6)


def test_coverage_changes_the_attention():
    *_, before = _attend("coverage", coverage=np.zeros((2, 5), np.float32))
    coverage = np.array([[0, 3, 0, 0, 0], [0, 0, 0, 0, 0]], np.float32)
    *_, after = _attend("coverage", coverage=coverage)
    assert np.abs(after[0] - before[0]).max() > 0.05
    np.testing.assert_array_equal(after[1], before[1])


def test_the_scale_starts_at_one():
    layer = Attention("scaled", units=6)
    layer.build((None, None, 4), (None, None, 4))
    assert float(layer.scale) == 1.0


def test_dot_of_unequal_widths_is_refused():
    with pytest.raises(ValueError, match="equal widths"):
        _attend("dot", width=8)
