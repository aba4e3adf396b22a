"""A worker of the scaling benchmark: seqproof, or only TensorFlow's sums over all workers.

    python benchmarks/scaling_tensorflow.py NAME PROCESSES ROWS

NAME is a model of the training benchmark, or `sums`; ROWS are those of the whole batch. `TF_CONFIG`
has the addresses of all workers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import scaling_model
import shapes
import tensorflow_models
import worker

from pipelines import console

with console.quiet_imports():
    import tensorflow as tf

    from pipelines.layers import threads
    from pipelines.training.workers import join, sum_over_replicas


def make_sums(processes: int) -> Callable[[int], None]:
    """Return a function that adds so many bytes up over all workers, again and again."""
    workers = join(processes)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,))])
    def repeat(values: tf.Tensor) -> tf.Tensor:
        def replica(values: tf.Tensor) -> tf.Tensor:
            values += 0.0  # on the device of the worker
            for _ in range(scaling_model.REPEATS):
                (values,) = sum_over_replicas([values])
            return values

        return workers.strategy.run(replica, (values,))

    return lambda size: repeat(tf.ones((size // 4,)))


def main() -> None:
    """Serve one model, or sums."""
    name, processes, rows = sys.argv[1], *map(int, sys.argv[2:])
    if name == "sums":
        threads.use_threads(1)
        worker.serve(make_sums(processes), lambda: None)
        return
    shape = shapes.with_rows(shapes.SHAPES[name], rows)
    threads.use_training_threads(1, rows)
    workers = join(processes) if processes > 1 else None
    worker.serve(tensorflow_models.seqproof_training(shape, workers), lambda: None)


if __name__ == "__main__":
    main()
