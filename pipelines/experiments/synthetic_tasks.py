"""Synthetic tasks that need memory: adding, copying and recall.

Shapes: B batch, T steps, D inputs, A width of an answer. Each batch of a training has new examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
# Inputs (B, T, D), targets (B, T), and the mask of the steps whose loss counts (B, T).
Examples = tuple[Array, Array, Array]
SYMBOLS = 8  # kinds of symbols, as in Arjovsky et al. (2016), section 5.1
BLANK, DELIMITER = 0, SYMBOLS + 1
RECALLS = 2  # symbols to recall in each stream


@dataclass(frozen=True)
class ToyTask:
    """Synthetic task.

    Attributes:
        inputs: D.
        outputs: A.
        steps: lag -> T.
        draw: (generator, B, lag) -> examples.
        losses: (outputs (..., A), targets (...)) -> losses (...).
        baseline: examples -> mean loss of the best network without memory.
        chance: share of the symbols that a network without memory recalls; None if the task has
            no symbols.
    """

    inputs: int
    outputs: int
    steps: Callable[[int], int]
    draw: Callable[[np.random.Generator, int, int], Examples]
    losses: Callable[[Any, Any], Any]
    baseline: Callable[[Examples], float]
    chance: float | None


def adding(random: np.random.Generator, examples: int, lag: int) -> Examples:
    """Draw examples of the adding task: the sum of two marked numbers.

    Two of `lag` numbers in [0, 1) are marked, one in each half (Hochreiter and Schmidhuber, 1997,
    section 5.4; marks of 0 and 1 as in Le et al. 2015). The answer follows the last number.

    Returns:
        Numbers and marks (B, lag, 2), sums at the last step.
    """
    numbers = random.random((examples, lag))
    positions = [random.integers(0, lag // 2, examples), random.integers(lag // 2, lag, examples)]
    marks = np.zeros_like(numbers)
    for position in positions:
        marks[np.arange(examples), position] = 1
    targets, mask = np.zeros_like(numbers), np.zeros_like(numbers)
    targets[:, -1], mask[:, -1] = (numbers * marks).sum(axis=1), 1
    return _float32(np.stack([numbers, marks], axis=2), targets, mask)


def copying(random: np.random.Generator, examples: int, lag: int, length: int) -> Examples:
    """Draw examples of the copying task: symbols, which follow again after a delimiter.

    The symbols are of eight kinds, and the delimiter comes `lag` steps after them (Hochreiter and
    Schmidhuber, 1997; Arjovsky et al. 2016, section 5.1, with ten symbols).

    Args:
        random: generator.
        examples: B.
        lag: steps between a symbol and its repetition, less the number of symbols.
        length: number of symbols.

    Returns:
        One-hot symbols (B, lag + 2 length, 10), and targets, all of which count.
    """
    symbols = random.integers(1, SYMBOLS + 1, (examples, length))
    steps = lag + 2 * length
    inputs, targets = (np.full((examples, steps), BLANK) for _ in range(2))
    inputs[:, :length], targets[:, -length:] = symbols, symbols
    inputs[:, -length - 1] = DELIMITER
    return _float32(np.eye(DELIMITER + 1)[inputs], targets, np.ones_like(targets))


def recall(random: np.random.Generator, examples: int, lag: int) -> Examples:
    """Draw streams of random symbols, some of which are marked and to be named `lag` steps later.

    The last answer is at the last step.

    Returns:
        One-hot symbols and mark (B, T, 9), and targets, which count `lag` steps after a mark.
    """
    steps = 2 * lag * RECALLS
    symbols = random.integers(1, SYMBOLS + 1, (examples, steps))
    marks, targets = np.zeros((examples, steps)), np.zeros((examples, steps))
    rows = np.arange(examples)
    for first in range(0, steps, 2 * lag):
        last = first + 2 * lag == steps
        positions = random.integers(first + (lag - 1 if last else 0), first + lag, examples)
        marks[rows, positions] = 1
        targets[rows, positions + lag] = symbols[rows, positions]
    inputs = np.concatenate([np.eye(SYMBOLS)[symbols - 1], marks[:, :, None]], axis=2)
    return _float32(inputs, targets, targets > 0)


def _float32(*arrays: npt.NDArray[Any]) -> Any:
    return tuple(array.astype(np.float32) for array in arrays)


def _squared_error(outputs: Any, targets: Any) -> Any:
    return (outputs[..., 0] - targets) ** 2


def _nats(outputs: Any, targets: Any) -> Any:
    import tensorflow as tf

    labels = tf.cast(targets, tf.int32)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=outputs)


def _always_one(examples: Examples) -> float:
    """Return the error of the answer 1, the mean of the sums; 1 / 6 in expectation."""
    _, targets, mask = examples
    return float(((targets - 1) ** 2 * mask).sum() / mask.sum())


def _uniform_symbols(examples: Examples) -> float:
    """Return the nats of blanks where they stand, and of probability 1 / 8 for each symbol."""
    _, targets, mask = examples
    return float((targets > 0).sum() * math.log(SYMBOLS) / mask.sum())


def make_task(name: str, symbols: int | None) -> ToyTask:
    """Return a task by its name in params.yaml; `symbols` is the number of symbols to copy."""
    if name == "adding":
        return ToyTask(2, 1, lambda lag: lag, adding, _squared_error, _always_one, None)
    width, chance = SYMBOLS + 1, 1 / SYMBOLS
    if name == "recall":
        steps = 2 * RECALLS
        return ToyTask(
            *(width, width, lambda lag: steps * lag, recall, _nats, _uniform_symbols, chance)
        )
    length = symbols or 0

    def draw(random: np.random.Generator, examples: int, lag: int) -> Examples:
        return copying(random, examples, lag, length)

    return ToyTask(
        *(width + 1, width, lambda lag: lag + 2 * length, draw, _nats, _uniform_symbols, chance)
    )
