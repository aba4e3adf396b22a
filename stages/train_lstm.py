"""Train a recurrent language model or classifier: rnn, gru or lstm."""

from pathlib import Path
from typing import Annotated

from pipelines import console, params
from pipelines import history as epochs
from pipelines.console import Argument, Fresh, Option


def main(
    name: Annotated[str, Argument(help="a model under 'train_lstm models' of params.yaml")],
    train: Annotated[Path, Option(help="prepared training frame")],
    valid: Annotated[Path, Option(help="prepared validation frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    model: Annotated[Path, Option(help="folder to write the model to")],
    history: Annotated[Path, Option(help="table of the epochs to write")],
    fresh: Fresh = False,
) -> None:
    """Train a recurrent language model or classifier."""
    everything = params.load(Path("params.yaml"))
    entry = params.one_of(everything.lstm_models, name, "model that train_lstm trains")
    with console.quiet_imports():
        from pipelines.inference.validation import Validation
        from pipelines.models import saved
        from pipelines.text import frames, ids
        from pipelines.text import vocabulary as vocabularies
        from pipelines.tracking import records
        from pipelines.training import device, learn, past
        from pipelines.training.board import Board

    card = saved.Card.of(everything, name)
    pair = frames.read(train), frames.read(valid)
    words = vocabularies.load(vocabulary)
    for frame in pair:
        ids.require(frame, words, card.task)
    validation = Validation(card, words, pair[1])
    fit = learn.language_model if entry.model == "language_model" else learn.classifier
    data, described = {"train": train, "valid": valid}, device.describe(entry)
    with records.training("train_lstm", everything, name, data, described, fresh) as (run, kept):
        board = Board.of(kept)
        watch = past.Watch(records.epochs(run), kept, validation.sample, board)
        trained = fit(card, pair, words, watch, validation.score)
        saved.save(trained.model, card, vocabulary, model, trained)
        epochs.write(trained.history, history)
        records.end_training(run, model, history, trained.seconds, board.folder)


if __name__ == "__main__":
    console.launch("train_lstm", main)
