"""Cost of checkpoints: time of a checkpoint compared to a training step, at the default interval.

    python benchmarks/checkpoints.py

Writes into docs/reproducibility.md the milliseconds of a step and of a checkpoint, and the fraction
of the training time that checkpoints take. Machines are noisy: read the fraction.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import page
import shapes
import tensorflow_models

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    import keras

    from pipelines.training.checkpoints import CheckpointManager
    from pipelines.training.progress import TrainingProgress
    from pipelines.training.signals import Signals

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reproducibility.md"
INTERVAL = params.load(ROOT / "params.yaml").checkpoints.every
NAMES = ("words, LSTM 2x200", "words, LSTM 2x650", "characters, LSTM 256", "sentences, LSTM 128")


def main() -> None:
    """Measure all models, print the results and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20, help="steps of each round")
    options = parser.parse_args()
    rows = []
    for name in NAMES:
        rows.append(measure(name, options.rounds, options.batches))
        console.echo(json.dumps(rows[-1]))
        keras.utils.clear_session(free_memory=True)
    header = [
        "model",
        "parameters",
        "ms a step",
        "ms a checkpoint",
        f"share at every {INTERVAL:,} steps",
    ]
    page.write("price", header, rows, PAGE)


def measure(name: str, rounds: int, batch_count: int) -> list[str]:
    """Return the table row of a model."""
    shape = shapes.SHAPES[name]
    batches = shapes.make_batches(shape, batch_count)
    silent_bar, signals = console.Progress(lambda amount, remark: None), Signals()
    step_seconds, checkpoint_seconds = [], []
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        # Checkpoints are written explicitly, so the manager's own interval is never reached.
        manager = CheckpointManager(Path(folder), interval=10**9)
        progress = TrainingProgress(checkpoints=manager)
        trainer, model = tensorflow_models.make_trainer(
            shape, lambda: iter(batches), batch_count, progress
        )
        for number in range(rounds + 1):
            trainer.begin_epoch(number + 1)
            start = time.perf_counter()
            trainer.train_epoch(silent_bar, signals)
            steps_end = time.perf_counter()
            trainer.end_epoch(float(number))  # a new best epoch: its weights are written, too
            checkpoint_start = time.perf_counter()
            progress.save(trainer.checkpoint())
            if number:  # the first round compiles
                step_seconds.append((steps_end - start) / batch_count)
                checkpoint_seconds.append(time.perf_counter() - checkpoint_start)
    step, checkpoint = statistics.median(step_seconds), statistics.median(checkpoint_seconds)
    fraction = checkpoint / (INTERVAL * step + checkpoint)
    return [
        name,
        f"{model.count_params():,}",
        f"{1000 * step:,.1f}",
        f"{1000 * checkpoint:,.0f}",
        f"{fraction:.2%}",
    ]


if __name__ == "__main__":
    main()
