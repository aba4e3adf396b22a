"""The models of the training benchmark in seqproof and in plain Keras, as a worker process.

    python benchmarks/tensorflow_models.py NAME THREADS seqproof|keras

Keras trains with `fit`.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import shapes
import worker

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    import keras
    import tensorflow as tf

    from pipelines.layers import threads
    from pipelines.models import serialization
    from pipelines.text.subwords import SPECIALS
    from pipelines.text.vocabulary import Vocabularies, Vocabulary
    from pipelines.training import datasets, objectives, seeding
    from pipelines.training.datasets import EpochBatches, TrainingData
    from pipelines.training.progress import TrainingProgress
    from pipelines.training.signals import Signals
    from pipelines.training.trainer import Trainer
    from pipelines.training.workers import Workers

OPTIMIZER = {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 1.0}
CONFIGS: dict[str, type[Any]] = {
    "language_model": params.LanguageModelConfig,
    "classifier": params.ClassifierConfig,
    "seq2seq": params.Seq2SeqConfig,
}
CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}


def make_config(shape: shapes.Shape) -> Any:
    """Return the entry of params.yaml of a model."""
    common = {"corpus": "c", "epochs": 10**6, "optimizer": OPTIMIZER}
    return CONFIGS[shape.entry["model"]].model_validate(shape.entry | common)


def make_trainer(
    shape: shapes.Shape,
    read: Callable[[], Any],
    count: int,
    progress: TrainingProgress,
    workers: Workers | None = None,
) -> tuple[Trainer, keras.Model]:
    """Return seqproof's trainer of a new model, and the model.

    Args:
        shape: the model.
        read: returns the batches of an epoch.
        count: their number.
        progress: records every step.
        workers: the workers that share each batch, if there are several.
    """
    config, size = make_config(shape), shape.vocabulary
    vocabulary = Vocabulary((*SPECIALS, *map(str, range(size - 4))), (1,) * size, "words")
    seeding.seed_everything(1)
    names = ("source", "target") if config.model == "seq2seq" else ("text",)
    vocabularies = Vocabularies(dict.fromkeys(names, vocabulary), ("a", "b", "c"))
    model = serialization.build(config, vocabularies)
    state: Any = ()
    signature = (datasets.MATRIX, datasets.VECTOR)
    objective: objectives.Objective = objectives.label_loss
    if config.model == "seq2seq":
        objective = objectives.translation_loss(None, None)
        signature = (datasets.MATRIX, datasets.MATRIX)
    if config.model == "language_model":
        state, objective = model.zero_state(config.batch_size), objectives.next_token_loss
        signature = (tf.TensorSpec((config.batch_size, config.bptt_steps), tf.int32),) * 2
    data = TrainingData(
        train=lambda epoch: EpochBatches(count, read),
        valid=EpochBatches(count, read),
        tokens_per_epoch=1,
        initial_state=state,
        valid_state=state,
        signature=signature,
        valid_signature=signature,
        unit="words",
    )
    return Trainer(model, objective, data, config, progress, workers), model


def seqproof_training(shape: shapes.Shape, workers: Workers | None = None) -> Callable[[int], None]:
    """Return a function that trains on a number of batches with seqproof."""
    batches = itertools.cycle(shapes.make_batches(shape, 20))
    length = 1
    trainer, _ = make_trainer(
        shape, lambda: itertools.islice(batches, length), 20, TrainingProgress(), workers
    )
    silent_bar, signals = console.Progress(lambda amount, remark: None), Signals()
    epochs = itertools.count(1)

    def train(count: int) -> None:
        nonlocal length
        length = count
        trainer.begin_epoch(next(epochs))
        trainer.train_epoch(silent_bar, signals)

    return train


def keras_training(shape: shapes.Shape) -> Callable[[int], None]:
    """Return a function that trains on a number of batches with Keras."""
    entry, size = shape.entry, shape.vocabulary
    is_language_model = entry["model"] == "language_model"
    layers: list[Any] = [
        keras.layers.Embedding(size, entry["embedding"], mask_zero=not is_language_model)
    ]
    for _ in range(entry["layers"]):
        layers.append(CELLS[entry["cell"]](entry["units"], return_sequences=is_language_model))
        if entry.get("bidirectional"):
            layers[-1] = keras.layers.Bidirectional(layers[-1])
    layers.append(keras.layers.Dense(size if is_language_model else 3))
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), loss, jit_compile=False)
    batches = itertools.cycle(shapes.make_batches(shape, 20))
    steps = entry.get("bptt_steps")  # None of sentences, whose batches differ in length
    ids = tf.TensorSpec((entry["batch_size"], steps), tf.int32)
    targets = ids if is_language_model else tf.TensorSpec((entry["batch_size"],), tf.int32)
    dataset = tf.data.Dataset.from_generator(lambda: batches, output_signature=(ids, targets))
    return lambda count: model.fit(dataset, steps_per_epoch=count, verbose=0)


def main() -> None:
    """Serve one model."""
    name, thread_count, program = sys.argv[1:]
    make_training = keras_training
    if program == "seqproof":
        make_training = seqproof_training
        rows = shapes.SHAPES[name].entry["batch_size"]
        threads.use_training_threads(int(thread_count), rows)
    else:
        threads.use_threads(int(thread_count))
    matrix = tf.ones((worker.PEAK_SIZE, worker.PEAK_SIZE))
    multiply = tf.function(lambda: tf.matmul(matrix, matrix))
    worker.serve(make_training(shapes.SHAPES[name]), lambda: multiply().numpy())


if __name__ == "__main__":
    main()
