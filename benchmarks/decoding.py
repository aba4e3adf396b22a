"""Speed of greedy search and beam search, with a translator of the size of Multi30k's.

    python benchmarks/decoding.py

The model has embeddings of 256, a bidirectional LSTM of 512, a decoder of 512, additive attention
and 10,000 words. It translates 1,000 sentences of about 12 words each. Its weights are random, so
no hypothesis ends before the limit of 13 tokens. The table in the README of this folder gets the
median of several rounds; the first round compiles and does not count. The second number, per second
of one core, hardly depends on other work of the machine.
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
    from pipelines.text.subwords import SPECIALS
    from pipelines.text.vocabulary import Vocabularies, Vocabulary

WORDS, SENTENCES, LIMIT = 10_000, 1000, 12
OPTIMIZER = {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 1.0}
MODEL = {
    "model": "seq2seq",
    "corpus": "none",
    "cell": "lstm",
    "embedding": 256,
    "units": 512,
    "layers": 1,
    "bidirectional": True,
    "attention": "additive",
    "dropout": 0.0,
    "batch_size": 64,
    "epochs": 1,
    "optimizer": OPTIMIZER,
}


def main() -> None:
    """Measure all searches and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    tokens = (*SPECIALS, *map(str, range(WORDS)))
    vocabulary = Vocabulary(tokens, (1,) * len(tokens), "words")
    vocabularies = Vocabularies({"source": vocabulary, "target": vocabulary})
    random = np.random.default_rng(0)
    lengths = np.clip(random.poisson(12, SENTENCES), 4, 40)
    sources = [random.integers(4, WORDS, length).astype(np.int32) for length in lengths]
    rows = []
    for input_feeding in (False, True):
        entry = params.Seq2SeqConfig.model_validate(MODEL | {"input_feeding": input_feeding})
        model = serialization.build(entry, vocabularies)
        for beam in (1, 5):
            decoder = Decoder(model, LIMIT, params.Search(beam=beam))
            rates = [_measure(decoder, sources) for _ in range(rounds + 1)][1:]
            medians = (statistics.median(column) for column in zip(*rates, strict=True))
            preposition = "with" if input_feeding else "without"
            title = f"{preposition} input feeding, beam {beam}"
            rows.append([title, *(f"{rate:,.0f}" for rate in medians)])
    page.write("decoding", ["1,000 sentences", "sentences/s", "a core second"], rows)


def _measure(decoder: Decoder, sources: list[np.ndarray]) -> tuple[float, float]:
    """Return sentences per second, and per second of one core."""
    wall, cpu = time.perf_counter(), time.process_time()
    decoder(sources)
    return len(sources) / (time.perf_counter() - wall), len(sources) / (time.process_time() - cpu)


if __name__ == "__main__":
    main()
