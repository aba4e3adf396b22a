"""What a person reads of a run and finds it by: a description in Markdown, and tags."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.config import params
from pipelines.evaluation import seed_statistics
from pipelines.lineage import dvc_project, provenance
from pipelines.training.history import by_seed

if TYPE_CHECKING:
    import pandas as pd

NOTE = "mlflow.note.content"  # what MLflow shows as the description of a run
NONE = "none"
SIZES = ("examples", "tokens")  # of a test split, and no scores
SHAPE = (
    *("embedding", "units", "layers", "hidden", "order", "bidirectional", "dropout"),
    *("batch_size", "epochs"),
)


def tags(everything: params.Params, name: str, root: Path) -> dict[str, str]:
    """Words to filter runs by; "none" for what a model does not have.

    Args:
        everything: params.yaml.
        name: the model's.
        root: the project's root.
    """
    entry = everything.models[name]
    return {
        "model": entry.model,
        "cell": str(getattr(entry, "cell", NONE)),
        "attention": _attention(entry),
        "template": template(root),
    }


def template(root: Path) -> str:
    """The template that `seqproof new` made the project from; "none" of any other project."""
    origin = dvc_project.main_root(root) / ".seqproof" / "origin.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(origin.read_text(encoding="utf-8"))["template"])
    return NONE


def text(
    everything: params.Params,
    name: str,
    root: Path,
    history: pd.DataFrame,
    metrics: Mapping[str, float | int | str] | None = None,
    seed: int | None = None,
) -> str:
    """What model, on what, how it did, and what to type to have it again; as Markdown.

    Args:
        everything: params.yaml.
        name: the model's.
        root: the project's root.
        history: its epochs.
        metrics: of its evaluation, if there was one.
        seed: of a member of a group; None for the model or the group.
    """
    entry = everything.models[name]
    task = everything.corpora[entry.corpus].task.replace("_", " ")
    shape = [
        f"{key.replace('_', ' ')} {_plain(getattr(entry, key))}"
        for key in SHAPE
        if getattr(entry, key, None) is not None
    ]
    parts = [
        f"{name}: {_kind(entry)}, on {entry.corpus} ({task}).",
        *([] if metrics is None else [_tested(metrics)]),
        validation(history),
        f"{', '.join(shape)}; {_seeds(everything, name, seed)}.".capitalize(),
        _again(name, root, seed),
    ]
    return "\n\n".join(parts) + "\n"


def _tested(metrics: Mapping[str, float | int | str]) -> str:
    """The results, before all that MLflow's pages fold away, of a group with their spread over its
    seeds; what a score is by stands in ticks, for it may hold signs of Markdown's."""
    scores, sizes, words = [], [], []
    for key in seed_statistics.results(metrics):
        name, value = key.removeprefix("test_").replace("_", " "), metrics[key]
        if isinstance(value, str):
            words.append(f"{name} `{value}`")
        elif name in SIZES:
            sizes.append(f"{_number(value)} {name}")
        else:
            scores.append(f"{name} {_number(value)}{_spread(seed_statistics.of(metrics, key))}")
    head = "Test, mean (standard deviation; interval of 95 %)" if "seeds" in metrics else "Test"
    return f"{head}: {', '.join(scores)}; {', '.join([*sizes, *words])}."


def _spread(found: seed_statistics.SeedStatistics | None) -> str:
    if found is None:
        return ""
    return f" ({_number(found.sd)}; {_number(found.low)} to {_number(found.high)})"


def _seeds(everything: params.Params, name: str, seed: int | None) -> str:
    entry = everything.models[name]
    several = params.seeds_of(entry)
    if seed is not None:
        return f"seed {seed}, one of {len(several)}"
    if several:
        return f"seeds {_plain(several)}"
    return f"seed {everything.seed if entry.seed is None else entry.seed}"


def validation(history: pd.DataFrame) -> str:
    """How the best epoch did, of each seed if there are several."""
    parts = by_seed(history)
    if len(parts) == 1:
        return f"Validation: {_best(history)}"
    lines = (f"- seed {seed}: {_best(part)}" for seed, part in parts.items())
    return "\n".join(["Validation:", "", *lines])


def _best(history: pd.DataFrame) -> str:
    losses = history["valid_loss"]
    at = int(losses.to_numpy().argmin())
    epoch, epochs = history["epoch"].iloc[at], history["epoch"].iloc[-1]
    said = [f"lowest loss {losses.iloc[at]:.4g} nats in epoch {epoch:.0f} of {epochs:.0f}"]
    said += [
        f"best {column.removeprefix('valid_').replace('_', ' ')} {history[column].max():.4g}"
        for column in map(str, history.columns)
        if column.startswith("valid_") and column != "valid_loss"
    ]
    tokens = f"{history['tokens'].iloc[-1]:,.0f} training tokens read"
    return f"{', '.join(said)}; {tokens}."


def _again(name: str, root: Path, seed: int | None) -> str:
    """The commands that lead to the same model and numbers."""
    state = provenance.git_state(root)
    lines = [f"dvc repro {shlex.quote(f'evaluate@{name}')}"]
    if state["git_commit"] != NONE:
        lines.insert(0, f"git checkout {state['git_commit']}")
    if state["git_dirty"] == "true":
        of = "this run's artifacts" if seed is None else "the artifacts of the run above this one"
        lines.insert(1, f"git apply training.patch  # of {of}, provenance/")
    block = "\n".join(["```bash", *lines, "```"])
    return f"The same again:\n\n{block}"


def _kind(entry: params.Model) -> str:
    cell = f" of {entry.cell} cells" if hasattr(entry, "cell") else ""
    attention = _attention(entry)
    with_or_without = {NONE: ""}.get(attention, f" with {attention} attention")
    if entry.model == "seq2seq" and attention == NONE:
        with_or_without = " without attention"
    return f"{entry.model.replace('_', ' ')}{cell}{with_or_without}"


def _attention(entry: params.Model) -> str:
    """A translator's, or the one that pools a classifier's outputs."""
    if getattr(entry, "pooling", None) == "attention":
        return "pooling"
    return str(getattr(entry, "attention", NONE))


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
