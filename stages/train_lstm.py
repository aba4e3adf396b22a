"""Train a recurrent language model or classifier: rnn, gru or lstm."""

import time
from pathlib import Path
from typing import Annotated

from pipelines import console, params
from pipelines import history as epochs
from pipelines.console import Argument, Option


def main(
    name: Annotated[str, Argument(help="a model under 'train_lstm models' of params.yaml")],
    train: Annotated[Path, Option(help="prepared training frame")],
    valid: Annotated[Path, Option(help="prepared validation frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    model: Annotated[Path, Option(help="folder to write the model to")],
    history: Annotated[Path, Option(help="table of the epochs to write")],
) -> None:
    """Train a recurrent language model or classifier."""
    everything = params.load(Path("params.yaml"))
    entry = params.one_of(everything.lstm_models, name, "model that train_lstm trains")
    with console.quiet_imports():
        from pipelines.inference import evaluation
        from pipelines.models import saved
        from pipelines.text import frames, ids
        from pipelines.text import vocabulary as vocabularies
        from pipelines.tracking import records, runs
        from pipelines.training import device, learn

    card = saved.Card.of(everything, name)
    pair = frames.read(train), frames.read(valid)
    words = vocabularies.load(vocabulary)
    for frame in pair:
        ids.require(frame, words, card.task)
    scored = evaluation.validation_score(card, words, pair[1])
    fit = learn.language_model if entry.model == "language_model" else learn.classifier
    with runs.training(records.identity(everything, name), console.root()) as run:
        records.begin_training(run, everything, name, {"train": train, "valid": valid})
        started = time.monotonic()
        network, losses = fit(card, pair, words, records.epochs(run), scored)
        seconds = time.monotonic() - started
        saved.save(network, card, vocabulary, model)
        epochs.write(losses, history)
        records.end_training(run, model, history, seconds, device.describe(entry))


if __name__ == "__main__":
    console.launch("train_lstm", main)
