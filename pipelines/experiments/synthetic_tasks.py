"""Synthetic tasks that need memory: adding and copying (Hochreiter and Schmidhuber, 1997).

Shapes: B batch, T steps, D inputs, A answers, the last steps, which have targets. Each batch of a
training has new examples, so its loss is also a validation loss.
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
SYMBOLS, COPY_LENGTH = 8, 10  # as in Arjovsky et al. (2016), section 5.1
BLANK, DELIMITER = 0, SYMBOLS + 1


@dataclass(frozen=True)
class ToyTask:
    """Synthetic task.

    Attributes:
        inputs: D.
        outputs: width of an answer.
        draw: (generator, B, lag) -> inputs (B, T, D) and targets (B, A).
        losses: (outputs (B, A, width), targets (B, A)) -> losses (B, A).
        unit: unit of the loss.
        baseline: lag -> mean loss of the best network without memory.
    """

    inputs: int
    outputs: int
    draw: Callable[[np.random.Generator, int, int], Examples]
    losses: Callable[[Any, Any], Any]
    unit: str
    baseline: Callable[[int], float]


def adding(random: np.random.Generator, examples: int, lag: int) -> Examples:
    """Draw examples of the adding task: the sum of two marked numbers.

    Two of `lag` numbers in [0, 1) are marked, one in each half (Hochreiter and Schmidhuber, 1997,
    section 5.4; marks of 0 and 1 as in Le et al. 2015).

    Returns:
        Numbers and marks (B, lag, 2), sums (B, 1).
    """
    numbers = random.random((examples, lag))
    positions = [random.integers(0, lag // 2, examples), random.integers(lag // 2, lag, examples)]
    marks = np.zeros_like(numbers)
    for position in positions:
        marks[np.arange(examples), position] = 1
    sums = (numbers * marks).sum(axis=1, keepdims=True)
    return np.stack([numbers, marks], axis=2).astype(np.float32), sums.astype(np.float32)


def copying(random: np.random.Generator, examples: int, lag: int) -> Examples:
    """Draw examples of the copying task: ten symbols, which follow again after a delimiter.

    The symbols are of eight kinds, and the delimiter comes `lag` steps after them (Hochreiter and
    Schmidhuber, 1997; Arjovsky et al. 2016, section 5.1).

    Returns:
        One-hot symbols (B, lag + 20, 10), and targets (B, lag + 20).
    """
    symbols = random.integers(1, SYMBOLS + 1, (examples, COPY_LENGTH))
    steps = lag + 2 * COPY_LENGTH
    inputs, targets = (np.full((examples, steps), BLANK) for _ in range(2))
    inputs[:, :COPY_LENGTH], targets[:, -COPY_LENGTH:] = symbols, symbols
    inputs[:, -COPY_LENGTH - 1] = DELIMITER
    return np.eye(DELIMITER + 1, dtype=np.float32)[inputs], targets.astype(np.int32)


def _squared_error(outputs: Any, targets: Any) -> Any:
    return (outputs[:, :, 0] - targets) ** 2


def _nats(outputs: Any, targets: Any) -> Any:
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=outputs)


# Baseline of adding: the answer 1 has the variance of the sum of two uniform numbers, 2 / 12.
# Baseline of copying: blanks, then each symbol with probability 1 / 8: 10 ln 8 nats in lag + 20
# steps.
TASKS: Mapping[str, ToyTask] = {
    "adding": ToyTask(2, 1, adding, _squared_error, "squared error", lambda lag: 1 / 6),
    "copying": ToyTask(
        *(DELIMITER + 1, DELIMITER, copying, _nats, "nats"),
        lambda lag: COPY_LENGTH * math.log(SYMBOLS) / (lag + 2 * COPY_LENGTH),
    ),
}
