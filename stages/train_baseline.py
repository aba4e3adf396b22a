"""Train a baseline: perceptron or MLP on word counts, or a Markov model."""

import time
from pathlib import Path
from typing import Annotated

import pandas as pd

from pipelines import console, params
from pipelines import history as epochs
from pipelines.console import Argument, Fresh, Option
from pipelines.models import saved
from pipelines.text import frames, ids
from pipelines.text import vocabulary as vocabularies
from pipelines.tracking import records


def main(
    name: Annotated[str, Argument(help="a model under 'train_baseline models' of params.yaml")],
    train: Annotated[Path, Option(help="prepared training frame")],
    valid: Annotated[Path, Option(help="prepared validation frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    model: Annotated[Path, Option(help="folder to write the model to")],
    history: Annotated[Path, Option(help="table of the epochs to write")],
    fresh: Fresh = False,
) -> None:
    """Train a perceptron or MLP on word counts, or a Markov model."""
    everything = params.load(Path("params.yaml"))
    params.one_of(everything.baseline_models, name, "model that train_baseline trains")
    card = saved.Card.of(everything, name)
    pair = frames.read(train), frames.read(valid)
    words = vocabularies.load(vocabulary)
    for frame in pair:
        ids.require(frame, words, card.task)
    data = {"train": train, "valid": valid}
    if card.entry.model == "ngram":
        described = {"device": "cpu", "kernel": "counts"}
    else:
        with console.quiet_imports():
            from pipelines.inference.validation import Validation
            from pipelines.training import device, learn, past
            from pipelines.training.board import Board
        described = device.describe(card.entry)
    with records.training("train_baseline", everything, name, data, described, fresh) as (
        run,
        kept,
    ):
        tell, shown = records.epochs(run), None
        if card.entry.model == "ngram":
            trained = _count(card, pair, words)
            tell(dict(trained.history.iloc[0]))
        else:
            validation = Validation(card, words, pair[1])
            board = Board.of(kept)
            shown = board.folder
            watch = past.Watch(tell, kept, validation.sample, board)
            trained = learn.classifier(card, pair, words, watch, validation.score)
        saved.save(trained.model, card, vocabulary, model, trained)
        epochs.write(trained.history, history)
        records.end_training(run, model, history, trained.seconds, shown)


def _count(
    card: saved.Card[params.NGram],
    pair: tuple[pd.DataFrame, pd.DataFrame],
    words: vocabularies.Vocabularies,
) -> epochs.Trained:
    """Count n-grams, which needs no TensorFlow; its one pass over the text is one epoch."""
    from pipelines.models.ngram import NGram

    started = time.monotonic()
    text, unseen = (ids.stream(frame, words) for frame in pair)
    size = len(words.columns["text"])
    learnt = NGram.count(text, card.entry.order, size, card.entry.smoothing)
    losses = [-learnt.log_probabilities(stream).mean() for stream in (text, unseen)]
    row = {"epoch": 1, "tokens": len(text) - 1, "train_loss": losses[0], "valid_loss": losses[1]}
    return epochs.Trained(learnt, pd.DataFrame([row]), None, None, (), time.monotonic() - started)


if __name__ == "__main__":
    console.launch("train_baseline", main)
