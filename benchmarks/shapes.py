"""Models of the training benchmark, their batches, and the arithmetic of a training step.

No toolkit is imported: the programs of the comparison run in environments of their own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Batch = tuple[Any, Any]


class Shape(NamedTuple):
    """A model and its batches.

    Attributes:
        entry: the model's entry of params.yaml, without corpus, epochs and optimizer.
        vocabulary: number of tokens V.
        steps: steps T of a batch; of sentences, the longest and the shortest batch.
    """

    entry: dict[str, Any]
    vocabulary: int
    steps: tuple[int, ...]


def _language_model(cell: str, embedding: int, units: int, layers: int) -> dict[str, Any]:
    sizes = {"embedding": embedding, "units": units, "layers": layers}
    return {"model": "language_model", "dropout": 0.0, "cell": cell, **sizes}


def _classifier(bidirectional: bool) -> dict[str, Any]:
    sizes = {"embedding": 100, "units": 128, "layers": 1, "batch_size": 64}
    options = {"pooling": "last", "bidirectional": bidirectional, "dropout": 0.0}
    return {"model": "classifier", "cell": "lstm", **options, **sizes}


PTB = {"batch_size": 20, "bptt_steps": 35}  # of Zaremba et al. (2014)
CHARACTERS = {"batch_size": 64, "bptt_steps": 64}
SENTENCES = (40, 8)

SHAPES = {
    "words, LSTM 2x200": Shape(_language_model("lstm", 200, 200, 2) | PTB, 10_000, (35,)),
    "words, LSTM 2x650": Shape(_language_model("lstm", 650, 650, 2) | PTB, 10_000, (35,)),
    "characters, LSTM 256": Shape(_language_model("lstm", 64, 256, 1) | CHARACTERS, 84, (64,)),
    "characters, GRU 256": Shape(_language_model("gru", 64, 256, 1) | CHARACTERS, 84, (64,)),
    "characters, RNN 256": Shape(_language_model("rnn", 64, 256, 1) | CHARACTERS, 84, (64,)),
    "sentences, bidirectional LSTM 128": Shape(_classifier(True), 10_000, SENTENCES),
    "sentences, LSTM 128": Shape(_classifier(False), 10_000, SENTENCES),
}
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def make_batches(shape: Shape, count: int) -> list[Batch]:
    """Return random batches: ids (B, T), and next ids or labels.

    Sentences are in buckets: a batch has sentences of similar length, and a twentieth of its
    positions is padding.
    """
    random = np.random.default_rng(0)
    size, longest, shortest = shape.entry["batch_size"], shape.steps[0], shape.steps[-1]
    batches = []
    for _ in range(count):
        steps = int(random.integers(shortest, longest + 1))
        ids = random.integers(4, shape.vocabulary, (size, steps + 1)).astype(np.int32)
        if shape.entry["model"] == "language_model":
            batches.append((ids[:, :-1], ids[:, 1:]))
        else:
            lengths = random.integers(steps * 9 // 10, steps + 1, size)
            lengths[0] = steps
            ids = np.where(np.arange(steps) < lengths[:, None], ids[:, :steps], 0)
            batches.append((ids.astype(np.int32), random.integers(0, 3, size).astype(np.int32)))
    return batches


def count_tokens(batches: list[Batch]) -> int:
    """Return the number of tokens of the batches, without padding."""
    return int(sum(np.count_nonzero(batch[0]) for batch in batches))


def operations(shape: Shape) -> int:
    """Return the floating-point operations of the matrix products of a training step, per token.

    A product forwards needs two products of the same size backwards.
    """
    entry = shape.entry
    inputs, units = entry["embedding"], entry["units"]
    directions = 2 if entry.get("bidirectional") else 1
    weights = 0
    for _ in range(entry["layers"]):
        weights += directions * GATES[entry["cell"]] * units * (inputs + units)
        inputs = directions * units
    if entry["model"] == "language_model":
        weights += inputs * shape.vocabulary
    return 3 * 2 * weights
