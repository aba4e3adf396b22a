"""Train a baseline: perceptron or MLP on word counts, or a Markov model."""

import time
from pathlib import Path
from typing import Annotated

import pandas as pd

from pipelines import console, params
from pipelines import history as epochs
from pipelines.console import Argument, Option
from pipelines.models import saved
from pipelines.text import frames, ids
from pipelines.text import vocabulary as vocabularies
from pipelines.tracking import records, runs


def main(
    name: Annotated[str, Argument(help="a model under 'train_baseline models' of params.yaml")],
    train: Annotated[Path, Option(help="prepared training frame")],
    valid: Annotated[Path, Option(help="prepared validation frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    model: Annotated[Path, Option(help="folder to write the model to")],
    history: Annotated[Path, Option(help="table of the epochs to write")],
) -> None:
    """Train a perceptron or MLP on word counts, or a Markov model."""
    everything = params.load(Path("params.yaml"))
    params.one_of(everything.baseline_models, name, "model that train_baseline trains")
    card = saved.Card.of(everything, name)
    pair = frames.read(train), frames.read(valid)
    words = vocabularies.load(vocabulary)
    for frame in pair:
        ids.require(frame, words, card.task)
    with runs.training(records.identity(everything, name), console.root()) as run:
        records.begin_training(run, everything, name, {"train": train, "valid": valid})
        started = time.monotonic()
        if card.entry.model == "ngram":
            learnt, losses, tags = _count(card, pair, words)
            records.epochs(run)(dict(losses.iloc[0]))
        else:
            with console.quiet_imports():
                from pipelines.inference import evaluation
                from pipelines.training import device, learn
            scored = evaluation.validation_score(card, words, pair[1])
            learnt, losses = learn.classifier(card, pair, words, records.epochs(run), scored)
            tags = device.describe(card.entry)
        seconds = time.monotonic() - started
        saved.save(learnt, card, vocabulary, model)
        epochs.write(losses, history)
        records.end_training(run, model, history, seconds, tags)


def _count(
    card: saved.Card[params.NGram],
    pair: tuple[pd.DataFrame, pd.DataFrame],
    words: vocabularies.Vocabularies,
) -> tuple[object, pd.DataFrame, dict[str, str]]:
    """Count n-grams, which needs no TensorFlow; its one pass over the text is one epoch."""
    from pipelines.models.ngram import NGram

    text, unseen = (ids.stream(frame, words) for frame in pair)
    size = len(words.columns["text"])
    learnt = NGram.count(text, card.entry.order, size, card.entry.smoothing)
    losses = [-learnt.log_probabilities(stream).mean() for stream in (text, unseen)]
    row = {"epoch": 1, "tokens": len(text) - 1, "train_loss": losses[0], "valid_loss": losses[1]}
    return learnt, pd.DataFrame([row]), {"device": "cpu", "kernel": "counts"}


if __name__ == "__main__":
    console.launch("train_baseline", main)
