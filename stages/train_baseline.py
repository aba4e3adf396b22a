"""Train a baseline: perceptron or MLP on word counts, or a Markov model."""

import time
from pathlib import Path
from typing import Annotated

import pandas as pd

from pipelines import console
from pipelines.config import params
from pipelines.console import Argument, Option, Restart
from pipelines.data import parquet
from pipelines.lineage import dvc_project, provenance
from pipelines.models import serialization
from pipelines.text import encoding
from pipelines.text import vocabulary as vocabularies
from pipelines.tracking import stage_runs
from pipelines.tracking.callbacks import EpochLogger
from pipelines.training import checkpoints, result
from pipelines.training import history as epochs


def main(
    name: Annotated[str, Argument(help="a model under 'train_baseline models' of params.yaml")],
    train: Annotated[Path, Option(help="prepared training frame")],
    valid: Annotated[Path, Option(help="prepared validation frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    model: Annotated[Path, Option(help="folder to write the model to")],
    history: Annotated[Path, Option(help="table of the epochs to write")],
    fresh: Restart = False,
) -> None:
    """Train a perceptron or MLP on word counts, or a Markov model."""
    everything = params.load(Path("params.yaml"))
    params.require(everything.family("baseline"), name, "model that train_baseline trains")
    card = serialization.ModelSpec.of(everything, name)
    pair = parquet.read_parquet(train), parquet.read_parquet(valid)
    words = vocabularies.load(vocabulary)
    for frame in pair:
        encoding.require_columns(frame, words, card.task)
    if card.entry.model == "ngram":
        described = {"device": "cpu", "kernel": "counts"}
    else:
        with console.quiet_imports():
            from pipelines.tasks.validation import Validation
            from pipelines.training import device
            from pipelines.training import train as learn
            from pipelines.training.tensorboard import TensorBoardWriter
        described = device.describe(card.entry)
    inputs = provenance.inputs("train_baseline", console.root())
    with checkpoints.open_checkpoints(
        dvc_project.main_root(console.root()),
        inputs.stage,
        inputs.key,
        everything.checkpoints.every,
        fresh,
    ) as saved:
        with stage_runs.training_run(everything, name, inputs, described, saved) as run:
            logger, events = EpochLogger(run), None
            if card.entry.model == "ngram":
                trained = _count(card, pair, words)
                logger.on_epoch_end(dict(trained.history.iloc[0]))
            else:
                validation = Validation(card, words, pair[1])
                board = TensorBoardWriter.of(saved, words)
                events = board.folder
                scored = validation.score, validation.sample
                trained = learn.classifier(card, pair, words, [logger, board], saved, *scored)
            result.save(trained, card, vocabulary, model)
            epochs.write_history(trained.history, history)
            stage_runs.log_training(run, everything, name, trained.seconds, events)
        saved.clear()  # only after the run is closed: a process killed before resumes the same run


def _count(
    card: serialization.ModelSpec[params.NGram],
    pair: tuple[pd.DataFrame, pd.DataFrame],
    words: vocabularies.Vocabularies,
) -> result.TrainingResult:
    """Count n-grams, which needs no TensorFlow; its one pass over the text is one epoch."""
    from pipelines.models.ngram import NGram

    started = time.monotonic()
    text, unseen = (encoding.encode_stream(frame, words) for frame in pair)
    size = len(words.columns["text"])
    learnt = NGram.count(text, card.entry.order, size, card.entry.smoothing)
    losses = [-learnt.log_probabilities(stream).mean() for stream in (text, unseen)]
    row = {"epoch": 1, "tokens": len(text) - 1, "train_loss": losses[0], "valid_loss": losses[1]}
    return result.TrainingResult(
        learnt, pd.DataFrame([row]), None, None, (), time.monotonic() - started
    )


if __name__ == "__main__":
    console.launch("train_baseline", main)
