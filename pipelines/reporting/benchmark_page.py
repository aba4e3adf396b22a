"""The benchmark results as Markdown: a table for each template, made from the data alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.config.params import Goal
from pipelines.reporting.benchmark_results import BenchmarkRow, BenchmarkRun

HEAD = """\
# Results

`seqproof publish` writes this page from the metrics of finished projects; no number is typed.
A gap says by how much our number is better than the published one: plus is better, minus is worse,
whatever the direction of the metric. Models with several seeds show the mean ± the sample standard
deviation. Training seconds are the mean time of the stage that trains one model.
"""
COLUMNS = (
    "model",
    "metric",
    "ours",
    "published",
    "gap",
    "target",
    "parameters",
    "training seconds",
)
TEXT_COLUMNS = ("model", "metric", "published", "target")  # aligned left; numbers to the right
# Titles and number formats of metrics; the title of any other metric is its key.
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


def render(results: Mapping[str, BenchmarkRun]) -> str:
    """Render the page, sorted by template; the same results give the same bytes."""
    sections = [_section(name, results[name]) for name in sorted(results)]
    return "\n".join([HEAD, *(sections or ["Nothing is published yet.\n"])])


def goal_lines(goals: Sequence[Goal]) -> list[str]:
    """Describe targets and published numbers of a template, a line for each goal that has any."""
    lines = []
    for goal in goals:
        title, form = _metric(goal.metric)
        parts = [text for text, _ in _targets(goal)]
        if goal.published is not None:
            parts.append(f"published: {_reference(goal, format(goal.published, form))}")
        if parts:
            lines.append(f"{', '.join(goal.models)}: {title} {'; '.join(parts)}")
    return lines


def _section(name: str, run: BenchmarkRun) -> str:
    alignment = [":--" if column in TEXT_COLUMNS else "--:" for column in COLUMNS]
    rows = [COLUMNS, alignment, *(_cells(row) for row in run.rows)]
    signatures = dict.fromkeys(
        (_metric(row.goal.metric)[0], row.signature) for row in run.rows if row.signature
    )
    parts = [
        f"## {name}",
        _origin(run),
        "\n".join(_table_line(cells) for cells in rows),
        *(f"{title}: `{signature}`" for title, signature in signatures),
        *([run.remark] if run.remark else []),
    ]
    return "\n\n".join(parts) + "\n"


def _origin(run: BenchmarkRun) -> str:
    machine = run.machine
    changes = " with uncommitted changes" if run.changed else ""
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    return (
        f"{machine.cpu}, {cores}, {machine.memory_gib:g} GiB; "
        f"device {machine.device}; TensorFlow {machine.tensorflow}; commit `{run.commit}`{changes}."
    )


def _cells(row: BenchmarkRow) -> list[str]:
    goal, (title, form) = row.goal, _metric(row.goal.metric)
    seeds = f", {len(row.values)} seeds" if row.deviation is not None else ""
    targets = (
        f"{text} {'reached' if goal.is_reached(row.mean, value) else 'missed'}"
        for text, value in _targets(goal)
    )
    return [
        f"{goal.models[0]}{seeds}",
        title,
        format(row.mean, form) + ("" if row.deviation is None else f" ± {row.deviation:{form}}"),
        "" if goal.published is None else _reference(goal, format(goal.published, form)),
        "" if row.gap is None else format(row.gap, f"+{form}"),
        ", ".join(targets),
        f"{row.parameters:,}",
        "" if row.seconds is None else f"{row.seconds:,.0f}",
    ]


def _reference(goal: Goal, number: str) -> str:
    """Return a published number with its model and source."""
    return "; ".join(part for part in (number, goal.reference, goal.source) if part)


def _targets(goal: Goal) -> list[tuple[str, float]]:
    sign = "≤" if goal.better == "lower" else "≥"
    targets = (("", goal.target), ("stretch ", goal.stretch))
    return [(f"{name}{sign} {value:g}", value) for name, value in targets if value is not None]


def _metric(key: str) -> tuple[str, str]:
    return METRICS.get(key, (key.removeprefix("test_").replace("_", " "), ".4g"))


def _table_line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
