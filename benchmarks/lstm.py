"""Training speed of our LSTM for the CPU beside Keras' own, in one process and in turn.

    python benchmarks/lstm.py

Prints, for several widths, characters a second of both and the ratio of medians. Machines
differ and are noisy: read the ratio.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from pipelines import console

with console.quiet_imports():
    import keras
    import numpy as np
    import tensorflow as tf

    from pipelines.layers.recurrent import Recurrent

BATCH, STEPS, VOCABULARY, EMBEDDING = 64, 64, 84, 64


def _step(recurrence: Callable[[Any], Any], layers: list[keras.layers.Layer], xla: bool) -> Any:
    """One training step of embedding, recurrence and softmax."""
    embedding, recurrent, softmax = layers
    variables = [v for layer in (embedding, recurrent, softmax) for v in layer.trainable_variables]
    adam = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    adam.build(variables)

    @tf.function(jit_compile=xla)
    def step(ids: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = softmax(recurrence(embedding(ids)))
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(ids, logits)
            loss = tf.reduce_mean(nats)
        adam.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return step


def _contenders(units: int) -> dict[str, Any]:
    def layers(recurrent: keras.layers.Layer) -> list[keras.layers.Layer]:
        parts = [
            keras.layers.Embedding(VOCABULARY, EMBEDDING),
            recurrent,
            keras.layers.Dense(VOCABULARY),
        ]
        for part, width in zip(parts, (None, EMBEDDING, units), strict=True):
            part.build((BATCH, STEPS) if width is None else (BATCH, STEPS, width))
        return parts

    theirs = keras.layers.LSTM(units, return_sequences=True)
    ours = Recurrent("lstm", units)
    return {
        "keras": _step(theirs, layers(theirs), xla=False),
        "ours": _step(lambda x: ours(x)[0], layers(ours), xla=False),
        "ours, XLA": _step(lambda x: ours(x)[0], layers(ours), xla=True),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    ids = tf.constant(np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, STEPS)), tf.int32)
    rows = []
    for units in (128, 256, 512):
        steps = _contenders(units)
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(rounds + 1):
            for name, step in steps.items():
                started = time.perf_counter()
                for _ in range(10):
                    loss = step(ids)
                loss.numpy()
                seconds[name].append(time.perf_counter() - started)
        # The first round compiles.
        rate = {name: 10 * BATCH * STEPS / statistics.median(s[1:]) for name, s in seconds.items()}
        rows.append([str(units), *(f"{rate[name]:,.0f}" for name in steps)])
        rows[-1] += [f"{rate[name] / rate['keras']:.2f}" for name in ("ours", "ours, XLA")]
    columns = ["units", "keras", "ours", "ours, XLA", "ours / keras", "ours, XLA / keras"]
    console.out().print(console.table("characters a second in training", columns, rows))


if __name__ == "__main__":
    main()
