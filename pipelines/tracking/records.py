"""What a stage tells MLflow of a training and of an evaluation, whatever the kind of model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import console, files
from pipelines.config import params
from pipelines.evaluation import seed_statistics
from pipelines.lineage import dvc_project, provenance
from pipelines.tracking import descriptions, energy, runs, system_metrics
from pipelines.training import checkpoints
from pipelines.training import history as epochs_table

if TYPE_CHECKING:
    import pandas as pd

PROVENANCE = "provenance"  # the folder of a run's artifacts
SECONDS, RATE = "train_seconds", "train_tokens_per_second"  # metrics of a run


def identity(everything: params.Params, name: str) -> runs.Identity:
    """Experiment and name of a model's run."""
    entry = everything.models[name]
    task = everything.corpora[entry.corpus].task
    prefix = everything.tracking.experiment_prefix
    return runs.Identity(f"{prefix}{entry.corpus}", name, entry.corpus, task)


@contextmanager
def training(
    verb: str,
    everything: params.Params,
    name: str,
    data: Mapping[str, Path],
    described: Mapping[str, str],
    fresh: bool,
) -> Iterator[tuple[runs.Run, checkpoints.Checkpoints]]:
    """The run and the checkpoints of a training, begun or gone on with; without an error on the
    way the checkpoints are forgotten in the end.

    Args:
        verb: the stage, `train_lstm` for instance.
        everything: params.yaml.
        name: the model's.
        data: the frames that are read, by what they are for.
        described: device and kernel.
        fresh: begin again, in a run of its own.

    Raises:
        Refusal: another process is at this very training.
    """
    root = console.root()
    inputs = provenance.inputs(verb, root)
    place, every = (
        (dvc_project.main_root(root), inputs.stage, inputs.key),
        everything.checkpoints.every,
    )
    with checkpoints.opened(*place, every, fresh) as kept:
        with runs.training(identity(everything, name), root, kept.attempt) as run:
            _begin_training(run, everything, name, data)
            run.set_tags(described)
            log_provenance(run, inputs, described)
            spent, whole = energy.Energy(), not kept.begun
            with system_metrics.running(run.log_samples, spent.add):
                yield run, kept
            # Of one that went on, what the processes before spent went with them.
            if whole and spent.joules:
                run.log_metrics({energy.JOULES: sum(spent.joules.values())})
                run.set_tags({energy.MEASURED: ", ".join(spent.joules)})
            if run.history is not None:
                text = descriptions.text(everything, name, root, run.history)
                run.set_tags({descriptions.NOTE: text})
        kept.clear()  # not before: whoever is killed until now goes on, in the same run


def _begin_training(
    run: runs.Run,
    everything: params.Params,
    name: str,
    data: Mapping[str, Path],
    seed: int | None = None,
) -> None:
    """Parameters, tags and datasets, before the first batch: a training that fails leaves them
    too. `seed` is that of a member of a group."""
    entry = everything.models[name]
    corpus = everything.corpora[entry.corpus]
    run.set_tags(descriptions.tags(everything, name, console.root()))
    run.log_params(parameters(entry, everything.seed, seed))
    run.log_params({"corpora": {entry.corpus: corpus.model_dump(mode="json", exclude_none=True)}})
    for context, path in data.items():
        run.log_dataset(path, context, f"{entry.corpus}-{path.stem}")


def parameters(entry: params.Model, seed: int, member: int | None = None) -> dict[str, object]:
    """What a run has of its model.

    Args:
        entry: the model in params.yaml.
        seed: the one for all.
        member: the seed of a member of a group.
    """
    said: dict[str, object] = entry.model_dump(mode="json", exclude_none=True)
    if member is not None:
        return said | {"seed": member}
    return said if "seed" in said or params.seeds_of(entry) else said | {"seed": seed}


def log_provenance(run: runs.Run, inputs: dvc_project.Inputs, described: Mapping[str, str]) -> None:
    """Where a training or an evaluation comes from; a dirty tree's patch beside it.

    Args:
        run: the open run.
        inputs: of the stage.
        described: device and kernel.
    """
    root = console.root()
    verb = inputs.stage.partition("@")[0]
    work = "evaluation" if verb == "evaluate" else "training"
    run.set_tags({runs.KEY.format(work): inputs.key})
    run.log_text(provenance.record(inputs, root, described), f"{PROVENANCE}/{work}.json")
    changes = provenance.working_tree_patch(root)
    if changes:
        run.log_text(changes, f"{PROVENANCE}/{work}.patch")


