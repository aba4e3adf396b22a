"""Steps that all training stages share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.models.pretrained import PretrainedWeights
    from pipelines.text.vocabulary import Vocabularies
    from pipelines.training.callbacks import Callback

Name = Annotated[str, console.Argument(metavar="NAME", help="a model of params.yaml")]


def train(
    family: str,
    name: str,
    restart: bool,
    read_pretrained: Callable[[params.Model, Vocabularies], PretrainedWeights] | None = None,
) -> None:
    """Train a model, write it with its history, and log it to MLflow.

    Args:
        family: family of the model: `baseline`, `lstm`, `fine_tuned` or `seq2seq`.
        name: name of the model.
        restart: start from the beginning instead of the last checkpoint.
        read_pretrained: reads the weights that the model starts from.
    """
    config = params.load(paths.PARAMS)
    if name in config.models and name not in config.family(family):
        stage = params.training_stage(config.models[name])
        command = f"seqproof {stage.replace('_', '-')} {name}"
        raise UserError(f"'{name}' is not under models.{family}. Run `{command}`.")
    entry = params.require(config.family(family), name, "model", f"models.{family}")
    if isinstance(entry, params.TrainableConfig) and entry.workers is not None:
        from pipelines.scheduling import gpus
        from pipelines.training import supervisor

        supervisor.start(entry, gpus.available())
    with console.quiet_imports():
        from pipelines.data import parquet
        from pipelines.lineage import dvc_project, provenance
        from pipelines.models.serialization import ModelSpec
        from pipelines.tasks import lookup
        from pipelines.text import encoding, vocabulary
        from pipelines.tracking import stage_runs
        from pipelines.tracking.epoch_logger import EpochLogger
        from pipelines.training import checkpoints, history, result

    spec = ModelSpec.of(config, name)
    vocabularies = vocabulary.load(paths.vocabulary(entry.corpus))
    frames = (
        parquet.Split(paths.train_frame(entry.corpus)),
        parquet.read_parquet(paths.valid_frame(entry.corpus)),
    )
    for frame in frames:
        encoding.require_columns(frame, vocabularies, spec.task)
    needs_tensorflow = isinstance(entry, params.TrainableConfig)
    group = None
    if not needs_tensorflow:
        hardware = {"device": "cpu", "kernel": entry.kernel}
    else:
        with console.quiet_imports():
            from pipelines.layers import threads
            from pipelines.training import device, workers
            from pipelines.training.tensorboard import TensorBoardWriter
        # Before the first operation of TensorFlow
        threads.use_training_threads(config.threads, entry.batch_size, entry.workers or 1)
        group = workers.connect(entry)
        hardware = device.describe(entry)
        if entry.workers is not None:
            hardware |= {"workers": str(entry.workers)}
        _warn_of_unknown_words(entry, vocabularies, frames[1])
    pretrained = read_pretrained(entry, vocabularies) if read_pretrained else None
    task = lookup.get(spec.task)
    if group is not None and not group.is_first:
        shared = group.checkpoints(None, config.checkpoints.every)
        with group.connected():
            task.train(spec, frames, vocabularies, (), shared, pretrained, workers=group)
        return
    inputs = provenance.inputs(paths.training_stage(config, name), console.root())
    with checkpoints.open_checkpoints(
        dvc_project.main_root(console.root()),
        inputs.stage,
        inputs.input_hash,
        config.checkpoints.every,
        restart,
    ) as manager:
        with stage_runs.training_run(config, name, inputs, hardware, manager) as run:
            callbacks: list[Callback] = [EpochLogger(run)]
            board_folder = None
            if needs_tensorflow:
                board = TensorBoardWriter.of(manager, vocabularies)
                callbacks.append(board)
                board_folder = board.folder
            with group.connected() if group else nullcontext():
                outcome = task.train(
                    spec,
                    frames,
                    vocabularies,
                    callbacks,
                    manager if group is None else group.checkpoints(manager, manager.interval),
                    pretrained,
                    workers=group,
                )
            result.save(outcome, spec, paths.vocabulary(entry.corpus), paths.model(name))
            history.write_history(outcome.history, paths.history(name))
            stage_runs.log_training(run, config, name, outcome.seconds, board_folder)
        # Delete the checkpoints only after the run is closed: if the process is killed before that,
        # the next one resumes the same run.
        manager.clear()


def _warn_of_unknown_words(
    entry: params.TrainableConfig, vocabularies: Vocabularies, valid: pd.DataFrame
) -> None:
    """Tell the user if validation texts have unknown words and `<unk>` is never trained."""
    from pipelines.training.unknown_words import untrained_unknown_rate

    column, vocabulary = next(iter(vocabularies.columns.items()))
    rate = untrained_unknown_rate(vocabulary, valid[column])
    if rate and entry.unknown_replacement is None:
        console.echo(
            f"{rate:.1%} of the validation words are unknown, and `<unk>` is not trained: no "
            "training word is unknown. Set 'unknown_replacement: 0.25', or "
            f"corpora.{entry.corpus}.vocabulary.min_count to 2."
        )
