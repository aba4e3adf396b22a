"""Runs of the training and evaluation stages: what is logged of every model.

Tracking only observes: nothing here influences what a stage writes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import console, paths
from pipelines.config import params
from pipelines.evaluation.metrics import MetricValues
from pipelines.lineage import environment, git, hashing, provenance, run_tags
from pipelines.lineage.lockfiles import EVALUATION, TRAINING
from pipelines.lineage.stages import Inputs
from pipelines.tasks import lookup
from pipelines.tracking import data_warnings, descriptions, energy, onednn, runs, system_metrics
from pipelines.tracking.epoch_logger import EpochLogger
from pipelines.tracking.runs import Run, RunIdentity
from pipelines.training import history as histories
from pipelines.training.checkpoints import CheckpointManager

if TYPE_CHECKING:
    import pandas as pd

MACHINE_TAGS = ("cpu", "cpu_model", "cores", "instruction_sets", "onednn_isa")
SECONDS, TOKENS_PER_SECOND = "train_seconds", "train_tokens_per_second"  # metrics of a run


@dataclass(frozen=True)
class EvaluationLog:
    """Results of an evaluation that are logged beside the files that the stage has written.

    Attributes:
        metrics: results of the model, or of a group of seeds.
        plots: pictures and texts by file name.
        example: input texts.
        predictions: the model's outputs for them.
        seed_metrics: results of each seed of a group.
    """

    metrics: MetricValues
    plots: Mapping[str, str]
    example: list[str]
    predictions: list[str]
    seed_metrics: Mapping[int, MetricValues] = field(default_factory=dict)


def run_identity(config: params.Params, name: str) -> RunIdentity:
    """Return experiment and name of a model's run."""
    corpus = config.models[name].corpus
    experiment = f"{config.tracking.experiment_prefix}{corpus}"
    return RunIdentity(experiment, name, corpus, config.corpora[corpus].task)


@contextmanager
def training_run(
    config: params.Params,
    name: str,
    inputs: Inputs,
    device: Mapping[str, str],
    checkpoints: CheckpointManager,
) -> Iterator[Run]:
    """Open the run of a training stage; resumed training continues the same run.

    Args:
        config: params.yaml.
        name: name of the model.
        inputs: inputs of the stage.
        device: tags that describe device and kernel.
        checkpoints: checkpoints of the training.
    """
    with runs.training(run_identity(config, name), console.root(), checkpoints.attempt) as run:
        _log_setup(run, config, name)
        device = _with_onednn(device)
        run.set_tags(_machine_tags() | device)
        _log_provenance(run, TRAINING, inputs, device)
        meter, is_resumed = energy.EnergyMeter(), checkpoints.can_resume
        with system_metrics.sampling(run.log_system_metrics, meter.update):
            yield run
        # The energy of earlier processes of a resumed training is unknown.
        if meter.joules and not is_resumed:
            run.log_metrics({energy.JOULES: sum(meter.joules.values())})
            run.set_tags({energy.SOURCES_TAG: ", ".join(meter.joules)})


def log_training(
    run: Run, config: params.Params, name: str, seconds: float, tensorboard: Path | None = None
) -> None:
    """Log a finished training: the model's hash, speed, history and description.

    Args:
        run: the open run of the training.
        config: params.yaml.
        name: name of the model.
        seconds: duration of the training.
        tensorboard: folder of its TensorBoard files, if any.
    """
    history = histories.read_history(paths.history(name))
    rate = histories.tokens_read(history) / seconds
    # The evaluation finds the run by this tag.
    run.set_tags({run_tags.MODEL_HASH: hashing.folder_sha256(paths.model(name))})
    run.log_metrics({SECONDS: seconds, TOKENS_PER_SECOND: rate})
    run.log_file(paths.history(name), "history")
    if tensorboard is not None and tensorboard.is_dir():
        _log_tensorboard(run, tensorboard)
    _log_description(run, config, name, history)
    results = [f"{history['valid_loss'].min():.3f} nats"]
    results += [f"{title} {value:.4g}" for title, value in histories.best_values(history).items()]
    console.echo(
        f"{name}: best validation {', '.join(results)}; {seconds:,.0f} s, {rate:,.0f} tokens/s"
    )


