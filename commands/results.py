"""`seqproof results`: compare all models, and show the cost of each stage."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines import console, files, paths
from pipelines.config import params
from pipelines.evaluation import metrics
from pipelines.reporting import goal_results
from pipelines.reporting.comparison import CorpusTable, TableCell, compare
from pipelines.reporting.leader import leader_sentence

GOAL_COLUMNS = ["model", "metric", "ours", "published", "gap", "target"]


def results(stages: Iterable[str], as_json: bool = False) -> None:
    """Print a table for each corpus, the cost of each stage, and the address of the report.

    Args:
        stages: names of the stages in dvc.yaml; costs of other stages are ignored.
        as_json: print JSON instead of text.
    """
    root = console.root()
    config = params.load(root / paths.PARAMS)
    metrics.check_goals(config)
    tables = compare(config, root)
    report = root / paths.REPORT
    if as_json:
        content = {
            "corpora": [_facts(table, root) for table in tables],
            "stages": console.costs(stages),
            "report": str(paths.REPORT) if report.is_file() else None,
        }
        console.print_json(content)
        return
    for table in tables:
        _print_table(table)
        for name in table.missing:
            stage = paths.evaluation_stage(config, name)
            console.echo(f"{name} has no metrics yet. Run `seqproof run {stage}`.")
        console.echo("")
    _print_costs(console.costs(stages))
    if report.is_file():
        console.echo(f"The report: {report.as_uri()}")
    else:
        console.echo("There is no report yet. Run `seqproof run report`.")


def _facts(table: CorpusTable, root: Path) -> dict[str, Any]:
    """Return the metrics of the models of a corpus as their files have them."""
    return {
        "corpus": table.corpus,
        "task": table.task,
        "deciding_metric": table.columns[0].key if table.columns else None,
        "models": [
            {
                "model": row.model,
                "kind": row.kind,
                "metrics": files.read_json(root / paths.metrics(row.model), dict[str, Any]),
            }
            for row in table.rows
        ],
        "goals": [result.model_dump(mode="json") for result in table.goals],
        "missing": list(table.missing),
    }


def _print_table(table: CorpusTable) -> None:
    if not table.rows:
        return
    columns = ["model", *(column.heading for column in table.columns)]
    rows: list[list[str]] = []
    for row in table.rows:
        name = f"{row.model}, {row.kind}" if row.kind else row.model
        rows.append([name, *map(_markup, row.cells)])
        rows += [[f"  {part.title}", *(cell.text for cell in part.cells)] for part in row.parts]
    console.echo(leader_sentence(table))
    console.out().print(console.table(f"{table.corpus}: {table.task}", columns, rows))
    if table.goals:
        rows = []
        for result in table.goals:
            texts = goal_results.texts(result)
            ours = (texts.metric, texts.ours)
            rows.append([result.label, *ours, texts.published, texts.gap, texts.target])
        title = f"{table.corpus}: targets and published numbers"
        console.out().print(console.table(title, GOAL_COLUMNS, rows))


def _markup(cell: TableCell) -> str:
    """Return the number, in bold if it is the best."""
    return f"[bold]{cell.text}[/bold]" if cell.best else cell.text


def _print_costs(costs: dict[str, dict[str, float]]) -> None:
    """Print seconds and peak memory; the last row has the sum of seconds and the highest peak."""
    if not costs:
        console.echo("No stage has run on this machine yet, so there are no costs to show.")
        return
    rows = [
        [stage, f"{cost['seconds']:,.1f}", f"{cost['peak_mib']:,.0f}"]
        for stage, cost in costs.items()
    ]
    seconds = sum(cost["seconds"] for cost in costs.values())
    peak = max(cost["peak_mib"] for cost in costs.values())
    rows.append(
        ["[bold]sum, peak[/bold]", f"[bold]{seconds:,.1f}[/bold]", f"[bold]{peak:,.0f}[/bold]"]
    )
    title = "Cost of each stage in its last run here"
    console.out().print(console.table(title, ["stage", "seconds", "peak MiB"], rows))
    console.echo("")
