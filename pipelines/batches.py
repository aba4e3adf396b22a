"""Ids -> arrays of one shape a batch; the order is a pure function of (seed, epoch).

Shapes: B batch, T steps, N examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pipelines.text.vocabulary import PAD

Ids = npt.NDArray[np.int32]

POOL = 50  # batches that are sorted by length together: enough to pad little, few enough to shuffle


def pad(rows: Sequence[Ids]) -> Ids:
    """Rows of ids -> (B, longest), `PAD` at the right."""
    padded = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int32)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded


def bucketed(
    lengths: Sequence[int], batch_size: int, seed: int, epoch: int
) -> list[npt.NDArray[np.int64]]:
    """Shuffled batches of examples of like length: indices into `lengths`, each example once.

    Examples are shuffled, sorted within pools of 50 batches, and the batches shuffled again.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    batches: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(np.asarray(lengths)[pool], kind="stable")]
        batches += [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
    return [batches[at] for at in random.permutation(len(batches))]


def by_length(lengths: Sequence[int], batch_size: int) -> list[npt.NDArray[np.int64]]:
    """Batches in order of length, for evaluation: the same at every call."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]


def contiguous(stream: Ids, batch_size: int, steps: int) -> Iterator[tuple[Ids, Ids]]:
    """A stream cut into B parallel rows and read T steps at a time, for carried state.

    Row b of each batch goes on where row b of the batch before ended. What does not fill the last
    batch is left out.

    Yields:
        Inputs (B, T) and targets (B, T): the inputs one token later.
    """
    width = (len(stream) - 1) // batch_size
    inputs = stream[: width * batch_size].reshape(batch_size, width)
    targets = stream[1 : width * batch_size + 1].reshape(batch_size, width)
    for start in range(0, width - steps + 1, steps):
        yield inputs[:, start : start + steps], targets[:, start : start + steps]


def contiguous_batches(length: int, batch_size: int, steps: int) -> int:
    """How many batches `contiguous` yields for a stream of `length` tokens."""
    return (length - 1) // batch_size // steps
