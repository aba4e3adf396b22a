"""The results as Markdown: one table for each template, from the data alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.config.params import Goal
from pipelines.reporting.benchmark_results import BenchmarkRow, BenchmarkRun

HEAD = """\
# Results

Made by `seqproof publish` from the files that the runs left; no number here is typed.
A gap says how much better than the published number ours is: plus is better and minus is worse,
whichever way the metric counts. Of several seeds the mean stands here, ± the sample standard
deviation. Seconds are those of the stage that trains one model, a mean too.
"""
COLUMNS = ("model", "metric", "ours", "published", "gap", "mark", "parameters", "training seconds")
WORDS = ("model", "metric", "published", "mark")  # stand to the left, numbers to the right
# How metrics are called and written; what is not here is called by its key.
METRICS: Mapping[str, tuple[str, str]] = {
    "test_perplexity": ("perplexity", ",.2f"),
    "test_network_perplexity": ("perplexity, network alone", ",.3f"),
    "test_ngram_perplexity": ("perplexity, n-grams alone", ",.3f"),
    "test_nats_per_character": ("nats per character", ".4f"),
    "test_bits_per_character": ("bits per character", ".3f"),
    "test_accuracy": ("accuracy", ".4f"),
    "test_macro_f1": ("macro F1", ".4f"),
    "test_bleu": ("BLEU of tokens", ".2f"),
    "test_sacrebleu": ("sacreBLEU", ".2f"),
    "test_exact_match": ("exact match", ".4f"),
}


def page(results: Mapping[str, BenchmarkRun]) -> str:
    """The page, in the order of the templates' names; the same results give the same bytes."""
    sections = [_section(name, results[name]) for name in sorted(results)]
    return "\n".join([HEAD, *(sections or ["Nothing is published yet.\n"])])


def wanted(goals: Sequence[Goal]) -> list[str]:
    """What the models of a template are to reach, a line each, before any has run."""
    lines = []
    for goal in goals:
        title, form = _metric(goal.metric)
        value = (
            ""
            if goal.published is None
            else f"published: {_said(goal, format(goal.published, form))}"
        )
        said = [*(text for text, _ in _marks(goal)), *([value] if value else [])]
        if said:
            lines.append(f"{', '.join(goal.models)}: {title} {'; '.join(said)}")
    return lines


def _section(name: str, run: BenchmarkRun) -> str:
    sides = [":--" if column in WORDS else "--:" for column in COLUMNS]
    rows = [COLUMNS, sides, *(_cells(row) for row in run.rows)]
    signed = dict.fromkeys(
        (_metric(row.goal.metric)[0], row.signature) for row in run.rows if row.signature
    )
    parts = [
        f"## {name}",
        _origin(run),
        "\n".join(_line(cells) for cells in rows),
        *(f"{title}: `{signature}`" for title, signature in signed),
        *([run.remark] if run.remark else []),
    ]
    return "\n\n".join(parts) + "\n"


def _origin(run: BenchmarkRun) -> str:
    machine = run.machine
    changes = " with changes" if run.changed else ""
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    return (
        f"{machine.cpu}, {cores}, {machine.memory_gib:g} GiB; "
        f"device {machine.device}; TensorFlow {machine.tensorflow}; commit `{run.commit}`{changes}."
    )


def _cells(row: BenchmarkRow) -> list[str]:
    goal, (title, form) = row.goal, _metric(row.goal.metric)
    several = row.deviation is not None
    marks = (
        f"{text} {'reached' if goal.reached_by(row.mean, value) else 'missed'}"
        for text, value in _marks(goal)
    )
    return [
        f"{goal.models[0]}, {len(row.values)} seeds" if several else goal.models[0],
        title,
        format(row.mean, form) + (f" ± {format(row.deviation, form)}" if several else ""),
        "" if goal.published is None else _said(goal, format(goal.published, form)),
        "" if row.gap is None else format(row.gap, f"+{form}"),
        ", ".join(marks),
        f"{row.parameters:,}",
        "" if row.seconds is None else f"{row.seconds:,.0f}",
    ]


def _said(goal: Goal, number: str) -> str:
    """A published number, and whose it is."""
    return "; ".join(part for part in (number, goal.reference, goal.source) if part)


def _marks(goal: Goal) -> list[tuple[str, float]]:
    sign = "≤" if goal.better == "lower" else "≥"
    named = (("", goal.target), ("aim ", goal.stretch))
    return [(f"{name}{sign} {value:g}", value) for name, value in named if value is not None]


def _metric(key: str) -> tuple[str, str]:
    return METRICS.get(key, (key.removeprefix("test_").replace("_", " "), ".4g"))


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
