"""Training speed compared to plain Keras on the same models, in one process and alternately.

    python benchmarks/training.py

Prints tokens per second of both and the ratio of their medians, and writes them into the README
beside this file. Machines differ and are noisy: read the ratio.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import page

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    import keras
    import numpy as np
    import tensorflow as tf

    from pipelines.models import serialization
    from pipelines.text.subwords import SPECIALS
    from pipelines.text.vocabulary import Vocabularies, Vocabulary
    from pipelines.training import device, objectives, seeding
    from pipelines.training.datasets import EpochBatches, TrainingData
    from pipelines.training.progress import TrainingProgress
    from pipelines.training.signals import Signals
    from pipelines.training.trainer import Trainer

OPTIMIZER = {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 1.0}
LM = {"model": "language_model", "dropout": 0.0, "cell": "lstm"}
CLASSIFIER = {
    "model": "classifier",
    "dropout": 0.0,
    "layers": 1,
    "pooling": "last",
    "batch_size": 64,
}
# name: (entry of params.yaml, vocabulary size, steps of a batch)
BENCHMARKS: dict[str, tuple[dict[str, Any], int, int]] = {
    "words, LSTM 2x200": (
        {**LM, "embedding": 200, "units": 200, "layers": 2, "batch_size": 20, "bptt_steps": 35},
        10_000,
        35,
    ),
    "words, LSTM 2x650": (
        {**LM, "embedding": 650, "units": 650, "layers": 2, "batch_size": 20, "bptt_steps": 35},
        10_000,
        35,
    ),
    "characters, LSTM 256": (
        {**LM, "embedding": 64, "units": 256, "layers": 1, "batch_size": 64, "bptt_steps": 64},
        84,
        64,
    ),
    "characters, GRU 256": (
        {**LM, "cell": "gru", "embedding": 64, "units": 256, "layers": 1}
        | {"batch_size": 64, "bptt_steps": 64},
        84,
        64,
    ),
    "characters, RNN 256": (
        {**LM, "cell": "rnn", "embedding": 64, "units": 256, "layers": 1}
        | {"batch_size": 64, "bptt_steps": 64},
        84,
        64,
    ),
    "sentences, bidirectional LSTM 128": (
        {**CLASSIFIER, "cell": "lstm", "embedding": 100, "units": 128, "bidirectional": True},
        10_000,
        20,
    ),
    "sentences, LSTM 128": (
        {**CLASSIFIER, "cell": "lstm", "embedding": 100, "units": 128, "bidirectional": False},
        10_000,
        20,
    ),
}
CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}


def make_batches(config: params.Model, size: int, steps: int, count: int) -> list[Any]:
    """Return random batches: ids (B, T), and next ids or labels.

    A tenth of the positions of sentences is padding, as in buckets.
    """
    random = np.random.default_rng(0)
    batches = []
    for _ in range(count):
        ids = random.integers(4, size, (config.batch_size, steps + 1)).astype(np.int32)
        if config.model == "language_model":
            batches.append((ids[:, :-1], ids[:, 1:]))
        else:
            lengths = random.integers(steps * 4 // 5, steps + 1, config.batch_size)
            ids = np.where(np.arange(steps) < lengths[:, None], ids[:, :steps], 0)
            labels = random.integers(0, 3, config.batch_size).astype(np.int32)
            batches.append((ids, labels))
    return batches


def make_trainer(
    config: params.Model, size: int, batches: list[Any], progress: TrainingProgress
) -> tuple[Trainer, keras.Model]:
    """Return seqproof's trainer of a new model on these batches, and the model."""
    vocabulary = Vocabulary((*SPECIALS, *map(str, range(size - 4))), (1,) * size, "words")
    seeding.seed_everything(1)
    model = serialization.build(config, Vocabularies({"text": vocabulary}, ("a", "b", "c")))
    is_language_model = config.model == "language_model"
    state = model.zero_state(config.batch_size) if is_language_model else ()
    signature = tf.nest.map_structure(
        lambda array: tf.TensorSpec(array.shape, tf.int32), tuple(batches[0])
    )
    epoch_batches = EpochBatches(len(batches), lambda: iter(batches))
    data = TrainingData(
        train=lambda epoch: epoch_batches,
        valid=epoch_batches,
        tokens_per_epoch=1,
        initial_state=state,
        valid_state=state,
        signature=signature,
        valid_signature=signature,
        unit="words",
    )
    objective = objectives.next_token_loss if is_language_model else objectives.label_loss
    return Trainer(model, objective, data, config, progress, device.uses_xla(config)), model


