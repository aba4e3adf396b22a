"""Shards of a batch: they have the loss, the gradient and the states of the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.layers import threads
from pipelines.models import serialization
from pipelines.tasks import lookup
from pipelines.training import shards

ROOT = Path(__file__).parents[3]
IDS = [[4, 5, 6, 4], [5, 6, 0, 0], [6, 4, 5, 0]]
LABELS = [0, 2, 1]
REGULARIZED = {"activation_regularization": 2.0, "temporal_activation_regularization": 1.0}


def loss_and_gradients(make, kind, changes, rows, count):
    """Loss, gradients and next states of a batch in shards."""
    keras.utils.set_random_seed(1)
    spec = make.spec(kind, **changes)
    model = serialization.build(spec.entry, make.vocabularies(kind))
    second = LABELS if kind in ("bag_of_words", "classifier") else IDS
    if kind == "tagger":
        second = np.minimum(IDS, 2)
    batch = tuple(tf.constant(part[:rows], tf.int32) for part in (IDS, second))
    states = model.zero_state(rows) if kind == "language_model" else ()
    states = tf.nest.map_structure(lambda state: state + 0.5, states)
    objective = lookup.get(spec.task).objective(spec, make.frame(kind), make.vocabularies(kind))
    with tf.GradientTape() as tape:
        nats, summands, added, states = shards.sharded_loss(
            objective, model, batch, states, tf.constant(0.5), count
        )
        loss = nats / summands + added
    gradients = map(tf.convert_to_tensor, tape.gradient(loss, model.trainable_variables))
    return loss, [gradient.numpy() for gradient in gradients], tf.nest.flatten(states)


@pytest.mark.parametrize(
    ("kind", "changes", "rows"),
    [
        ("language_model", REGULARIZED, 3),
        ("classifier", {}, 3),
        ("seq2seq", {"input_feeding": True}, 3),
        ("bag_of_words", {}, 1),
        ("language_model", REGULARIZED, 1),
        ("tagger", {"crf": True}, 1),
    ],
)
def test_shards_have_the_loss_and_gradients_of_the_batch_even_if_one_is_empty(
    make, kind, changes, rows
):
    loss, gradients, states = loss_and_gradients(make, kind, changes, rows, 1)
    sharded, sharded_gradients, sharded_states = loss_and_gradients(make, kind, changes, rows, 2)
    assert float(sharded) == pytest.approx(float(loss), rel=1e-6)
    for part, expected in zip(sharded_gradients, gradients, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-4, atol=1e-6)
    for part, expected in zip(sharded_states, states, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("count", "rows", "within", "between"),
    [(1, 32, 1, 1), (2, 20, 1, 2), (4, 20, 2, 2), (2, 1, 2, 1), (2, None, 1, 2)],
)
def test_shards_have_enough_rows(monkeypatch, count, rows, within, between):
    settings = {}
    for name in ("intra", "inter"):
        setter = f"set_{name}_op_parallelism_threads"
        monkeypatch.setattr(
            tf.config.threading, setter, lambda number, name=name: settings.update({name: number})
        )
    threads.use_training_threads(count, rows)
    assert settings == {"intra": within, "inter": between}


TRAINING = """
import hashlib, sys
sys.path.insert(0, "benchmarks")
import shapes, tensorflow_models
from pipelines.layers import threads
threads.use_training_threads(2, 32)
sizes = tensorflow_models.shapes._language_model("lstm", 16, 32, 1)
shape = shapes.Shape(sizes | {"batch_size": 32, "bptt_steps": 8}, 100, (8,))
batches = shapes.make_batches(shape, 4)
for _ in range(2):
    trainer, model = tensorflow_models.make_trainer(
        shape, lambda: iter(batches), 4, tensorflow_models.TrainingProgress()
    )
    trainer.train_epoch(
        tensorflow_models.console.Progress(lambda amount, remark: None),
        tensorflow_models.Signals(),
    )
    digest = hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights()))
    print(threads.shard_count(), digest.hexdigest())
"""


def test_two_threads_give_the_same_bytes_twice():
    process = subprocess.run(
        [sys.executable, "-c", TRAINING],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = process.stdout.split("\n")[:2]
    assert first == second
    assert first.startswith("2 ")
