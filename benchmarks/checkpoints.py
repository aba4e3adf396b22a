"""What checkpoints cost: a training with them at the default interval beside one without, in turn.

    python benchmarks/checkpoints.py

Writes into docs/reproducibility.md the milliseconds of a step and of a checkpoint, and the share of
the training's time that checkpoints take. Machines are noisy: read the share.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import page
import training

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    import keras

    from pipelines.training import checkpoints
    from pipelines.training import signals as stopping

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reproducibility.md"
EVERY = params.load(ROOT / "params.yaml").checkpoints.every
NAMES = ("words, LSTM 2x200", "words, LSTM 2x650", "characters, LSTM 256", "sentences, LSTM 128")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20, help="steps of each round")
    given = parser.parse_args()
    rows = []
    for name in NAMES:
        rows.append(_measured(name, given.rounds, given.batches))
        console.echo(json.dumps(rows[-1]))
        keras.utils.clear_session(free_memory=True)
    head = [
        "model",
        "parameters",
        "ms a step",
        "ms a checkpoint",
        f"share at every {EVERY:,} steps",
    ]
    page.write("price", head, rows, PAGE)


def _measured(name: str, rounds: int, many: int) -> list[str]:
    entry, size, _, batches = training.shape(name, many)
    trained, model = training.training_of(entry, size, batches)
    unseen, signals = console.Progress(lambda amount, remark: None), stopping.Signals()
    steps, writes = [], []
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        kept = checkpoints.Checkpoints(Path(folder), EVERY)
        for turn in range(rounds + 1):
            trained.begin(turn + 1)
            started = time.perf_counter()
            trained.epoch(unseen, signals)
            middle = time.perf_counter()
            trained.end_epoch(float(turn))  # a new best, so that its weights are written too
            before = time.perf_counter()
            kept.write(trained.steps, trained.snapshot())
            if turn:  # the first turn compiles
                steps.append((middle - started) / many)
                writes.append(time.perf_counter() - before)
    step, write = statistics.median(steps), statistics.median(writes)
    share = write / (EVERY * step + write)
    return [
        name,
        f"{model.count_params():,}",
        f"{1000 * step:,.1f}",
        f"{1000 * write:,.0f}",
        f"{share:.2%}",
    ]


if __name__ == "__main__":
    main()
