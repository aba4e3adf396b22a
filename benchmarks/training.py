"""Training speed beside plain Keras on the same models, in one process and in turn.

    python benchmarks/training.py

Prints tokens a second of both and the ratio of medians, and writes them into the README beside this
file. Machines differ and are noisy: read the ratio.
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
    from pipelines.text.vocabulary import SPECIALS, Vocabularies, Vocabulary
    from pipelines.training import device, objectives, seeding, trainer
    from pipelines.training import signals as stopping

OPTIMIZER = {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 1.0}
LM = {"model": "language_model", "dropout": 0.0, "cell": "lstm"}
READER = {"model": "classifier", "dropout": 0.0, "layers": 1, "pooling": "last", "batch_size": 64}
# name: (entry, vocabulary, steps of a batch)
SHAPES: dict[str, tuple[dict[str, Any], int, int]] = {
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
        {**READER, "cell": "lstm", "embedding": 100, "units": 128, "bidirectional": True},
        10_000,
        20,
    ),
    "sentences, LSTM 128": (
        {**READER, "cell": "lstm", "embedding": 100, "units": 128, "bidirectional": False},
        10_000,
        20,
    ),
}
CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}


def _batches(entry: params.Model, size: int, steps: int, many: int) -> list[Any]:
    """The same random batches for both: ids (B, T), and next ids or labels; sentences are padded
    by a tenth, as buckets are."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(many):
        ids = random.integers(4, size, (entry.batch_size, steps + 1)).astype(np.int32)
        if entry.model == "language_model":
            found.append((ids[:, :-1], ids[:, 1:]))
        else:
            lengths = random.integers(steps * 4 // 5, steps + 1, entry.batch_size)
            ids = np.where(np.arange(steps) < lengths[:, None], ids[:, :steps], 0)
            found.append((ids, random.integers(0, 3, entry.batch_size).astype(np.int32)))
    return found


def training_of(
    entry: params.Model, size: int, batches: list[Any]
) -> tuple[trainer.TrainingState, keras.Model]:
    """A training of ours on these batches, and its new model."""
    words = Vocabulary((*SPECIALS, *map(str, range(size - 4))), (1,) * size, "words")
    seeding.seed_everything(1)
    model = serialization.build(entry, Vocabularies({"text": words}, ("a", "b", "c")))
    language = entry.model == "language_model"
    state = model.zero_state(entry.batch_size) if language else ()
    signature = tf.nest.map_structure(
        lambda part: tf.TensorSpec(part.shape, tf.int32), tuple(batches[0])
    )
    every = trainer.EpochBatches(len(batches), lambda: iter(batches))
    data = trainer.TrainingData(
        lambda epoch: every, every, 1, state, state, signature, signature, "words"
    )
    objective = objectives.next_token_loss if language else objectives.label_loss
    return trainer.TrainingState(model, objective, data, entry, device.uses_xla(entry)), model


def _ours(entry: params.Model, size: int, batches: list[Any]) -> Callable[[], None]:
    training, _ = training_of(entry, size, batches)
    bar, signals = console.Progress(lambda amount, remark: None), stopping.Signals()
    epochs = itertools.count(1)

    def run() -> None:
        training.begin(next(epochs))
        training.epoch(bar, signals)

    return run


def _theirs(entry: params.Model, size: int, batches: list[Any]) -> Callable[[], None]:
    language = entry.model == "language_model"
    layers: list[Any] = [keras.layers.Embedding(size, entry.embedding, mask_zero=not language)]
    for _ in range(entry.layers):
        layers.append(CELLS[entry.cell](entry.units, return_sequences=language))
        if not language and entry.bidirectional:
            layers[-1] = keras.layers.Bidirectional(layers[-1])
    layers.append(keras.layers.Dense(size if language else 3))
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), loss, jit_compile=False)

    def forever() -> Iterator[Any]:
        while True:
            yield from batches

    source = forever()
    return lambda: (model.fit(source, steps_per_epoch=len(batches), verbose=0), None)[1]


def shape(name: str, many: int) -> tuple[params.Model, int, int, list[Any]]:
    """A model of SHAPES: its entry, its vocabulary, the steps of a batch, and so many batches."""
    described, size, steps = SHAPES[name]
    family = {"language_model": params.LanguageModel, "classifier": params.Classifier}
    rest = {"corpus": "c", "epochs": 10**6, "optimizer": OPTIMIZER}
    entry = family[described["model"]].model_validate(described | rest)
    return entry, size, steps, _batches(entry, size, steps, many)


def _compare(name: str, rounds: int, many: int) -> dict[str, float | str]:
    entry, size, steps, batches = shape(name, many)
    contenders = {
        "ours": _ours(entry, size, batches),
        "keras": _theirs(entry, size, batches),
    }
    seconds: dict[str, list[float]] = {who: [] for who in contenders}
    for turn in range(rounds + 1):
        for who, run in contenders.items():
            started = time.perf_counter()
            run()
            if turn:  # the first turn compiles
                seconds[who].append(time.perf_counter() - started)
    tokens = many * entry.batch_size * steps
    speed = {who: tokens / statistics.median(times) for who, times in seconds.items()}
    return {
        "model": name,
        "ours": round(speed["ours"]),
        "keras": round(speed["keras"]),
        "ratio": round(speed["ours"] / speed["keras"], 2),
    }


def _write(rows: list[dict[str, Any]]) -> None:
    """The table of the README."""
    cells = [
        [row["model"], f"{row['ours']:,}", f"{row['keras']:,}", f"{row['ratio']:.2f}"]
        for row in rows
    ]
    page.write("training", ["model", "ours, tokens/s", "Keras, tokens/s", "ratio"], cells)


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20, help="batches of each turn")
    parser.add_argument("--only", help="models whose name holds this; nothing is written then")
    given = parser.parse_args()
    rows = []
    for name in SHAPES:
        if given.only is None or given.only in name:
            rows.append(_compare(name, given.rounds, given.batches))
            console.echo(json.dumps(rows[-1]))
            keras.utils.clear_session(free_memory=True)
    if given.only is None:
        _write(rows)


if __name__ == "__main__":
    main()
