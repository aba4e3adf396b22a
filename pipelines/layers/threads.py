"""Threads of TensorFlow."""

from __future__ import annotations

from contextlib import suppress

import tensorflow as tf


def use_threads(count: int) -> None:
    """Set the number of threads of an operation; operations run one after the other.

    Products of matrices are summed in another order by another number of threads, so the bytes of
    weights depend on it. In a process that has run an operation before, for instance a notebook,
    TensorFlow has its threads already: nothing changes.
    """
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(1)