def end_training(
    run: runs.Run, model: Path, history: Path, seconds: float, board: Path | None = None
) -> None:
    """The model's hash, which its evaluation finds the run by; speed; the epochs as a table.

    Args:
        run: the open run.
        model: the folder that was written.
        history: the table that was written.
        seconds: what the training took.
        board: the folder that TensorBoard reads, if there is one.
    """
    table = epochs_table.read_history(history)
    run.history = table
    run.set_tags({runs.MODEL_HASH: provenance.folder_hash(model)})
    tokens = epochs_table.tokens_read(table)
    run.log_metrics({SECONDS: seconds, RATE: tokens / seconds})
    run.log_file(history, "history")
    if board is not None and board.is_dir():
        run.log_folder(board, "tensorboard")
    best = [f"{table['valid_loss'].min():.3f} nats"]
    best += [
        f"{column.removeprefix('valid_').replace('_', ' ')} {table[column].max():.4g}"
        for column in table.columns
        if column.startswith("valid_") and column != "valid_loss"
    ]
    console.echo(
        f"{model.name}: {', '.join(best)} in validation at best; "
        f"{seconds:,.0f} s, {tokens / seconds:,.0f} tokens/s"
    )


def end_evaluation(
    run: runs.Run,
    metrics: Mapping[str, float | int | str],
    test: Path,
    pictures: Path,
    predictions: Path,
) -> None:
    """Final metrics, the test data, pictures and predictions."""
    numbers = _numbers(metrics)
    run.log_metrics(numbers)
    run.log_dataset(test, "test", f"{metrics['corpus']}-{test.stem}")
    run.log_folder(pictures, "pictures")
    run.log_file(predictions, "predictions")
    console.echo(f"{pictures.name}: {', '.join(_shown(numbers))}")


def _shown(numbers: Mapping[str, float]) -> Iterator[str]:
    for key in seed_statistics.results(numbers):
        found = seed_statistics.of(numbers, key)
        apart = "" if found is None else f" ± {found.sd:.2g}"
        yield f"{key[5:]} {_short(numbers[key])}{apart}"


def backfill(
    run: runs.Run,
    everything: params.Params,
    name: str,
    history: Path,
    metrics: Mapping[str, float | int | str],
) -> None:
    """What the training said, said again for a model that DVC took from its cache, whose run has
    nothing of it yet; and the description, now with the results.

    Args:
        run: the open run of an evaluation.
        everything: params.yaml.
        name: the model's.
        history: the table of its epochs.
        metrics: of the evaluation.
    """
    root, table = console.root(), epochs_table.read_history(history)
    _begin_training(run, everything, name, provenance.trained_on(name, root))
    log_history(run, table)
    run.log_file(history, "history")
    run.set_tags({descriptions.NOTE: descriptions.text(everything, name, root, table, metrics)})


def log_seed_run(
    run: runs.Run,
    everything: params.Params,
    name: str,
    seed: int,
    history: Path,
    metrics: Mapping[str, float | int | str],
    test: Path,
) -> None:
    """All of one member of a group, whose own run is made when all of them are evaluated.

    Args:
        run: the open run, below that of the group.
        everything: params.yaml.
        name: the model's.
        seed: of the member.
        history: the table of the epochs of all members.
        metrics: of its evaluation.
        test: the test frame.
    """
    root = console.root()
    data = {**provenance.trained_on(name, root), "test": test}
    _begin_training(run, everything, name, data, seed)
    table = epochs_table.by_seed(epochs_table.read_history(history))[seed]
    log_history(run, table)
    run.log_metrics(_numbers(metrics))
    text = descriptions.text(everything, name, root, table, metrics, seed)
    run.set_tags({descriptions.NOTE: text})


def log_history(run: runs.Run, table: pd.DataFrame) -> None:
    tell = epochs(run)
    for row in table.to_dict("records"):
        tell({str(key): float(value) for key, value in row.items()})


def _numbers(metrics: Mapping[str, float | int | str]) -> dict[str, float]:
    return {key: float(value) for key, value in metrics.items() if not isinstance(value, str)}


def _short(value: float) -> str:
    """A count whole, a measure to four digits."""
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}"


def epochs(run: runs.Run) -> Callable[[dict[str, float]], None]:
    """Logs each epoch of a training as it ends, by its number and by the tokens read so far; of a
    group, each seed has curves of its own."""

    def log(row: dict[str, float]) -> None:
        above = f"seed-{row['seed']:.0f}/" if "seed" in row else ""
        said = {key: value for key, value in row.items() if key not in ("seed", "epoch")}
        run.log_metrics({f"{above}{key}": said[key] for key in said}, step=int(row["epoch"]))
        by_tokens = {f"by_tokens/{above}{key}": said[key] for key in said if key != "tokens"}
        run.log_metrics(by_tokens, step=int(row["tokens"]))

    return log


def write_metrics(metrics: Mapping[str, float | int | str], path: Path) -> None:
    """Metrics as sorted, flat JSON."""
    files.write_text(path, console.as_json(dict(metrics)))