def seqproof_training(config: params.Model, size: int, batches: list[Any]) -> Callable[[], None]:
    """Return a function that trains one epoch with seqproof."""
    trainer, _ = make_trainer(config, size, batches, TrainingProgress())
    silent_bar, signals = console.Progress(lambda amount, remark: None), Signals()
    epochs = itertools.count(1)

    def train_epoch() -> None:
        trainer.begin_epoch(next(epochs))
        trainer.train_epoch(silent_bar, signals)

    return train_epoch


def keras_training(config: params.Model, size: int, batches: list[Any]) -> Callable[[], None]:
    """Return a function that trains one epoch with Keras."""
    is_language_model = config.model == "language_model"
    layers: list[Any] = [
        keras.layers.Embedding(size, config.embedding, mask_zero=not is_language_model)
    ]
    for _ in range(config.layers):
        layers.append(CELLS[config.cell](config.units, return_sequences=is_language_model))
        if not is_language_model and config.bidirectional:
            layers[-1] = keras.layers.Bidirectional(layers[-1])
    layers.append(keras.layers.Dense(size if is_language_model else 3))
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), loss, jit_compile=False)

    def repeat() -> Iterator[Any]:
        while True:
            yield from batches

    dataset = repeat()

    def train_epoch() -> None:
        model.fit(dataset, steps_per_epoch=len(batches), verbose=0)

    return train_epoch


def make_benchmark(name: str, batch_count: int) -> tuple[params.Model, int, int, list[Any]]:
    """Return the config, vocabulary size, steps of a batch, and batches of a benchmark."""
    fields, size, steps = BENCHMARKS[name]
    kinds = {"language_model": params.LanguageModelConfig, "classifier": params.ClassifierConfig}
    common = {"corpus": "c", "epochs": 10**6, "optimizer": OPTIMIZER}
    config = kinds[fields["model"]].model_validate(fields | common)
    return config, size, steps, make_batches(config, size, steps, batch_count)


def compare(name: str, rounds: int, batch_count: int) -> dict[str, Any]:
    """Return the tokens per second of both programs, and their ratio."""
    config, size, steps, batches = make_benchmark(name, batch_count)
    programs = {
        "seqproof": seqproof_training(config, size, batches),
        "keras": keras_training(config, size, batches),
    }
    seconds: dict[str, list[float]] = {program: [] for program in programs}
    for number in range(rounds + 1):
        for program, train_epoch in programs.items():
            start = time.perf_counter()
            train_epoch()
            if number:  # the first round compiles
                seconds[program].append(time.perf_counter() - start)
    tokens = batch_count * config.batch_size * steps
    speeds = {program: tokens / statistics.median(times) for program, times in seconds.items()}
    return {
        "model": name,
        "seqproof": round(speeds["seqproof"]),
        "keras": round(speeds["keras"]),
        "ratio": round(speeds["seqproof"] / speeds["keras"], 2),
    }


def write_table(results: list[dict[str, Any]]) -> None:
    """Write the table of the README."""
    rows = [
        [row["model"], f"{row['seqproof']:,}", f"{row['keras']:,}", f"{row['ratio']:.2f}"]
        for row in results
    ]
    page.write("training", ["model", "ours, tokens/s", "Keras, tokens/s", "ratio"], rows)


def main() -> None:
    """Compare all models, print the results and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20, help="batches of each round")
    parser.add_argument("--only", help="only models whose name contains this; writes no table")
    options = parser.parse_args()
    results = []
    for name in BENCHMARKS:
        if options.only is None or options.only in name:
            results.append(compare(name, options.rounds, options.batches))
            console.echo(json.dumps(results[-1]))
            keras.utils.clear_session(free_memory=True)
    if options.only is None:
        write_table(results)


if __name__ == "__main__":
    main()
