"""Seconds until a translator of Multi30k reaches a BLEU in validation, in JoeyNMT's timed shape.

    python benchmarks/multi30k.py PROJECT

PROJECT is a project of the template `multi30k` whose corpus is fetched and prepared. English to
German, words, lowercase, embeddings 256, bidirectional LSTM 512, decoder 512, additive attention,
input feeding, Adam 1e-3, batch 64; greedy BLEU of tokens after every epoch, which the seconds
contain. Writes its table into the README beside this file.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import page

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    from pipelines.data import parquet
    from pipelines.models import serialization
    from pipelines.tasks.validation import Validation
    from pipelines.text import vocabulary
    from pipelines.training import progress
    from pipelines.training import train as learn

HEAD = ["epoch", "BLEU in validation", "seconds", "target words/s, validation included"]
SHAPE = {
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
    "optimizer": {"name": "adam", "learning_rate": 0.001, "schedule": "linear", "clip_norm": 1.0},
}


def main() -> None:
    """Train until the BLEU is reached, and write BLEU against seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--corpus", default="multi30k")
    parser.add_argument("--until", type=float, default=24.9, help="BLEU in validation")
    parser.add_argument("--precision", choices=["bfloat16"])
    given = parser.parse_args()
    corpus = params.load(given.project / "params.yaml").corpora[given.corpus]
    turned = {"source": "target", "target": "source"}  # prepared German to English
    folder = given.project / "data"
    train, valid = (
        parquet.read_parquet(folder / "prepared" / given.corpus / f"{split}.parquet").rename(
            columns=turned
        )
        for split in ("train", "valid")
    )
    known = vocabulary.load(folder / "vocabulary" / f"{given.corpus}.json").columns
    words = vocabulary.Vocabularies({turned[column]: one for column, one in known.items()})
    entry = params.Seq2Seq.model_validate(SHAPE | {"precision": given.precision})
    card = serialization.ModelSpec(entry, corpus.task, corpus.tokens, corpus.cleaning, 1)
    started = time.monotonic()
    rows: list[list[str]] = []

    def said(row: dict[str, float]) -> None:
        seconds = time.monotonic() - started
        speed = row["tokens"] / seconds
        rows.append([str(row["epoch"]), f"{row['valid_bleu']:.1f}", f"{seconds:,.0f}"])
        rows[-1].append(f"{speed:,.0f}")
        console.echo(" | ".join(rows[-1]))
        if row["valid_bleu"] >= given.until:
            raise KeyboardInterrupt

    scored = Validation(card, words, valid).score
    try:
        learn.seq2seq(card, (train, valid), words, progress.Callbacks(said), scored)
    except KeyboardInterrupt:
        page.write("multi30k", HEAD, rows)


if __name__ == "__main__":
    main()
