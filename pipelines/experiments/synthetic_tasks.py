"""Tasks that only a memory can solve: adding and copying (Hochreiter and Schmidhuber, 1997).

Shapes: B batch, T steps, D inputs, A answers: the last steps, at which something is asked. Of each
task as many examples can be drawn as one likes, so a training sees none twice and the loss of every
batch is that of examples never seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Inputs = npt.NDArray[np.float32]
Examples = tuple[Inputs, npt.NDArray[Any]]
SYMBOLS, COPIED = 8, 10  # as in Arjovsky et al. (2016), section 5.1
BLANK, DELIMITER = 0, SYMBOLS + 1


@dataclass(frozen=True)
class ToyTask:
    """One of them.

    Attributes:
        inputs: D.
        outputs: width of an answer.
        draw: (generator, B, lag) -> inputs (B, T, D) and targets (B, A).
        losses: (outputs (B, A, width), targets (B, A)) -> (B, A), squared error or nats.
        unit: what a loss is.
        baseline: lag -> the mean loss of the best answer that knows nothing of the past.
    """

    inputs: int
    outputs: int
    draw: Callable[[np.random.Generator, int, int], Examples]
    losses: Callable[[Any, Any], Any]
    unit: str
    baseline: Callable[[int], float]


def adding(random: np.random.Generator, examples: int, lag: int) -> Examples:
    """Of `lag` numbers in [0, 1) two are marked, one in each half; the last step asks for their sum
    (Hochreiter and Schmidhuber, 1997, section 5.4, with marks of 0 and 1 as in Le et al. 2015).

    Returns:
        Numbers and marks (B, lag, 2), sums (B, 1).
    """
    numbers = random.random((examples, lag))
    places = [random.integers(0, lag // 2, examples), random.integers(lag // 2, lag, examples)]
    marks = np.zeros_like(numbers)
    for place in places:
        marks[np.arange(examples), place] = 1
    sums = (numbers * marks).sum(axis=1, keepdims=True)
    return np.stack([numbers, marks], axis=2).astype(np.float32), sums.astype(np.float32)


def copying(random: np.random.Generator, examples: int, lag: int) -> Examples:
    """Ten of eight symbols, `lag` steps later a delimiter, then the same ten are to be written
    (Hochreiter and Schmidhuber, 1997; as in Arjovsky et al. 2016, section 5.1).

    Returns:
        Symbols as vectors with one 1 (B, lag + 20, 10), and what to write (B, lag + 20).
    """
    symbols = random.integers(1, SYMBOLS + 1, (examples, COPIED))
    steps = lag + 2 * COPIED
    read, wanted = (np.full((examples, steps), BLANK) for _ in range(2))
    read[:, :COPIED], wanted[:, -COPIED:] = symbols, symbols
    read[:, -COPIED - 1] = DELIMITER
    return np.eye(DELIMITER + 1, dtype=np.float32)[read], wanted.astype(np.int32)


def _squared_error(outputs: Any, targets: Any) -> Any:
    return (outputs[:, :, 0] - targets) ** 2


def _nats(outputs: Any, targets: Any) -> Any:
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=outputs)


# Always answering 1 errs by the variance of the sum of two uniform numbers, 2 / 12. Blanks wherever
# they belong, and any of the symbols after the delimiter, cost 10 ln 8 nats in lag + 20 steps.
TASKS: Mapping[str, ToyTask] = {
    "adding": ToyTask(2, 1, adding, _squared_error, "squared error", lambda lag: 1 / 6),
    "copying": ToyTask(
        *(DELIMITER + 1, DELIMITER, copying, _nats, "nats"),
        lambda lag: COPIED * math.log(SYMBOLS) / (lag + 2 * COPIED),
    ),
}
