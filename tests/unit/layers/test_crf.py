"""CRF: equal to the enumeration of all sequences of tags."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.crf import CRF

TAGS, LENGTHS = 3, (4, 1, 3)


@pytest.fixture
def layer() -> CRF:
    """Create a layer of random weights, far from 0."""
    crf = CRF(TAGS)
    crf.build((None, None, TAGS))
    random = np.random.default_rng(1)
    crf.set_weights([random.normal(0, 2, weight.shape) for weight in crf.get_weights()])
    return crf


def sentences(steps: int = 4, scale: float = 2.0) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return logits (3, T, 3), tags (3, T) and a mask (3, T) of sentences of `LENGTHS`."""
    random = np.random.default_rng(2)
    logits = random.normal(0, scale, (3, steps, TAGS)).astype(np.float32)
    tags = random.integers(0, TAGS, (3, steps)).astype(np.int32)
    mask = np.arange(steps)[None] < np.array(LENGTHS)[:, None]
    return tf.constant(logits), tf.constant(tags), tf.constant(mask)


def scores(crf: CRF, logits: np.ndarray) -> dict[tuple[int, ...], float]:
    """Return the score of every sequence of tags of one sentence, of logits (T, L)."""
    transitions = crf.transitions.numpy().astype(np.float64)
    start, end = crf.start.numpy(), crf.end.numpy()
    result = {}
    for path in itertools.product(range(TAGS), repeat=len(logits)):
        score = start[path[0]] + end[path[-1]]
        score += sum(row[tag] for row, tag in zip(logits, path, strict=True))
        result[path] = score + sum(transitions[pair] for pair in itertools.pairwise(path))
    return result


def test_loss_equals_the_enumeration_of_all_sequences(layer: CRF) -> None:
    logits, tags, mask = sentences()
    nats = layer.loss(logits, tags, mask).numpy()
    for row, length in enumerate(LENGTHS):
        paths = scores(layer, logits.numpy()[row, :length])
        path = tuple(tags.numpy()[row, :length].tolist())
        total = np.logaddexp.reduce(list(paths.values()))
        assert nats[row] == pytest.approx(total - paths[path], rel=1e-5)


def test_decode_returns_the_best_of_all_sequences(layer: CRF) -> None:
    logits, _, mask = sentences()
    best = layer.decode(logits, mask).numpy()
    for row, length in enumerate(LENGTHS):
        paths = scores(layer, logits.numpy()[row, :length])
        assert tuple(best[row, :length].tolist()) == max(paths, key=paths.__getitem__)
        assert not best[row, length:].any()


def test_without_transitions_it_is_a_softmax() -> None:
    crf = CRF(TAGS)
    crf.build((None, None, TAGS))
    logits, tags, mask = sentences()
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(tags, logits)
    sums = tf.reduce_sum(nats * tf.cast(mask, tf.float32), axis=1)
    np.testing.assert_allclose(crf.loss(logits, tags, mask), sums, rtol=1e-5)
    np.testing.assert_array_equal(
        crf.decode(logits, mask), np.argmax(logits, axis=2) * mask.numpy()
    )


def test_padding_changes_nothing(layer: CRF) -> None:
    """Neither its length nor its content matters."""
    logits, tags, mask = sentences()
    padding = ((0, 0), (0, 3))
    longer = tf.pad(
        tf.where(mask[:, :, None], logits, 99.0), (*padding, (0, 0)), constant_values=-50
    )
    other = tf.pad(tf.where(mask, tags, 0), padding)
    wide = tf.pad(mask, padding)
    np.testing.assert_allclose(
        layer.loss(longer, other, wide), layer.loss(logits, tags, mask), rtol=1e-5
    )
    np.testing.assert_array_equal(layer.decode(longer, wide)[:, :4], layer.decode(logits, mask))


def test_gradient_of_padding_is_0_and_all_gradients_sum_to_0(layer: CRF) -> None:
    """The gradient is expected minus actual counts (Lafferty et al. 2001)."""
    logits, tags, mask = sentences()
    with tf.GradientTape() as tape:
        tape.watch(logits)
        nats = tf.reduce_sum(layer.loss(logits, tags, mask))
    by_logits, *by_weights = tape.gradient(nats, [logits, *layer.trainable_variables])
    assert len(by_weights) == 3
    assert not by_logits.numpy()[~mask.numpy()].any()
    np.testing.assert_allclose(tf.reduce_sum(by_logits, axis=2), np.zeros((3, 4)), atol=1e-5)
    for gradient in by_weights:
        assert gradient.numpy().any()
        assert tf.reduce_sum(gradient).numpy() == pytest.approx(0, abs=1e-5)


def test_gradient_by_finite_differences(layer: CRF) -> None:
    logits, tags, mask = sentences()
    theoretical, numerical = tf.test.compute_gradient(
        lambda values: layer.loss(values, tags, mask), [logits], delta=1e-2
    )
    np.testing.assert_allclose(theoretical[0], numerical[0], atol=2e-3)


def test_one_compilation_serves_all_lengths(layer: CRF) -> None:
    """Also sentences of one token, and their gradient."""
    matrix = tf.TensorSpec((None, None), tf.int32)
    shapes = [tf.TensorSpec((None, None, TAGS)), matrix, tf.TensorSpec((None, None), tf.bool)]

    @tf.function(input_signature=shapes)
    def run(logits: tf.Tensor, tags: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            nats = layer.loss(logits, tags, mask)
        return nats, layer.decode(logits, mask), tape.gradient(nats, logits)

    logits, tags, mask = sentences()
    for steps in (1, 2, 4):
        cut = mask[:, :steps]
        nats, best, gradient = run(logits[:, :steps], tags[:, :steps], cut)
        np.testing.assert_allclose(
            nats, layer.loss(logits[:, :steps], tags[:, :steps], cut), rtol=1e-5
        )
        assert best.shape == (3, steps)
        assert np.isfinite(gradient).all()
    assert run.experimental_get_tracing_count() == 1


def test_large_logits_stay_finite(layer: CRF) -> None:
    logits, tags, mask = sentences(scale=1e4)
    assert np.isfinite(layer.loss(logits, tags, mask)).all()
