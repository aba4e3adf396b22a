"""Time until a Multi30k translator reaches a validation BLEU.

    python benchmarks/multi30k.py PROJECT

PROJECT is a project of the template `multi30k` whose corpus is fetched and prepared. English to
German, words, lowercase, embeddings 256, bidirectional LSTM 512, decoder 512, additive attention,
input feeding, Adam 1e-3, batch 64. The seconds include a greedy BLEU after every epoch. Writes its
table into the README beside this file.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import page

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    from pipelines.data import parquet
    from pipelines.models import serialization
    from pipelines.tasks import translation
    from pipelines.text import vocabulary
    from pipelines.training.callbacks import Callback
    from pipelines.training.samples import Sample

HEADER = ["epoch", "BLEU in validation", "seconds", "target words/s, validation included"]
MODEL = {
    "model": "seq2seq",
    "corpus": "multi30k",
    "cell": "lstm",
    "embedding": 256,
    "units": 512,
    "layers": 1,
    "bidirectional": True,
    "attention": "additive",
    "input_feeding": True,
    "dropout": 0.3,
    "batch_size": 64,
    "epochs": 10,
    "optimizer": {
        "name": "adam",
        "learning_rate": 0.001,
        "schedule": "linear",
        "clip_norm": 1.0,
    },
}


class TargetReached(Exception):
    """Raised when the validation BLEU is high enough."""


class StopAtBleu(Callback):
    """Records a table row per epoch, and stops the training at a validation BLEU.

    Args:
        target: the BLEU to reach.
    """

    def __init__(self, target: float) -> None:
        self.target, self.rows = target, list[list[str]]()
        self._start_time = time.monotonic()

    def on_epoch_end(self, row: Mapping[str, float], sample: Sample | None = None) -> None:
        """Record and print the epoch.

        Raises:
            TargetReached: the BLEU was reached.
        """
        seconds = time.monotonic() - self._start_time
        cells = [str(row["epoch"]), f"{row['valid_bleu']:.1f}", f"{seconds:,.0f}"]
        self.rows.append([*cells, f"{row['tokens'] / seconds:,.0f}"])
        console.echo(" | ".join(self.rows[-1]))
        if row["valid_bleu"] >= self.target:
            raise TargetReached


def main() -> None:
    """Train until the BLEU is reached, and write BLEU and seconds of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--corpus", default="multi30k")
    parser.add_argument("--until", type=float, default=24.9, help="BLEU in validation")
    parser.add_argument("--precision", choices=["bfloat16"])
    options = parser.parse_args()
    corpus = params.load(options.project / "params.yaml").corpora[options.corpus]
    swapped = {"source": "target", "target": "source"}  # the corpus is German to English
    folder = options.project / "data"
    train, valid = (
        parquet.read_parquet(folder / "prepared" / options.corpus / f"{split}.parquet").rename(
            columns=swapped
        )
        for split in ("train", "valid")
    )
    columns = vocabulary.load(folder / "vocabulary" / f"{options.corpus}.json").columns
    vocabularies = vocabulary.Vocabularies(
        {swapped[name]: column for name, column in columns.items()}
    )
    entry = params.Seq2SeqConfig.model_validate(MODEL | {"precision": options.precision})
    spec = serialization.ModelSpec(entry, corpus.task, corpus.tokens, corpus.cleaning, 1)
    callback = StopAtBleu(options.until)
    try:
        translation.TASK.train(spec, (train, valid), vocabularies, [callback])
    except TargetReached:
        page.write("multi30k", HEADER, callback.rows)


if __name__ == "__main__":
    main()
