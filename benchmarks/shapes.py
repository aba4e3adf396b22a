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


def _translator(input_feeding: bool) -> dict[str, Any]:
    """Return the translator of Multi30k: Bahdanau et al. (2015), with an LSTM."""
    sizes = {"embedding": 256, "units": 512, "layers": 1, "batch_size": 64}
    options = {"bidirectional": True, "attention": "additive", "dropout": 0.0}
    return {
        "model": "seq2seq",
        "cell": "lstm",
        **options,
        **sizes,
        "input_feeding": input_feeding,
    }


PTB = {"batch_size": 20, "bptt_steps": 35}  # of Zaremba et al. (2014)
CHARACTERS = {"batch_size": 64, "bptt_steps": 64}
SENTENCES = (40, 8)
FILLED = 0.95  # fraction of the positions of sentences that is no padding
CAPTIONS = (22, 6)  # Multi30k has 13.6 target words on average

SHAPES = {
    "words, LSTM 2x200": Shape(_language_model("lstm", 200, 200, 2) | PTB, 10_000, (35,)),
    "words, LSTM 2x650": Shape(_language_model("lstm", 650, 650, 2) | PTB, 10_000, (35,)),
    "characters, LSTM 256": Shape(_language_model("lstm", 64, 256, 1) | CHARACTERS, 84, (64,)),
    "characters, GRU 256": Shape(_language_model("gru", 64, 256, 1) | CHARACTERS, 84, (64,)),
    "characters, RNN 256": Shape(_language_model("rnn", 64, 256, 1) | CHARACTERS, 84, (64,)),
    "sentences, bidirectional LSTM 128": Shape(_classifier(True), 10_000, SENTENCES),
    "sentences, LSTM 128": Shape(_classifier(False), 10_000, SENTENCES),
    "translation, no input feeding": Shape(_translator(False), 8_000, CAPTIONS),
    "translation, input feeding": Shape(_translator(True), 8_000, CAPTIONS),
}
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def with_rows(shape: Shape, rows: int) -> Shape:
    """Return the same model with so many rows in a batch."""
    return shape._replace(entry=shape.entry | {"batch_size": rows})


def make_batches(shape: Shape, count: int) -> list[Batch]:
    """Return random batches: ids (B, T), and next ids or labels; of translators, sources (B, S) and
    targets (B, T + 1) from `<s>` to `</s>`.

    Sentences are in buckets: a batch has sentences of similar length, and a twentieth of its
    positions is padding.
    """
    random = np.random.default_rng(0)
    size, longest, shortest = shape.entry["batch_size"], shape.steps[0], shape.steps[-1]

    def sentences(steps: int) -> Any:
        ids = random.integers(4, shape.vocabulary, (size, steps)).astype(np.int32)
        lengths = random.integers(steps * 9 // 10, steps + 1, size)
        lengths[0] = steps
        return np.where(np.arange(steps) < lengths[:, None], ids, 0).astype(np.int32)

    batches = []
    for _ in range(count):
        steps = int(random.integers(shortest, longest + 1))
        if shape.entry["model"] == "language_model":
            ids = random.integers(4, shape.vocabulary, (size, steps + 1)).astype(np.int32)
            batches.append((ids[:, :-1], ids[:, 1:]))
        elif shape.entry["model"] == "seq2seq":
            start = np.full((size, 1), 2, np.int32)
            batches.append((sentences(steps), np.concatenate([start, sentences(steps)], axis=1)))
        else:
            batches.append((sentences(steps), random.integers(0, 3, size).astype(np.int32)))
    return batches


def count_tokens(batches: list[Batch]) -> int:
    """Return the number of tokens of the batches, without padding; of translators, source tokens.

    Source and target have the same length on average.
    """
    return int(sum(np.count_nonzero(batch[0]) for batch in batches))


def operations(shape: Shape) -> int:
    """Return the floating-point operations of the matrix products of a training step, per token.

    A product forwards needs two products of the same size backwards. A translator has as many
    source tokens as target tokens; the products of its attention over all source steps are left
    out, and those for a sentence instead of a token.
    """
    entry = shape.entry
    inputs, units = entry["embedding"], entry["units"]
    directions = 2 if entry.get("bidirectional") else 1
    weights = 0
    for _ in range(entry["layers"]):
        weights += directions * GATES[entry["cell"]] * units * (inputs + units)
        inputs = directions * units
    if entry["model"] == "seq2seq":
        embedding = entry["embedding"]
        fed = embedding if entry["input_feeding"] else 0
        weights += GATES[entry["cell"]] * units * (embedding + fed + units)
        weights += inputs * units + units * units  # projections of the attention
        weights += (inputs + units) * embedding  # context and state before the softmax
        inputs = embedding
    if entry["model"] != "classifier":
        weights += inputs * shape.vocabulary
    return 3 * 2 * weights
