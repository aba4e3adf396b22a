"""Batches as tensors; a GPU never waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

from pipelines.training.datasets import Batch
from pipelines.training.steps import to_tensors

AHEAD = 2  # batches
DEVICE = "GPU:0"  # a stage uses one GPU


def batches_and_tensors(batches: Iterable[Batch]) -> Generator[tuple[Batch, Any], None, None]:
    """Yield each batch with its tensors, in order; close the generator to stop earlier.

    For a GPU, a thread reads the next batches and copies them there while the GPU computes. On a
    CPU the thread would take its time from the step, of which reading is less than a hundredth.
    """
    if not tf.config.list_physical_devices("GPU"):
        yield from ((batch, to_tensors(batch)) for batch in batches)
        return
    iterator = iter(batches)

    def read() -> tuple[Batch, Any] | None:
        batch = next(iterator, None)
        return None if batch is None else (batch, tf.nest.map_structure(_on_gpu, batch))

    with ThreadPoolExecutor(1, "prefetch") as thread:
        waiting = deque(thread.submit(read) for _ in range(AHEAD))
        while (item := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(read))
            yield item


def _on_gpu(value: Any) -> tf.Tensor:
    """Copy an array to the GPU; int32 stays in the host's memory, where TensorFlow expects it."""
    tensor = tf.convert_to_tensor(value)
    if tensor.dtype == tf.int32:
        return tensor
    with tf.device(DEVICE):
        return tf.identity(tensor)
