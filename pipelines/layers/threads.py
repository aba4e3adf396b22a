"""Threads of TensorFlow: within an operation, or between shards or batches."""

from __future__ import annotations

from contextlib import suppress

import tensorflow as tf

LEAST_ROWS = 8  # of a shard; smaller matrix products are slow


def use_threads(count: int) -> None:
    """Set the number of threads of an operation; operations run one after the other.

    Products of matrices are summed in another order by another number of threads, so the bytes of
    weights depend on it. In a process that has run an operation before, for instance a notebook,
    TensorFlow has its threads already: nothing changes.
    """
    _set_threads(within=count, between=1)


def use_training_threads(count: int, rows: int | None, workers: int = 1) -> None:
    """Set the threads of a training, whose batches are divided into as many shards as possible.

    Small matrix products hardly gain from a second thread. A shard has a thread of its own, or
    several if there are more threads than shards.

    Args:
        count: number of threads in all.
        rows: rows of a batch; None if batches have a number of tokens instead.
        workers: number of processes that share a batch, each with so many threads.
    """
    shards = count if rows is None else max(1, min(count, rows // workers // LEAST_ROWS))
    if tf.config.list_physical_devices("GPU"):
        shards = 1
    _set_threads(within=count // shards, between=shards)


def use_search_threads(count: int) -> None:
    """Set the threads of a search for translations: each batch has a thread of its own."""
    shards = 1 if tf.config.list_physical_devices("GPU") else count
    _set_threads(within=count // shards, between=shards)


def shard_count() -> int:
    """Return the number of threads that run operations.

    So many shards of a training batch, or batches of a search, are computed side by side.
    """
    return max(1, tf.config.threading.get_inter_op_parallelism_threads())


def _set_threads(within: int, between: int) -> None:
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(within)
        tf.config.threading.set_inter_op_parallelism_threads(between)
