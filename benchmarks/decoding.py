"""Sentences a second of greedy and of beam search, with a translator of the usual size.

    python benchmarks/decoding.py

Embeddings 256, bidirectional LSTM 512, decoder 512, additive attention, 10,000 words, as of
Multi30k: 1,000 sentences of about 12 words each. The weights are random, so nothing ends by itself:
every hypothesis is 13 tokens long. Writes into the README beside this file the median of some
rounds after the first, which compiles, and beside it what one second of one core decodes, which
other work hardly changes.
"""

from __future__ import annotations

import argparse
import statistics
import time

import page

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    import numpy as np

    from pipelines.inference.decoding import Decoder
    from pipelines.models import serialization
    from pipelines.text.vocabulary import SPECIALS, Vocabularies, Vocabulary

WORDS, SENTENCES, LIMIT = 10_000, 1000, 12
OPTIMIZER = {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 1.0}
SHAPE = {"model": "seq2seq", "corpus": "none", "cell": "lstm", "embedding": 256, "units": 512}
SHAPE |= {"layers": 1, "bidirectional": True, "attention": "additive", "dropout": 0.0}
SHAPE |= {"batch_size": 64, "epochs": 1, "optimizer": OPTIMIZER}


def main() -> None:
    """Write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    tokens = (*SPECIALS, *map(str, range(WORDS)))
    vocabulary = Vocabulary(tokens, (1,) * len(tokens), "words")
    random = np.random.default_rng(0)
    lengths = np.clip(random.poisson(12, SENTENCES), 4, 40)
    sources = [random.integers(4, WORDS, length).astype(np.int32) for length in lengths]
    rows = []
    for feeding in (False, True):
        entry = params.Seq2Seq.model_validate(SHAPE | {"input_feeding": feeding})
        model = serialization.build(
            entry, Vocabularies({"source": vocabulary, "target": vocabulary})
        )
        for beam in (1, 5):
            decoder = Decoder(model, LIMIT, params.Search(beam=beam))
            measured = [_rates(decoder, sources) for _ in range(rounds + 1)][1:]
            medians = (statistics.median(column) for column in zip(*measured, strict=True))
            fed = "with" if feeding else "without"
            rows.append(
                [f"{fed} input feeding, beam {beam}", *(f"{rate:,.0f}" for rate in medians)]
            )
    page.write("decoding", ["1,000 sentences", "sentences/s", "a core second"], rows)


def _rates(decoder: Decoder, sources: list[np.ndarray]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    decoder(sources)
    return len(sources) / (time.perf_counter() - wall), len(sources) / (time.process_time() - cpu)


if __name__ == "__main__":
    main()
