"""Description and tags of a run: what a person reads and searches in MLflow."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import paths
from pipelines.config import params
from pipelines.evaluation import metrics as registry
from pipelines.evaluation import seed_statistics
from pipelines.evaluation.metrics import MetricValues
from pipelines.lineage import dvc_project, git
from pipelines.tasks import lookup
from pipelines.tasks.base import Task
from pipelines.training.history import best_values, by_seed

if TYPE_CHECKING:
    import pandas as pd

DESCRIPTION = "mlflow.note.content"  # tag that MLflow shows as the description
NONE = "none"
SIZES = {"test_examples": "examples", "test_tokens": "tokens"}  # of the test split
HYPERPARAMETERS = (
    *("embedding", "units", "layers", "hidden", "order", "bidirectional", "crf", "dropout"),
    *("ngrams", "min_count", "c_values", "batch_size", "epochs"),
)


def model_tags(config: params.Params, name: str, root: Path) -> dict[str, str]:
    """Return the tags by which runs are filtered; "none" where a model has no such part.

    Args:
        config: params.yaml.
        name: name of the model.
        root: the project's root.
    """
    entry = config.models[name]
    return {
        "model": entry.model,
        "cell": str(getattr(entry, "cell", NONE)),
        "attention": _attention(entry),
        "template": template_name(root),
    }


def template_name(root: Path) -> str:
    """Return the template of a project that `seqproof new` created; "none" of any other project."""
    origin = dvc_project.main_root(root) / ".seqproof" / "origin.json"
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        return str(json.loads(origin.read_text(encoding="utf-8"))["template"])
    return NONE


def describe(
    config: params.Params,
    name: str,
    root: Path,
    history: pd.DataFrame,
    metrics: MetricValues | None = None,
    seed: int | None = None,
) -> str:
    """Describe a model, its results and the commands that reproduce it, in Markdown.

    Args:
        config: params.yaml.
        name: name of the model.
        root: the project's root.
        history: its epochs.
        metrics: results of its evaluation, if it was evaluated.
        seed: seed of a member of a group; None for a single model or the group.
    """
    entry = config.models[name]
    task = lookup.get(config.corpora[entry.corpus].task)
    hyperparameters = [
        f"{key.replace('_', ' ')} {_format(getattr(entry, key))}"
        for key in HYPERPARAMETERS
        if getattr(entry, key, None) is not None
    ]
    paragraphs = [
        f"{name}: {_architecture(entry)}, on {entry.corpus} ({task.title}).",
        *([] if metrics is None else [_test_results(task, metrics)]),
        _validation_results(history),
        f"{', '.join(hyperparameters)}; {_seeds(config, name, seed)}.".capitalize(),
        _reproduction(config, name, root, seed),
    ]
    return "\n\n".join(paragraphs) + "\n"


def format_scores(task: Task, metrics: MetricValues, with_interval: bool) -> list[str]:
    """Format the test scores of a model, those of a group with their spread over the seeds.

    Args:
        task: the model's task.
        metrics: its metrics file.
        with_interval: add the 95 % interval of the mean to the standard deviation.
    """
    scores = []
    for metric in registry.of_task(task.name):
        value = metrics.get(metric.key)
        if not metric.has_goals or value is None:
            continue
        text = f"{metric.title} {metric.format(float(value))}"
        statistics = seed_statistics.statistics_of(metrics, metric.key)
        if statistics is not None:
            sd, low, high = map(metric.format, statistics)
            text += f" ({sd}; {low} to {high})" if with_interval else f" ± {sd}"
        scores.append(text)
    return scores


def _test_results(task: Task, metrics: MetricValues) -> str:
    """List test scores, sizes and signatures.

    Signatures stand in backticks: they may hold characters of Markdown.
    """
    sizes = [f"{metrics[key]:,} {name}" for key, name in SIZES.items() if key in metrics]
    signatures = [
        f"{metric.title} signature `{metrics[f'{metric.key}_signature']}`"
        for metric in registry.of_task(task.name)
        if f"{metric.key}_signature" in metrics
    ]
    title = "Test, mean (standard deviation; 95 % interval)" if "seeds" in metrics else "Test"
    scores = format_scores(task, metrics, with_interval=True)
    return f"{title}: {', '.join(scores)}; {', '.join([*sizes, *signatures])}."


def _seeds(config: params.Params, name: str, seed: int | None) -> str:
    entry = config.models[name]
    seeds = params.seeds_of(entry)
    if seed is not None:
        return f"seed {seed}, one of {len(seeds)}"
    if seeds:
        return f"seeds {_format(seeds)}"
    return f"seed {config.seed_of(name)}"


def _validation_results(history: pd.DataFrame) -> str:
    """Describe the best epoch, of a group for each seed."""
    histories = by_seed(history)
    if len(histories) == 1:
        return f"Validation: {_best_epoch(history)}"
    lines = (f"- seed {seed}: {_best_epoch(rows)}" for seed, rows in histories.items())
    return "\n".join(["Validation:", "", *lines])


def _best_epoch(history: pd.DataFrame) -> str:
    losses = history["valid_loss"]
    best = int(losses.to_numpy().argmin())
    epoch, epochs = history["epoch"].iloc[best], history["epoch"].iloc[-1]
    results = [f"lowest loss {losses.iloc[best]:.4g} nats in epoch {epoch:.0f} of {epochs:.0f}"]
    results += [f"best {title} {value:.4g}" for title, value in best_values(history).items()]
    tokens = f"{history['tokens'].iloc[-1]:,.0f} training tokens read"
    return f"{', '.join(results)}; {tokens}."


def _reproduction(config: params.Params, name: str, root: Path, seed: int | None) -> str:
    """List the commands that train and evaluate the same model again."""
    state = git.git_state(root)
    lines = [f"dvc repro {paths.evaluation_stage(config, name)}"]
    if state["git_commit"] != NONE:
        lines.insert(0, f"git checkout {state['git_commit']}")
    if state["git_dirty"] == "true":
        run = "this run" if seed is None else "the parent run"
        lines.insert(1, f"git apply training.patch  # artifact of {run}, in provenance/")
    block = "\n".join(["```bash", *lines, "```"])
    return f"To reproduce it:\n\n{block}"


def _architecture(entry: params.Model) -> str:
    cell = f" of {entry.cell} cells" if hasattr(entry, "cell") else ""
    attention = _attention(entry)
    if attention != NONE:
        return f"{entry.model.replace('_', ' ')}{cell} with {attention} attention"
    suffix = " without attention" if entry.model == "seq2seq" else ""
    return f"{entry.model.replace('_', ' ')}{cell}{suffix}"


def _attention(entry: params.Model) -> str:
    """Return the attention of a translator, or the pooling attention of a classifier."""
    if getattr(entry, "pooling", None) == "attention":
        return "pooling"
    return str(getattr(entry, "attention", NONE))


def _format(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
