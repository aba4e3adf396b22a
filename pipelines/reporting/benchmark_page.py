"""The benchmark results as Markdown: a table for each template, made from the data alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.config.params import Goal
from pipelines.evaluation import metrics as registry
from pipelines.reporting import goal_results
from pipelines.reporting.benchmark_results import BenchmarkRow, BenchmarkRun

HEAD = """\
# Results

`seqproof publish` writes this page from the metrics of finished projects; no number of ours is
typed. A gap says by how much our number is better than the published one: plus is better, minus is
worse, whatever the direction of the metric. Numbers that were reached by different protocols have
no gap: the page names what differs. Models with several seeds show the mean ± the sample standard
deviation, and the gap with Student's 95 % interval; where it covers zero, the numbers are
indistinguishable. One seed is called one seed. A single model, an ensemble and a mixture with
n-grams stand in rows of their own. Training seconds are the mean time of the stage that trains one
model with all its members.
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
SHOWN = 3  # files and folders of earlier code
TEXT_COLUMNS = ("model", "metric", "published", "gap", "target")  # aligned left


def render(results: Mapping[str, BenchmarkRun], titles: Mapping[str, str]) -> str:
    """Render the page, sorted by template; the same results give the same bytes.

    Args:
        results: results by template.
        titles: the title of every template, to name those without results.
    """
    sections = [_section(name, results[name]) for name in sorted(results)]
    missing = [f"- `{name}`: {titles[name]}\n" for name in sorted(titles) if name not in results]
    if missing:
        sections.append("## Without results yet\n\n" + "".join(missing))
    return "\n".join([HEAD, *sections])


def goal_lines(goals: Sequence[Goal]) -> list[str]:
    """Describe targets and published numbers of a template, a line for each goal that has any."""
    lines = []
    for goal in goals:
        metric = registry.get(goal.metric)
        parts = [text for text, _ in goal_results.targets(goal)]
        if goal.published is not None:
            parts.append(f"published: {goal_results.reference_text(goal)}")
        if parts:
            part = "" if goal.part is None else f" ({goal.part})"
            lines.append(f"{', '.join(goal.models)}{part}: {metric.title} {'; '.join(parts)}")
    return lines


def _section(name: str, run: BenchmarkRun) -> str:
    alignment = [":--" if column in TEXT_COLUMNS else "--:" for column in COLUMNS]
    rows = [COLUMNS, alignment, *(_cells(row) for row in run.rows)]
    signatures = dict.fromkeys(
        (registry.get(row.result.goal.metric).title, row.result.signature)
        for row in run.rows
        if row.result.signature
    )
    parts = [
        f"## {name}",
        _origin(run),
        *([_changes(run.changed_code)] if run.changed_code else []),
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


def _changes(paths: Sequence[str]) -> str:
    names = ", ".join(f"`{path}`" for path in paths[:SHOWN])
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return f"Trained with earlier code: changed since are {names}{more}."


def _cells(row: BenchmarkRow) -> list[str]:
    texts = goal_results.texts(row.result)
    seconds = "" if row.seconds is None else f"{row.seconds:,.0f}"
    ours = (texts.metric, texts.ours, texts.published)
    return [row.result.label, *ours, texts.gap, texts.target, texts.size, seconds]


def _table_line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
