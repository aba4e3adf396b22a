"""Memory of a training whose corpus is larger than the memory that its process may use.

    python benchmarks/memory.py

For each size, a process whose memory is limited trains one epoch: it reads `train.parquet` in
parts, writes the ids of its characters to a file, and reads its batches from there. Prints the
largest anonymous memory of the process, which no file can give back, before and during the
training, and writes the table into the README beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import page
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import console

HEAD = ("model", "ids, MB", "limit, MB", "anonymous before, MB", "largest in training, MB", "s")
ROW, GROUP = 2000, 1000  # characters of a row, rows of a row group
CHARACTERS = "abcdefghijklmnopqrstuvwxyz "
OPTIMIZER = {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 1.0}
COMMON = {"corpus": "random", "dropout": 0.0, "epochs": 1, "optimizer": OPTIMIZER}
MODELS: dict[str, dict[str, Any]] = {
    "bag_of_words": {**COMMON, "hidden": (8,), "batch_size": 256},
    "language_model": {
        **COMMON,
        "cell": "rnn",
        "embedding": 8,
        "units": 8,
        "layers": 1,
        "batch_size": 2048,
        "bptt_steps": 64,
    },
}
FRUGAL = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
ALL = [
    ("bag_of_words", 20),
    ("bag_of_words", 200),
    ("bag_of_words", 2000),
    ("language_model", 20),
    ("language_model", 200),
]


def write_corpus(path: Path, rows: int) -> None:
    """Write rows of random letters, a row group at a time."""
    random = np.random.default_rng(1)
    codes = np.frombuffer(CHARACTERS.encode(), np.uint8)
    schema = pa.schema({"text": pa.string(), "label": pa.string()})
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        for start in range(0, rows, GROUP):
            count = min(GROUP, rows - start)
            letters = codes[random.integers(0, len(codes), (count, ROW))]
            texts = [bytes(row).decode() for row in letters]
            labels = ["ab"[row % 2] for row in range(count)]
            writer.write_table(pa.table({"text": texts, "label": labels}, schema))


def train(model: str, folder: Path, limit: int) -> dict[str, float]:
    """Train a model in this process, whose memory is limited to `limit` bytes."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    import pandas as pd

    from pipelines.config import params
    from pipelines.data import parquet
    from pipelines.models.serialization import ModelSpec
    from pipelines.tasks import lookup
    from pipelines.text import vocabulary
    from pipelines.training.callbacks import Callback

    class Watch(Callback):
        before, most = 0.0, 0.0

        def on_train_begin(self, graph: Any) -> None:
            self.before = anonymous_memory()

        def on_step_end(self, step: int, loss: float, gradient_norm: float) -> None:
            self.most = max(self.most, anonymous_memory())

    kinds = {"bag_of_words": params.BagOfWordsConfig, "language_model": params.LanguageModelConfig}
    entry = kinds[model].model_validate({"model": model, **MODELS[model]})
    cleaning = params.Cleaning(unicode="NFC", lowercase=False, max_length=ROW, drop_repeated=False)
    task = params.TASK_OF[model]
    columns = {"text": vocabulary.build([CHARACTERS], "characters", 100, 1)}
    vocabularies = vocabulary.Vocabularies(columns, ("a", "b") if model == "bag_of_words" else ())
    valid = pd.DataFrame({"text": [CHARACTERS * 50] * 100, "label": ["a", "b"] * 50})
    watch, start = Watch(), time.monotonic()
    lookup.get(task).train(
        ModelSpec(entry, task, "characters", cleaning, 1),
        (parquet.Split(folder / "train.parquet"), valid),
        vocabularies,
        [watch],
    )
    return {"before": watch.before, "most": watch.most, "seconds": time.monotonic() - start}


def anonymous_memory() -> float:
    """Return the megabytes of this process that are no file."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("RssAnon:")[2].split()[0]) / 1000


def main() -> None:
    """Train models on corpora of different sizes, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, default=1500, help="megabytes of a process")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    limit = options.limit * 10**6
    if options.child:
        model, folder = options.child
        sys.stdout.write(json.dumps(train(model, Path(folder), limit)))
        return
    rows = []
    for model, megabytes in ALL:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            write_corpus(Path(folder) / "train.parquet", megabytes * 10**6 // 4 // ROW)
            command = [sys.executable, __file__, "--limit", str(options.limit)]
            child = subprocess.run(
                [*command, "--child", model, folder],
                # The limit counts memory that is reserved, too: reserve less of it.
                env={**os.environ, **FRUGAL, "TMPDIR": folder},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        result = json.loads(child.stdout.splitlines()[-1])
        name = model.replace("_", " ")
        numbers = [megabytes, options.limit, *(round(result[key]) for key in result)]
        rows.append((name, *(f"{number:,}" for number in numbers)))
        console.echo(" | ".join(rows[-1]))
    page.write("memory", HEAD, rows)


if __name__ == "__main__":
    main()
