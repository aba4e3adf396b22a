"""Train an encoder-decoder, with attention or with one fixed vector."""

from pathlib import Path
from typing import Annotated

from pipelines import console
from pipelines.config import params
from pipelines.console import Argument, Option, Restart
from pipelines.training import history as epochs


def main(
    name: Annotated[str, Argument(help="a model under 'train_seq2seq models' of params.yaml")],
    train: Annotated[Path, Option(help="prepared training frame")],
    valid: Annotated[Path, Option(help="prepared validation frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    model: Annotated[Path, Option(help="folder to write the model to")],
    history: Annotated[Path, Option(help="table of the epochs to write")],
    fresh: Restart = False,
) -> None:
    """Train an encoder-decoder."""
    everything = params.load(Path("params.yaml"))
    entry = params.require(everything.family("seq2seq"), name, "model that train_seq2seq trains")
    with console.quiet_imports():
        from pipelines.data import parquet
        from pipelines.models import serialization
        from pipelines.tasks.validation import Validation
        from pipelines.text import encoding
        from pipelines.text import vocabulary as vocabularies
        from pipelines.tracking import records
        from pipelines.training import device, progress
        from pipelines.training import train as learn
        from pipelines.training.tensorboard import TensorBoardWriter

    card = serialization.ModelSpec.of(everything, name)
    pair = parquet.read_parquet(train), parquet.read_parquet(valid)
    words = vocabularies.load(vocabulary)
    for frame in pair:
        encoding.require_columns(frame, words, card.task)
    validation = Validation(card, words, pair[1])
    data, described = {"train": train, "valid": valid}, device.describe(entry)
    with records.training("train_seq2seq", everything, name, data, described, fresh) as (run, kept):
        board = TensorBoardWriter.of(kept)
        watch = progress.Callbacks(records.epochs(run), kept, validation.sample, board)
        trained = learn.seq2seq(card, pair, words, watch, validation.score)
        serialization.save(trained.model, card, vocabulary, model, trained)
        epochs.write_history(trained.history, history)
        records.end_training(run, model, history, trained.seconds, board.folder)


if __name__ == "__main__":
    console.launch("train_seq2seq", main)
