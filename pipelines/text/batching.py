"""Ids -> arrays of one shape a batch; the order is a pure function of (seed, epoch).

Shapes: B batch, T steps, N examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pipelines.text.vocabulary import PAD

Ids = npt.NDArray[np.int32]
Lengths = npt.NDArray[np.int64]

POOL = 50  # batches that are sorted by length together: enough to pad little, few enough to shuffle
SHORTEST = 5  # steps of a random batch (Merity et al. 2017)


def pad(rows: Sequence[Ids]) -> Ids:
    """Rows of ids -> (B, longest), `PAD` at the right."""
    padded = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int32)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded


def bucketed(
    lengths: Lengths,
    seed: int,
    epoch: int,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
) -> list[npt.NDArray[np.int64]]:
    """Shuffled batches of examples of like length: indices into `lengths`, each example once.

    Examples are shuffled, sorted within pools of 50 batches, and the batches shuffled again.

    Args:
        lengths: (N, K), of the K sequences of each example; sorted by the first, then the second.
        seed, epoch: what the order is a function of.
        batch_size: examples in a batch, or else
        batch_tokens: most tokens of the first sequences in a batch, padding counted; an example
            that is longer stands alone.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    size = batch_size or max(1, int((batch_tokens or 1) / max(1.0, lengths[:, 0].mean())))
    found: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        pool = pool[_sorted(lengths[pool])]
        cuts = (
            _cuts(lengths[pool, 0], batch_tokens) if batch_tokens else range(size, len(pool), size)
        )
        found += np.split(pool, cuts)
    return [found[at] for at in random.permutation(len(found))]


def by_length(lengths: Sequence[int], batch_size: int) -> list[npt.NDArray[np.int64]]:
    """Batches in order of length, for evaluation: the same at every call."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]


def _sorted(lengths: Lengths) -> npt.NDArray[np.int64]:
    return np.lexsort(lengths.T[::-1])


def _cuts(lengths: Lengths, tokens: int) -> list[int]:
    """Where ascending lengths are cut, so that rows times the longest is at most `tokens`."""
    cuts, start = [], 0
    for at, length in enumerate(lengths):
        if at > start and (at + 1 - start) * length > tokens:
            cuts.append(at)
            start = at
    return cuts


def contiguous(stream: Ids, batch_size: int, steps: Sequence[int]) -> Iterator[tuple[Ids, Ids]]:
    """A stream cut into B parallel rows and read some steps at a time, for carried state.

    Row b of each batch goes on where row b of the batch before ended. What does not fill the last
    batch is left out.

    Args:
        stream: (N,).
        batch_size: B.
        steps: T of each batch, as `even_steps` or `random_steps` give it.

    Yields:
        Inputs (B, T) and targets (B, T): the inputs one token later.
    """
    width = (len(stream) - 1) // batch_size
    inputs = stream[: width * batch_size].reshape(batch_size, width)
    targets = stream[1 : width * batch_size + 1].reshape(batch_size, width)
    start = 0
    for many in steps:
        yield inputs[:, start : start + many], targets[:, start : start + many]
        start += many


def even_steps(length: int, batch_size: int, steps: int) -> list[int]:
    """The T of every batch of a stream of `length` tokens: all the same."""
    return [steps] * ((length - 1) // batch_size // steps)


def random_steps(length: int, batch_size: int, steps: int, seed: int, epoch: int) -> list[int]:
    """The T of every batch, drawn so that each epoch cuts the stream elsewhere.

    Merity et al. (2017), section 4.1: normal around `steps`, one time in twenty around half of it,
    with a standard deviation of 5; at least `SHORTEST`, so the last takes what is too little for
    another.
    """
    random = np.random.default_rng((seed, epoch))
    left, drawn = (length - 1) // batch_size, []
    while left > 0:
        mean = steps if random.random() < 0.95 else steps / 2
        many = max(SHORTEST, round(random.normal(mean, 5)))
        drawn.append(many if left - many >= SHORTEST else left)
        left -= drawn[-1]
    return drawn
