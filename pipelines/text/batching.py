"""Batches of ids; their order is a pure function of seed and epoch.

Shapes: B batch, T steps, N examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipelines.text.vocabulary import PAD

Ids = npt.NDArray[np.int32]
Lengths = npt.NDArray[np.integer]
Indices = npt.NDArray[np.integer]

POOL = 50  # batches sorted by length together: little padding, and still a random order
MIN_STEPS = 5  # of a batch of random length (Merity et al. 2017)


class Stream(Protocol):
    """One long sequence of ids: an array, or one whose slices are read from a file."""

    def __len__(self) -> int:
        """Return the number of ids."""

    def __getitem__(self, places: slice, /) -> Ids:
        """Return consecutive ids."""


def pad(rows: Sequence[Ids]) -> Ids:
    """Return rows of ids as (B, longest row), with `PAD` at the right."""
    padded = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int32)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded


def bucketed_batches(
    lengths: Lengths,
    seed: int,
    epoch: int,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
) -> list[Indices]:
    """Return shuffled batches of examples of similar length: indices into `lengths`.

    Examples are shuffled, sorted within pools of 50 batches, and the batches shuffled again. All
    batches are views of one array, which takes 4 bytes for an example.

    Args:
        lengths: (N, K), lengths of the K sequences of each example, which are sorted by the first,
            then by the second.
        seed, epoch: seed of the order.
        batch_size: examples in a batch. Give either this or `batch_tokens`.
        batch_tokens: most tokens of the first sequences in a batch, with padding; a longer example
            is a batch by itself.
    """
    random = np.random.default_rng((seed, epoch))
    # The same permutation as of 64-bit numbers, in half the memory.
    order = random.permutation(np.arange(len(lengths), dtype=np.int32))
    size = batch_size or max(1, int((batch_tokens or 1) / max(1.0, lengths[:, 0].mean())))
    batches: list[Indices] = []
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        pool[:] = pool[_sorted(lengths[pool])]
        cuts = (
            _cuts(lengths[pool, 0], batch_tokens) if batch_tokens else range(size, len(pool), size)
        )
        batches += np.split(pool, cuts)
    return [batches[index] for index in random.permutation(len(batches))]


def batches_by_length(lengths: Sequence[int] | Lengths, batch_size: int) -> list[Indices]:
    """Return batches in order of length, for evaluation: indices into `lengths`."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _sorted(lengths: Lengths) -> npt.NDArray[np.int64]:
    return np.lexsort(lengths.T[::-1])


def _cuts(lengths: Lengths, tokens: int) -> list[int]:
    """Return where to cut ascending lengths, so that rows times longest row is at most `tokens`."""
    cuts, start = [], 0
    for index, length in enumerate(lengths):
        if index > start and (index + 1 - start) * length > tokens:
            cuts.append(index)
            start = index
    return cuts


def contiguous_batches(
    stream: Stream, batch_size: int, steps: Sequence[int]
) -> Iterator[tuple[Ids, Ids]]:
    """Cut a stream into B parallel rows, and yield batches of T steps, for a carried state.

    Row b of each batch continues row b of the batch before. Tokens that do not fill the last batch
    are dropped.

    Args:
        stream: N ids.
        batch_size: B.
        steps: T of each batch, from `even_steps` or `random_steps`.

    Yields:
        Inputs (B, T) and targets (B, T): the inputs one token later.
    """
    width = (len(stream) - 1) // batch_size
    start = 0
    for length in steps:
        starts = range(start, start + batch_size * width, width)
        rows = np.stack([stream[first : first + length + 1] for first in starts])
        yield rows[:, :-1], rows[:, 1:]
        start += length


def even_steps(length: int, batch_size: int, steps: int) -> list[int]:
    """Return the steps T of every batch of a stream of `length` tokens, all the same."""
    return [steps] * ((length - 1) // batch_size // steps)


def random_steps(length: int, batch_size: int, steps: int, seed: int, epoch: int) -> list[int]:
    """Return the random steps T of every batch, so that each epoch cuts the stream elsewhere.

    Merity et al. (2017), section 4.1: normally distributed around `steps`, or with probability 0.05
    around half of it, with a standard deviation of 5. The last batch takes the rest if that is too
    short for another one of at least `MIN_STEPS`.
    """
    random = np.random.default_rng((seed, epoch))
    remaining, lengths = (length - 1) // batch_size, []
    while remaining > 0:
        mean = steps if random.random() < 0.95 else steps / 2
        sampled = max(MIN_STEPS, round(random.normal(mean, 5)))
        lengths.append(sampled if remaining - sampled >= MIN_STEPS else remaining)
        remaining -= lengths[-1]
    return lengths
