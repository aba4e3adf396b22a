"""Used rows: the gradient of an embedding is that of the dense sum, in fewer rows."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers.embedding import Embedding
from pipelines.training.shards import sharded_loss
from pipelines.training.used_rows import used_rows

SIZE, WIDTH = 50, 3
BATCH = np.array([[4, 7, 7, 0], [9, 4, 49, 0], [5, 5, 0, 0], [30, 7, 2, 1]], np.int32)


def trace(function):
    """Trace a function of a batch, and run it."""
    signature = tf.TensorSpec((None, None), tf.int32)
    return tf.function(function, autograph=False, input_signature=[signature])(BATCH)


def squares(embedding, ids, states, progress):
    """An objective that weighs each place of a row differently."""
    vectors = embedding(ids)
    places = tf.cast(tf.range(1, tf.shape(ids)[1] + 1), tf.float32)[:, None]
    return tf.reduce_sum(vectors**2 * places), tf.cast(tf.size(ids), tf.float32), ()


def test_the_used_rows_of_two_workers_add_up_to_the_gradient():
    """Each worker has two rows of the batch, in two shards."""
    embedding = Embedding(SIZE, WIDTH)
    embedding.build((None, None))

    def parts(batch):
        selected = []
        for part in (None, 0, 1):
            shards = (1,) if part is None else (2, part, 2)
            with tf.GradientTape() as tape:
                loss, *_ = sharded_loss(squares, embedding, batch, (), None, *shards)
            gradient = tape.gradient(loss, embedding.trainable_variables)[0]
            if part is None:
                whole = tf.convert_to_tensor(gradient)
            else:
                rows = used_rows([gradient], batch)[0]
                selected.append(rows.select(gradient))
        return whole, selected, rows.expand(tf.add_n(selected)), rows.ids

    whole, selected, total, ids = trace(parts)
    np.testing.assert_array_equal(ids, np.unique(BATCH))
    assert [rows.shape for rows in selected] == [(len(ids), WIDTH)] * 2
    assert np.abs(whole).max() > 0
    np.testing.assert_allclose(total, whole, rtol=1e-6)


LOOKUPS = {
    "all": (lambda ids: ids, True),
    "a part": (lambda ids: ids[1:3, :-1], True),
    "two parts": (lambda ids: tf.concat([ids[:, 1:], ids[:, :1]], 1), True),
    "some replaced": (lambda ids: tf.where(ids < 5, 3, ids), False),
    "replaced beside others": (lambda ids: tf.where(ids - 5 < 0, 3, ids), False),
    "computed": (lambda ids: ids * 2 % SIZE, False),
    "sampled": (
        lambda ids: tf.where(tf.random.uniform(tf.shape(ids)) < 0.5, 3, ids),
        False,
    ),
    "predicted": (
        lambda ids: tf.concat([ids, tf.argmax(ids @ ids, 1, output_type=tf.int32)[:, None]], 1),
        False,
    ),
}


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_only_ids_of_the_batch_have_used_rows(lookup):
    select_ids, has_rows = LOOKUPS[lookup]
    table = tf.Variable(tf.ones((SIZE, WIDTH)))

    def gradients(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(table, select_ids(batch)))
        gradient = tape.gradient(loss, table)
        assert isinstance(gradient, tf.IndexedSlices)
        assert bool(used_rows([gradient], batch)) == has_rows
        return loss

    trace(gradients)


def test_an_embedding_that_is_also_the_output_projection_is_dense():
    table = tf.Variable(tf.ones((SIZE, WIDTH)))

    def gradients(batch):
        with tf.GradientTape() as tape:
            vectors = tf.gather(table, batch)
            loss = tf.reduce_sum(tf.matmul(tf.reshape(vectors, (-1, WIDTH)), tf.transpose(table)))
        assert not used_rows(tape.gradient(loss, [table]), batch)
        return loss

    trace(gradients)
