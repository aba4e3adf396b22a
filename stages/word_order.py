"""Compare the predictions of classifiers for texts with the same words in a different order."""

from pathlib import Path
from typing import Annotated

import pandas as pd

from pipelines import console, paths
from pipelines.config import params


def main(
    name: Annotated[
        str, console.Argument(help="a corpus under experiments.word_order of params.yaml")
    ],
) -> None:
    """Record which classifiers tell texts with the same words in a different order apart."""
    config = params.load(paths.PARAMS)
    experiments = config.experiments.word_order
    entry = params.require(experiments, name, "corpus", "experiments.word_order")
    with console.quiet_imports():
        from pipelines.data import parquet
        from pipelines.experiments import tables, word_order
        from pipelines.inference import predictor
        from pipelines.layers import threads
        from pipelines.text import encoding

    threads.use_threads(config.threads)
    bag_of_words, positions, recurrent = (
        predictor.load(paths.model(model), paths.vocabulary(name))
        for model in (entry.bag_of_words, entry.positions, entry.recurrent)
    )
    train, test = (parquet.read_parquet(paths.frame(name, split)) for split in ("train", "test"))
    for frame in (train, test):
        encoding.require_columns(frame, bag_of_words.vocabularies, "classification")
    pairs = [
        word_order.natural_pairs(
            Path(entry.minimal_pairs), bag_of_words.prepare, bag_of_words.vocabularies.labels
        )
    ]
    if entry.shift is not None:
        (words,) = bag_of_words.prepare([entry.shift.words])
        pairs.append(word_order.shifted_pairs(test.head(entry.shift.texts), words))
    pairs.append(word_order.pairs_in_test(test))
    if entry.exchange is not None:
        evidence = word_order.word_evidence(train, entry.exchange.labels, entry.exchange.min_count)
        pairs.append(word_order.exchanged_pairs(test, evidence, entry.exchange))
    ngrams = word_order.ngram_classifier(
        train, bag_of_words.vocabularies, entry.order, entry.smoothing
    )
    classifiers = {
        entry.bag_of_words: word_order.model_classifier(bag_of_words),
        entry.positions: word_order.model_classifier(positions),
        f"{entry.order}-grams": ngrams,
        entry.recurrent: word_order.model_classifier(recurrent),
    }
    predictions = word_order.compare_predictions(
        pd.concat(pairs, ignore_index=True), classifiers, bag_of_words.vocabularies.labels
    )
    tables.write(predictions, paths.experiment("word_order", name))


if __name__ == "__main__":
    console.launch("word_order", main)
