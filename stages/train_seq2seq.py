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
        from pipelines.lineage import dvc_project, provenance
        from pipelines.models import serialization
        from pipelines.tasks import lookup
        from pipelines.text import encoding
        from pipelines.text import vocabulary as vocabularies
        from pipelines.tracking import stage_runs
        from pipelines.tracking.callbacks import EpochLogger
        from pipelines.training import checkpoints, device, result
        from pipelines.training.tensorboard import TensorBoardWriter

    card = serialization.ModelSpec.of(everything, name)
    pair = parquet.read_parquet(train), parquet.read_parquet(valid)
    words = vocabularies.load(vocabulary)
    for frame in pair:
        encoding.require_columns(frame, words, card.task)
    described = device.describe(entry)
    inputs = provenance.inputs("train_seq2seq", console.root())
    with checkpoints.open_checkpoints(
        dvc_project.main_root(console.root()),
        inputs.stage,
        inputs.key,
        everything.checkpoints.every,
        fresh,
    ) as saved:
        with stage_runs.training_run(everything, name, inputs, described, saved) as run:
            board = TensorBoardWriter.of(saved, words)
            callbacks = [EpochLogger(run), board]
            trained = lookup.get(card.task).train(card, pair, words, callbacks, saved)
            result.save(trained, card, vocabulary, model)
            epochs.write_history(trained.history, history)
            stage_runs.log_training(run, everything, name, trained.seconds, board.folder)
        saved.clear()  # only after the run is closed: a process killed before resumes the same run


if __name__ == "__main__":
    console.launch("train_seq2seq", main)
