"""The section of the report on sweeps: pictures, trials, and the comparison on the test split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import paths
from pipelines.evaluation.significance import format_p
from pipelines.reporting import sweep_plots
from pipelines.reporting.embedded_svg import Picture
from pipelines.reporting.sweep_plots import PlottedTrial
from pipelines.reporting.wording import join
from pipelines.sweeps import result as results
from pipelines.sweeps.comparison import Confirmation
from pipelines.sweeps.result import SweepResult, Trial

POWER = "80 %"  # of the detectable difference
ACRONYMS = {"f1": "F1", "bleu": "BLEU"}
STATES = sweep_plots.TITLES
# Fields of a row of the table of the comparison.
HEADER = ("metric", "starting point", "winner", "difference", "p", "corrected p", "the winner is")


@dataclass(frozen=True)
class SweepSection:
    """The part of the section on one sweep.

    Attributes:
        name: of the sweep.
        model: that was tuned.
        summary: paragraphs on the search.
        verdict: paragraphs on the comparison of the winner with the starting point.
        pictures: of the search.
        comparison: rows of the table of the comparison, below `HEADER`.
        trials_header: titles of the columns of the trials.
        trials: rows of the table of the trials, each with True for the winner.
    """

    name: str
    model: str
    summary: tuple[str, ...]
    verdict: tuple[str, ...]
    pictures: tuple[Picture, ...]
    comparison: tuple[tuple[str, ...], ...]
    trials_header: tuple[str, ...]
    trials: tuple[tuple[tuple[str, ...], bool], ...]


def sweep_sections(root: Path) -> list[SweepSection]:
    """Make a section for each file in `sweeps/`.

    Args:
        root: the project's root.

    Raises:
        UserError: a file is damaged.
    """
    files = sorted((root / paths.SWEEPS).glob("*.json"))
    return [_section(results.read(file)) for file in files]


def metric_title(metric: str) -> str:
    """Return the title of a column of the history, `validation macro F1` for example."""
    words = metric.removeprefix("valid_").removeprefix("test_").split("_")
    title = " ".join(ACRONYMS.get(word, word) for word in words)
    return f"validation {title}" if metric.startswith("valid_") else title


def summary(result: SweepResult) -> Iterator[str]:
    """Yield sentences on the search: its trials, the best of them, and what it changes."""
    counts = Counter[str](trial.state for trial in result.trials)
    parts = join([f"{counts[state]} {title}" for state, title in STATES.items() if counts[state]])
    yield f"{_number(len(result.trials), 'trial')} of {result.planned} planned: {parts or 'none'}."
    winner, start = result.winner, result.start_value
    if winner is None or winner.value is None:
        yield "No trial is complete, so there is no winner."
        return
    beside = f", that of the starting point {start:.4g}" if start is not None else ""
    yield (
        f"Trial {winner.number} has the {'lowest' if result.direction == 'lower' else 'highest'} "
        f"{metric_title(result.metric)}, {winner.value:.4g}{beside}. It is the best of many on the "
        "same validation split, so this number is optimistic."
    )
    changes = [
        f"{key} {text(winner.values[key])} instead of {text(value)}"
        for key, value in result.start.items()
        if winner.values[key] != value
    ]
    yield f"It has {join(changes)}." if changes else "It is the starting point itself."


def verdict(result: SweepResult) -> Iterator[str]:
    """Yield sentences on the comparison of the winner with the starting point."""
    comparison, winner = result.comparison, result.winner
    if winner is None:
        return
    if comparison is None:
        yield (
            "The starting point has the best score, so there is nothing to compare it with."
            if winner.values == result.start
            else "The winner was not trained from fresh seeds, so nothing shows that it is better."
        )
        return
    metric = comparison.metrics[0]
    numbers = (
        f"{metric_title(metric.key)} {metric.winner:.4g} beside {metric.start:.4g}, difference "
        f"{metric.winner - metric.start:+.3g} [{metric.low:+.3g}, {metric.high:+.3g}], "
        f"p {format_p(metric.corrected_p)} after correction for "
        f"{_number(comparison.trials, 'complete trial')}"
    )
    sentence = {
        "better": "The winner is better than the starting point",
        "worse": "The winner is worse than the starting point",
        "not significant": "Nothing shows that the winner is better than the starting point",
    }[metric.verdict]
    yield f"{sentence} on the test split: {numbers}."
    if metric.verdict == "not significant" and metric.detectable > 0:
        yield (
            f"The test finds a difference of {metric.detectable:.2g} with a probability of "
            f"{POWER}; smaller ones may be missed."
        )
    yield (
        f"Both were trained from the seeds {join([str(seed) for seed in comparison.seeds])}, which "
        f"no trial had, and evaluated once on {comparison.items:,} test items."
    )


def comparison_rows(comparison: Confirmation) -> tuple[tuple[str, ...], ...]:
    """Return the rows of the table below `HEADER`."""
    return tuple(
        (
            metric_title(metric.key),
            f"{metric.start:.4g}",
            f"{metric.winner:.4g}",
            f"{metric.winner - metric.start:+.3g} [{metric.low:+.3g}, {metric.high:+.3g}]",
            format_p(metric.p),
            format_p(metric.corrected_p),
            metric.verdict,
        )
        for metric in comparison.metrics
    )


def text(value: Any) -> str:
    """Return a value of a parameter as text: None is `off`, and a control character a dot."""
    constants = {None: "off", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return constants[value]
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text, value))}]"
    words = f"{value:.4g}" if isinstance(value, float) else str(value)
    return "".join(letter if letter.isprintable() else "·" for letter in words)


def _section(result: SweepResult) -> SweepSection:
    winner, metric = result.winner, metric_title(result.metric)
    keys = list(result.start)
    return SweepSection(
        name=result.sweep,
        model=result.model,
        summary=tuple(summary(result)),
        verdict=tuple(verdict(result)),
        pictures=tuple(_pictures(result)),
        comparison=() if result.comparison is None else comparison_rows(result.comparison),
        trials_header=("trial", "state", metric, *keys),
        trials=tuple(
            (
                (
                    str(trial.number),
                    _state(trial),
                    "-" if trial.value is None else f"{trial.value:.4g}",
                    *(text(trial.values[key]) for key in keys),
                ),
                trial == winner,
            )
            for trial in result.trials
        ),
    )


def _pictures(result: SweepResult) -> Iterator[Picture]:
    """Yield the pictures that make sense with so many trials."""
    metric, keys = metric_title(result.metric), list(result.start)
    plotted = [
        PlottedTrial(trial.state, trial.value, _coordinates(trial, keys), _description(trial))
        for trial in result.trials
    ]
    if not plotted:
        return
    yield Picture(
        f"history of the sweep {result.sweep}",
        sweep_plots.history(
            plotted, result.best_so_far(), result.start_value, metric, f"{result.sweep}: trials"
        ),
    )
    if result.importances:
        title = f"{result.sweep}: importance"
        yield Picture(
            f"importance of the parameters of the sweep {result.sweep}",
            sweep_plots.importances(result.importances, title),
        )
    if any(trial.value is not None for trial in result.trials):
        winner = result.winner
        logarithmic = [
            bool(isinstance(space := result.space.get(key), Mapping) and space.get("log"))
            for key in keys
        ]
        yield Picture(
            f"parallel coordinates of the sweep {result.sweep}",
            sweep_plots.parallel_coordinates(
                plotted,
                keys,
                logarithmic,
                None if winner is None else result.trials.index(winner),
                metric,
                f"{result.sweep}: parameters of the trials",
            ),
        )


def _coordinates(trial: Trial, keys: list[str]) -> tuple[float | str, ...]:
    values = (trial.values[key] for key in keys)
    return tuple(
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool)
        else text(value)
        for value in values
    )


def _description(trial: Trial) -> str:
    value = "" if trial.value is None else f" {trial.value:.4g},"
    values = ", ".join(f"{key} {text(item)}" for key, item in trial.values.items())
    return f"trial {trial.number}:{value} {_state(trial)}; {values}"


def _state(trial: Trial) -> str:
    return f"failed: {trial.failure}" if trial.failure else STATES[trial.state]


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
