"""Train a classifier that starts from a trained language model."""

from pathlib import Path
from typing import Annotated

from pipelines import console, params
from pipelines import history as epochs
from pipelines.console import Argument, Fresh, Option


def main(
    name: Annotated[str, Argument(help="a model under 'fine_tune models' of params.yaml")],
    start: Annotated[Path, Option(help="folder of the language model it starts from")],
    train: Annotated[Path, Option(help="prepared training frame")],
    valid: Annotated[Path, Option(help="prepared validation frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    model: Annotated[Path, Option(help="folder to write the model to")],
    history: Annotated[Path, Option(help="table of the epochs to write")],
    fresh: Fresh = False,
) -> None:
    """Train a classifier that starts from a trained language model."""
    everything = params.load(Path("params.yaml"))
    entry = params.one_of(everything.fine_tune_models, name, "model that fine_tune trains")
    with console.quiet_imports():
        from pipelines.inference.validation import Validation
        from pipelines.models import saved, warm_start
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
    taken = warm_start.read(start, entry, words.columns["text"])
    console.note(f"{name}: {taken.said} start from {start.name}")
    data, described = {"train": train, "valid": valid}, device.describe(entry)
    described["start"] = f"{taken.said} from {start.name}"
    with records.training("fine_tune", everything, name, data, described, fresh) as (run, kept):
        board = Board.of(kept)
        watch = past.Watch(records.epochs(run), kept, validation.sample, board)
        trained = learn.classifier(card, pair, words, watch, validation.score, taken.into)
        saved.save(trained.model, card, vocabulary, model, trained)
        epochs.write(trained.history, history)
        records.end_training(run, model, history, trained.seconds, board.folder)


if __name__ == "__main__":
    console.launch("fine_tune", main)