def _log_tensorboard(run: Run, folder: Path) -> None:
    """Log TensorBoard files; the names of their copies are without this machine and process."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = shutil.copytree(folder, Path(temporary) / folder.name)
        for path in copy.glob("events.out.tfevents.*"):
            seconds = path.name.split(".")[3]
            path.rename(copy / f"events.out.tfevents.{seconds}.v2")
        run.log_folder(copy, "tensorboard")


def log_evaluation(
    config: params.Params,
    name: str,
    inputs: Inputs,
    device: Mapping[str, str],
    evaluation: EvaluationLog,
) -> None:
    """Log an evaluation to the run of the model's training, and one run per seed of a group.

    Training data, parameters and history are logged once more: DVC may have taken the model from
    its cache, and then its run has none of them. The inputs of its training come from dvc.lock.

    Args:
        config: params.yaml.
        name: name of the model.
        inputs: inputs of the stage.
        device: tags that describe device and kernel.
        evaluation: the results.
    """
    root, corpus = console.root(), config.corpora[config.models[name].corpus]
    device = _with_onednn(device)
    identity, model_hash = run_identity(config, name), hashing.folder_sha256(paths.model(name))
    history = histories.read_history(paths.history(name))
    test_data = paths.test_frame(identity.corpus)
    metrics = _numbers(evaluation.metrics)
    training = provenance.training_inputs(inputs, paths.training_stage(config, name), root)
    training_hash = None if training is None else training.input_hash
    with runs.evaluation(identity, root, model_hash, training_hash) as run:
        _log_setup(run, config, name)
        _log_history(run, history)
        run.log_file(paths.history(name), "history")
        run.log_metrics(metrics)
        run.log_dataset(test_data, "test", f"{identity.corpus}-{test_data.stem}")
        run.log_file(paths.predictions(name), "predictions")
        run.log_file(paths.analysis(name), "analysis")
        for file, text in evaluation.plots.items():
            run.log_text(text, f"pictures/{file}")
        _log_description(run, config, name, history, evaluation.metrics)
        _log_provenance(run, EVALUATION, inputs, device, training)
        run.log_model(
            paths.model(name),
            paths.vocabulary(identity.corpus),
            evaluation.example,
            evaluation.predictions,
            corpus.samples,
            corpus.search,
        )
    scores = descriptions.format_scores(
        lookup.get(identity.task), evaluation.metrics, with_interval=False
    )
    console.echo(f"{name}: {', '.join(scores)}")
    histories_by_seed = histories.by_seed(history)
    for seed, seed_metrics in evaluation.seed_metrics.items():
        with runs.seed_evaluation(identity, root, model_hash, seed, training_hash) as run:
            run.set_tags(_machine_tags() | device)
            _log_setup(run, config, name, seed)
            _log_history(run, histories_by_seed[seed])
            run.log_metrics(_numbers(seed_metrics))
            run.log_dataset(test_data, "test", f"{identity.corpus}-{test_data.stem}")
            _log_description(run, config, name, histories_by_seed[seed], seed_metrics, seed)


def model_parameters(
    entry: params.Model, default_seed: int, seed: int | None = None
) -> dict[str, object]:
    """Return the parameters that a run logs of its model.

    Args:
        entry: the model in params.yaml.
        default_seed: seed of params.yaml.
        seed: seed of a member of a group.
    """
    parameters: dict[str, object] = entry.model_dump(mode="json", exclude_none=True)
    if seed is not None:
        return parameters | {"seed": seed}
    if "seed" in parameters or params.seeds_of(entry):
        return parameters
    return parameters | {"seed": default_seed}


def _log_setup(run: Run, config: params.Params, name: str, seed: int | None = None) -> None:
    """Log tags, parameters and training data; before the first batch, so that training that
    fails has them, too."""
    entry = config.models[name]
    corpus = config.corpora[entry.corpus].model_dump(mode="json", exclude_none=True)
    run.set_tags(descriptions.model_tags(config, name, console.root()))
    run.log_params(model_parameters(entry, config.seed, seed))
    run.log_params({"corpora": {entry.corpus: corpus}})
    checks = paths.data_checks(entry.corpus)
    if seed is None and checks.is_file():
        run.log_file(checks, "data_checks")
        tags, metrics = data_warnings.tags_and_metrics(checks)
        run.set_tags(tags)
        run.log_metrics(metrics)
    for context in ("train", "valid"):
        path = paths.frame(entry.corpus, context)
        if path.is_file():
            run.log_dataset(path, context, f"{entry.corpus}-{path.stem}")


def _with_onednn(device: Mapping[str, str]) -> dict[str, str]:
    """Add the state of oneDNN to the device of a run that uses TensorFlow."""
    return {**device, **(onednn.describe() if "tensorflow" in device else {})}


def _machine_tags() -> dict[str, str]:
    """Return the processor and the variables that change how numbers are computed."""
    machine = environment.machine()
    variables = (f"{name}={value}" for name, value in environment.variables().items())
    return {
        **{key: machine[key] for key in MACHINE_TAGS},
        "variables": "; ".join(variables) or "none",
    }


def _log_provenance(
    run: Run,
    kind: str,
    inputs: Inputs,
    device: Mapping[str, str],
    restored: Inputs | None = None,
) -> None:
    """Log the inputs of a stage and, if the working tree differs from the commit, a patch.

    Args:
        run: the open run.
        kind: of the stage.
        inputs: of the stage.
        device: tags that describe device and kernel.
        restored: inputs of the training, which are logged if DVC took the model from its cache. The
            code, data and parameters of the evaluation are those of the training.
    """
    root = console.root()
    run.set_tags({run_tags.INPUT_HASH.format(kind): inputs.input_hash})
    run.log_text(provenance.record(inputs, root, device), provenance.record_path(kind))
    patch = git.working_tree_patch(root)
    if patch:
        run.log_text(patch, provenance.patch_path(kind))
    if restored is not None:
        text = provenance.record(restored, root, None)
        run.log_text(text, provenance.record_path(TRAINING), only_restored=True)
        if patch:
            run.log_text(patch, provenance.patch_path(TRAINING), only_restored=True)


def _log_history(run: Run, history: pd.DataFrame) -> None:
    logger = EpochLogger(run)
    for row in history.to_dict("records"):
        logger.log_row({str(key): float(value) for key, value in row.items()})


def _log_description(
    run: Run,
    config: params.Params,
    name: str,
    history: pd.DataFrame,
    metrics: MetricValues | None = None,
    seed: int | None = None,
) -> None:
    text = descriptions.describe(config, name, console.root(), history, metrics, seed)
    run.set_tags({descriptions.DESCRIPTION: text})


def _numbers(metrics: MetricValues) -> dict[str, float]:
    return {key: float(value) for key, value in metrics.items() if not isinstance(value, str)}
