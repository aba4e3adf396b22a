"""Swap two words of test texts and compare the predictions of classifiers."""

from typing import Annotated

import pandas as pd

from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError


def main(
    name: Annotated[
        str, console.Argument(help="a corpus under experiments.word_order of params.yaml")
    ],
) -> None:
    """Swap two words of test texts, and record which classifiers change their prediction."""
    config = params.load(paths.PARAMS)
    experiments = config.experiments.word_order
    entry = params.require(experiments, name, "corpus", "experiments.word_order")
    with console.quiet_imports():
        from pipelines.data import parquet
        from pipelines.experiments import tables, word_order
        from pipelines.inference import predictor
        from pipelines.text import encoding

    bag_of_words, recurrent = (
        predictor.load(paths.model(model), paths.vocabulary(name))
        for model in (entry.bag_of_words, entry.recurrent)
    )
    train, test = (parquet.read_parquet(paths.frame(name, split)) for split in ("train", "test"))
    for frame in (train, test):
        encoding.require_columns(frame, bag_of_words.vocabularies, "classification")
    (sentence,) = bag_of_words.prepare([entry.sentence])
    evidence = word_order.word_evidence(train, entry.opposites, entry.min_count)
    pairs = word_order.swapped_pairs(test, evidence, entry.evidence)
    if pairs.empty:
        raise UserError(
            f"No test text of '{name}' has two words with evidence for opposite labels. Lower "
            f"experiments.word_order.{name}.evidence in params.yaml, or remove that entry."
        )
    ngrams = word_order.ngram_classifier(
        train, bag_of_words.vocabularies, entry.order, entry.smoothing
    )
    classifiers = {
        entry.bag_of_words: word_order.model_classifier(bag_of_words),
        f"{entry.order}-grams": ngrams,
        entry.recurrent: word_order.model_classifier(recurrent),
    }
    example = word_order.example_pair(sentence, entry.exchange)
    labels = bag_of_words.vocabularies.labels
    predictions = word_order.compare_predictions(
        pd.concat([example, pairs], ignore_index=True), classifiers, labels
    )
    tables.write(predictions, paths.experiment("word_order", name))


if __name__ == "__main__":
    console.launch("word_order", main)
