"""Speed, kernels and run-to-run equality of trainings on a GPU.

    python benchmarks/gpu.py

Needs TensorFlow with CUDA (`make install LOCK=requirements-gpu.lock`) and one GPU. Each model of
the training benchmark trains in float32 and in bfloat16, twice from one seed. The table goes into
the README beside this file. Without a GPU nothing is measured or written, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any

import page
import shapes
import tensorflow_models

from pipelines import console

with console.quiet_imports():
    import tensorflow as tf

    from pipelines.training import device, trainer
    from pipelines.training.datasets import Batch
    from pipelines.training.progress import TrainingProgress
    from pipelines.training.signals import Signals

HEAD = ["tokens/s", "bfloat16", "waits for batches", "kernel", "two runs"]
BATCHES = 20  # in the cycle that a training repeats


def main() -> None:
    """Measure all models and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=100, help="batches of each round")
    arguments = parser.parse_args()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        sys.exit(
            "Not run: no GPU on this machine. `seqproof doctor` says why TensorFlow sees none."
        )
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "a GPU")
    sys.stdout.write(f"{name}, TensorFlow {tf.__version__}\n")
    rows = []
    for model, shape in shapes.SHAPES.items():
        rows.append([model, *measure(shape, arguments.rounds, arguments.batches)])
        sys.stdout.write(f"{' | '.join(rows[-1])}\n")
        sys.stdout.flush()
    page.write("gpu", [f"{name}: model", *HEAD], rows)


def measure(shape: shapes.Shape, rounds: int, batches: int) -> list[str]:
    """Return the cells of a model's row."""
    half = shape._replace(entry=shape.entry | {"precision": "bfloat16"})
    training = Training(shape)
    speed, waiting = training.speed(rounds, batches)
    described = device.describe(training.config)
    equal = [
        Training(kind).digest(BATCHES) == Training(kind).digest(BATCHES) for kind in (shape, half)
    ]
    return [
        f"{speed:,.0f}",
        f"{Training(half).speed(rounds, batches)[0]:,.0f}",
        f"{waiting:.1%}",
        f"{described['kernel']} ({training.cudnn_operations} cuDNN operations)",
        "equal" if all(equal) else "different",
    ]


class Training:
    """Training of a new model from the same seed, on the same batches."""

    def __init__(self, shape: shapes.Shape) -> None:
        self.config = tensorflow_models.make_config(shape)
        self._list = shapes.make_batches(shape, BATCHES)
        self._batches, self._length = itertools.cycle(self._list), 1
        self._progress = TrainingProgress()
        self._trainer, self._model = tensorflow_models.make_trainer(
            shape, lambda: itertools.islice(self._batches, self._length), BATCHES, self._progress
        )
        self._epochs = itertools.count(1)

    @property
    def cudnn_operations(self) -> int:
        """Number of cuDNN's operations in the compiled step, forwards and backwards."""
        return str(self._trainer.graph.as_graph_def()).count('op: "CudnnRNN')

    def run(self, batches: int) -> None:
        """Train on a number of batches."""
        self._length = batches
        self._trainer.begin_epoch(next(self._epochs))
        self._trainer.train_epoch(console.Progress(lambda amount, remark: None), Signals())

    def digest(self, batches: int) -> list[bytes]:
        """Train, and return the bytes of all losses and weights."""
        self.run(batches)
        losses = repr(self._progress.losses).encode()
        return [losses, *(weight.tobytes() for weight in self._model.get_weights())]

    def speed(self, rounds: int, batches: int) -> tuple[float, float]:
        """Return tokens per second, and the share of the time in which no batch was ready."""
        self.run(BATCHES)  # the first steps choose kernels
        seconds, waited = [], []
        for _ in range(rounds):
            start = time.perf_counter()
            waited.append(_waiting(lambda: self.run(batches)))
            seconds.append(time.perf_counter() - start)
        tokens = shapes.count_tokens(self._list) / BATCHES * batches
        return tokens / statistics.median(seconds), sum(waited) / sum(seconds)


def _waiting(run: Callable[[], None]) -> float:
    """Return the seconds that a training waits for its batches."""
    waited, original = 0.0, trainer.batches_and_tensors

    def timed(batches: Iterable[Batch]) -> Generator[tuple[Batch, Any], None, None]:
        nonlocal waited
        pairs = original(batches)
        while True:
            start = time.perf_counter()
            pair = next(pairs, None)
            waited += time.perf_counter() - start
            if pair is None:
                return
            yield pair

    trainer.batches_and_tensors = timed
    try:
        run()
    finally:
        trainer.batches_and_tensors = original
    return waited


if __name__ == "__main__":
    main()
