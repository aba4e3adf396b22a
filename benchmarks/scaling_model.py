"""Model of training with several workers: computation against the sums of the gradients.

TensorFlow and gloo add the gradients up around a ring (Patarasuk and Yuan, 2009): of N workers,
each sends 2 (N - 1) messages of 1 / N of the gradients. No toolkit is imported here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapes

REPEATS = 8  # sums of each measurement
SIZES = tuple(2**exponent for exponent in (2, 12, 16, 18, 20, 22, 24, 26))  # bytes


@dataclass(frozen=True)
class Link:
    """What passes between two workers.

    Attributes:
        latency: seconds of a message.
        bandwidth: bytes per second of a worker.
    """

    latency: float
    bandwidth: float

    def after(self, other: Link) -> Link:
        """Return this link behind another one: latencies add up, the lower bandwidth counts."""
        return Link(self.latency + other.latency, min(self.bandwidth, other.bandwidth))


# Assumed, not measured: half a round trip and the payload of TCP.
NETWORKS = {
    "1 Gbit/s": Link(100e-6, 0.117e9),
    "10 Gbit/s": Link(50e-6, 1.17e9),
    "100 Gbit/s": Link(20e-6, 11.7e9),
}


def ring_seconds(size: float, workers: int, link: Link) -> float:
    """Return the seconds in which workers add up so many bytes."""
    messages = 2 * (workers - 1)
    return messages * (link.latency + size / workers / link.bandwidth)


def fit_link(sums: Iterable[tuple[int, int, float]]) -> Link:
    """Return the link with the least squares of the relative errors.

    Args:
        sums: workers, bytes and seconds of each measured sum.
    """
    rows = []
    for workers, size, seconds in sums:
        messages = 2 * (workers - 1)
        rows.append((messages / seconds, messages * size / workers / seconds))
    (latency, seconds_per_byte), *_ = np.linalg.lstsq(np.array(rows), np.ones(len(rows)))
    return Link(float(latency), 1 / float(seconds_per_byte))


@dataclass(frozen=True)
class Computation:
    """Computation of a step: a part for each step, and a part for each row of the batch."""

    fixed: float
    per_row: float

    def seconds(self, rows: float) -> float:
        """Return the seconds of a step of so many rows."""
        return self.fixed + self.per_row * rows


def fit_computation(steps: Iterable[tuple[int, float]]) -> Computation:
    """Return the computation with the least squares of the relative errors.

    Args:
        steps: rows and seconds of each measured step of one process.
    """
    matrix = np.array([(1 / seconds, rows / seconds) for rows, seconds in steps])
    (fixed, per_row), *_ = np.linalg.lstsq(matrix, np.ones(len(matrix)))
    return Computation(max(0.0, float(fixed)), float(per_row))


def step_seconds(
    computation: Computation, rows: float, size: float, workers: int, link: Link
) -> float:
    """Return the seconds of a step.

    Args:
        computation: of one worker.
        rows: rows of the whole batch.
        size: bytes of the gradients.
        workers: number of workers.
        link: between two of them.
    """
    return computation.seconds(rows / workers) + ring_seconds(size, workers, link)


def powers(first: int, last: int) -> Sequence[int]:
    """Return the powers of two from the first to the last."""
    return [2**n for n in range(first.bit_length() - 1, last.bit_length())]


def parameters(shape: shapes.Shape) -> int:
    """Return the number of weights of a language model or a classifier."""
    entry, directions = shape.entry, 2 if shape.entry.get("bidirectional") else 1
    inputs, units, gates = entry["embedding"], entry["units"], shapes.GATES[entry["cell"]]
    count = shape.vocabulary * inputs
    for _ in range(entry["layers"]):
        count += directions * gates * units * (inputs + units + 1)
        inputs = directions * units
    labels = shape.vocabulary if entry["model"] == "language_model" else 3
    return count + (inputs + 1) * labels


def used_rows(shape: shapes.Shape, rows: int) -> float:
    """Return the expected number of different ids of a batch, which `make_batches` draws."""
    filled = 1.0 if shape.entry["model"] == "language_model" else shapes.FILLED
    ids = rows * filled * (shape.steps[0] + shape.steps[-1]) / 2
    return shape.vocabulary * -math.expm1(ids * math.log1p(-1 / shape.vocabulary))


def sent_bytes(shape: shapes.Shape, rows: int) -> float:
    """Return the bytes of the gradients of a batch, with those rows of the embedding it uses."""
    unused = shape.vocabulary - used_rows(shape, rows)
    return 4 * (parameters(shape) - unused * shape.entry["embedding"])
