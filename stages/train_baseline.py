"""Train a baseline: perceptron or MLP on word counts, or a Markov model."""

from pathlib import Path
from typing import Annotated

from pipelines import console
from pipelines.config import params
from pipelines.console import Argument, Option, Restart
from pipelines.data import parquet
from pipelines.lineage import dvc_project, provenance
from pipelines.models import serialization
from pipelines.tasks import lookup
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
    counts = card.entry.model == "ngram"
    described = {"device": "cpu", "kernel": "counts"}
    if not counts:
        with console.quiet_imports():
            from pipelines.training import device
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
            board = None if counts else TensorBoardWriter.of(saved, words)
            callbacks = [EpochLogger(run), *([] if board is None else [board])]
            trained = lookup.get(card.task).train(card, pair, words, callbacks, saved)
            result.save(trained, card, vocabulary, model)
            epochs.write_history(trained.history, history)
            events = None if board is None else board.folder
            stage_runs.log_training(run, everything, name, trained.seconds, events)
        saved.clear()  # only after the run is closed: a process killed before resumes the same run


if __name__ == "__main__":
    console.launch("train_baseline", main)
