"""Speed of greedy search and beam search of a trained translator.

    python benchmarks/decoding.py

The translators are trained for a few epochs on generated dates, character by character, and then
translate 1,000 other dates: hypotheses end where the model ends them. They have embeddings of 64,
a bidirectional LSTM of 128, a decoder of 128 and additive attention. The table in the README of
this folder gets the median of several rounds; the first round compiles and does not count. The rate
per second of one core hardly depends on other work of the machine. The share of right translations
tells that the models are trained.
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
    import pandas as pd

    from pipelines.data import synthetic_dates
    from pipelines.inference import scores
    from pipelines.inference.decoding import Decoder
    from pipelines.models import serialization
    from pipelines.tasks import translation
    from pipelines.text import encoding, vocabulary

TRAIN, VALID, TEST = 8000, 200, 1000
LIMIT = 60  # characters of a translation
DATES = {
    "kind": "generated",
    "generator": "dates",
    "examples": TRAIN + VALID + TEST,
    "start": "1950-01-01",
    "end": "2049-12-31",
    "locales": ["de", "el", "en", "es", "fr", "it", "nl", "pl", "pt", "sv"],
}
CLEANING = {"unicode": "NFC", "lowercase": True, "max_length": LIMIT, "drop_repeated": False}
MODEL = {
    "model": "seq2seq",
    "corpus": "dates",
    "cell": "lstm",
    "embedding": 64,
    "units": 128,
    "layers": 1,
    "bidirectional": True,
    "attention": "additive",
    "dropout": 0.0,
    "batch_size": 64,
    "optimizer": {
        "name": "adam",
        "learning_rate": 0.003,
        "schedule": "linear",
        "clip_norm": 1.0,
    },
}
HEADER = ["1,000 dates", "sentences/s", "a core second", "right"]


def main() -> None:
    """Train the translators, measure all searches, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    train, valid, test = _dates()
    columns = {
        column: vocabulary.build(list(train[column]), "characters", 200, 1) for column in train
    }
    vocabularies = vocabulary.Vocabularies(columns)
    sources = encoding.encode_rows(test["source"], columns["source"])
    rows = []
    for input_feeding in (False, True):
        changes = {"input_feeding": input_feeding, "epochs": options.epochs}
        entry = params.Seq2SeqConfig.model_validate(MODEL | changes)
        cleaning = params.Cleaning.model_validate(CLEANING)
        spec = serialization.ModelSpec(entry, "translation", "characters", cleaning, 1)
        model = translation.TASK.train(spec, (train, valid), vocabularies).model
        for beam in (1, 5):
            decoder = Decoder(model, LIMIT, params.Search(beam=beam))
            rates = [_measure(decoder, sources) for _ in range(options.rounds + 1)][1:]
            medians = (statistics.median(column) for column in zip(*rates, strict=True))
            preposition = "with" if input_feeding else "without"
            title = f"{preposition} input feeding, beam {beam}"
            texts = [_text(columns["target"], hypotheses[0].ids) for hypotheses in decoder(sources)]
            right = scores.exact_match(texts, list(test["target"]))
            rows.append([title, *(f"{rate:,.0f}" for rate in medians), f"{right:.3f}"])
            console.echo(" | ".join(rows[-1]))
    page.write("decoding", HEADER, rows)


def _dates() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the training, validation and test split."""
    pairs = synthetic_dates.date_pairs(params.DatesSource.model_validate(DATES), seed=1)
    table = pd.DataFrame(pairs, columns=["source", "target"])
    table["source"] = table["source"].str.lower()
    return table[:TRAIN], table[TRAIN : TRAIN + VALID], table[TRAIN + VALID :]


def _text(column: vocabulary.Vocabulary, ids: np.ndarray) -> str:
    return column.join(column.decode_tokens(ids))


def _measure(decoder: Decoder, sources: list[np.ndarray]) -> tuple[float, float]:
    """Return sentences per second, and per second of one core."""
    wall, cpu = time.perf_counter(), time.process_time()
    decoder(sources)
    return len(sources) / (time.perf_counter() - wall), len(sources) / (time.process_time() - cpu)


if __name__ == "__main__":
    main()
