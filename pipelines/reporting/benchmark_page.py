"""The benchmark results as Markdown: a table for each template, made from the data alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.config.params import Goal
from pipelines.evaluation import metrics as registry
from pipelines.evaluation.metrics import Metric
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


def render(results: Mapping[str, BenchmarkRun]) -> str:
    """Render the page, sorted by template; the same results give the same bytes."""
    sections = [_section(name, results[name]) for name in sorted(results)]
    return "\n".join([HEAD, *(sections or ["Nothing is published yet.\n"])])


def goal_lines(goals: Sequence[Goal]) -> list[str]:
    """Describe targets and published numbers of a template, a line for each goal that has any."""
    lines = []
    for goal in goals:
        metric = registry.get(goal.metric)
        parts = [text for text, _ in _targets(goal)]
        if goal.published is not None:
            parts.append(f"published: {_reference(goal)}")
        if parts:
            lines.append(f"{', '.join(goal.models)}: {metric.title} {'; '.join(parts)}")
    return lines


def _section(name: str, run: BenchmarkRun) -> str:
    alignment = [":--" if column in TEXT_COLUMNS else "--:" for column in COLUMNS]
    rows = [COLUMNS, alignment, *(_cells(row) for row in run.rows)]
    signatures = dict.fromkeys(
        (registry.get(row.goal.metric).title, row.signature) for row in run.rows if row.signature
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
    goal, metric = row.goal, registry.get(row.goal.metric)
    seeds = f", {len(row.values)} seeds" if row.deviation is not None else ""
    deviation = "" if row.deviation is None else f" ± {_format(metric, row.deviation)}"
    targets = (
        f"{text} {'reached' if metric.reaches(row.mean, value) else 'missed'}"
        for text, value in _targets(goal)
    )
    return [
        f"{goal.models[0]}{seeds}",
        metric.title,
        _format(metric, row.mean) + deviation,
        _reference(goal),
        "" if row.gap is None else _format(metric, row.gap, "+"),
        ", ".join(targets),
        f"{row.parameters:,}",
        "" if row.seconds is None else f"{row.seconds:,.0f}",
    ]


def _reference(goal: Goal) -> str:
    """Return the published number of a goal with its model and source; empty if it has none."""
    if goal.published is None:
        return ""
    return "; ".join([f"{goal.published:,}", goal.reference or "", goal.source or ""])


def _targets(goal: Goal) -> list[tuple[str, float]]:
    sign = "≤" if registry.get(goal.metric).direction == "lower" else "≥"
    targets = (("", goal.target), ("stretch ", goal.stretch))
    return [(f"{name}{sign} {value:g}", value) for name, value in targets if value is not None]


def _format(metric: Metric, value: float, sign: str = "") -> str:
    """Format a value with one digit more than the tables of the report."""
    digits = int(metric.form[-2]) + 1  # of `,.2f`
    return format(value, f"{sign}{metric.form[:-2]}{digits}f")


def _table_line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
