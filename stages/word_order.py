"""Ask classifiers for texts that differ in nothing but the order of their words."""

from pathlib import Path
from typing import Annotated

import pandas as pd

from pipelines import console
from pipelines.config import params
from pipelines.console import Argument, Option
from pipelines.errors import UserError


def main(
    name: Annotated[str, Argument(help="a corpus under laboratory.word_order of params.yaml")],
    train: Annotated[Path, Option(help="prepared training frame")],
    test: Annotated[Path, Option(help="prepared test frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    bag_of_words: Annotated[Path, Option(help="folder of the trained bag of words")],
    recurrent: Annotated[Path, Option(help="folder of the trained recurrent classifier")],
    answers: Annotated[Path, Option(help="table of the pairs and the answers, to write")],
) -> None:
    """Exchange two words of test texts, and see which classifiers notice."""
    everything = params.load(Path("params.yaml"))
    entry = params.require(everything.laboratory.word_order, name, "corpus for word_order")
    with console.quiet_imports():
        from pipelines.data import parquet
        from pipelines.experiments import tables, word_order
        from pipelines.inference import predictor
        from pipelines.text import encoding

    counting, reading = (predictor.load(model, vocabulary) for model in (bag_of_words, recurrent))
    seen, unseen = parquet.read_parquet(train), parquet.read_parquet(test)
    for frame in (seen, unseen):
        encoding.require_columns(frame, counting.vocabularies, "classification")
    (sentence,) = counting.prepared([entry.sentence])
    known = word_order.evidence(seen, entry.opposites, entry.min_count)
    pairs = word_order.pairs(unseen, known, entry.evidence)
    if pairs.empty:
        raise UserError(
            f"No test text of '{name}' has two words that speak for opposite labels: lower "
            f"laboratory.word_order.{name}.evidence in params.yaml, or take the corpus out there."
        )
    markov = word_order.markov(seen, counting.vocabularies, entry.order, entry.smoothing)
    classifiers = {
        entry.bag_of_words: word_order.trained(counting),
        f"{entry.order}-grams": markov,
        entry.recurrent: word_order.trained(reading),
    }
    given = word_order.given(sentence, entry.exchange)
    both = pd.concat([given, pairs], ignore_index=True)
    tables.write(word_order.answers(both, classifiers, counting.vocabularies.labels), answers)


if __name__ == "__main__":
    console.launch("word_order", main)
