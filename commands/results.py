"""`seqproof results`: all models side by side, what each stage cost, and where the report is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipelines import console
from pipelines.config import params
from pipelines.reporting.comparison import CorpusTable, TableCell, compare


def results(metrics: Path, page: Path, stages: Iterable[str]) -> None:
    """Print the comparison per corpus, seconds and memory per stage, and the report's address.

    Args:
        metrics: the folder of `<model>.json`, relative to the project's root.
        page: the report, relative to the project's root.
        stages: those of the graph; what others cost once is of no interest.
    """
    root = console.root()
    for table in compare(params.load(root / "params.yaml"), root / metrics):
        _print_table(table)
    _print_costs(console.costs(stages))
    report = root / page
    if report.is_file():
        console.echo(f"The report: {report.as_uri()}")
    else:
        console.echo("There is no report yet: `dvc repro report` makes it.")


def _print_table(table: CorpusTable) -> None:
    if table.rows:
        columns = ["model", *(column.heading for column in table.columns)]
        rows = [[row.model, *(_marked(cell) for cell in row.cells)] for row in table.rows]
        rows += [[f"published [{work.number}]", *texts] for work, texts in table.works]
        title = f"{table.corpus}: {table.task.replace('_', ' ')}"
        console.out().print(console.table(title, columns, rows))
    for work, _ in table.works:
        console.echo(f"[{work.number}] {work.what}: {work.source}")
    if table.remark:
        console.echo(table.remark)
    for name in table.missing:
        console.echo(f"{name} has no metrics yet: `dvc repro evaluate@{name}` makes them.")
    console.echo("")


def _marked(cell: TableCell) -> str:
    """The number, bold if it is the best, and below it its gaps: plus is better, minus is worse."""
    number = f"[bold]{cell.text}[/bold]" if cell.best else cell.text
    return "\n".join([number, *(f"{gap.text} {gap.word} [{gap.number}]" for gap in cell.gaps)])


def _print_costs(costs: dict[str, dict[str, float]]) -> None:
    """Seconds add up, for stages run one after the other; of memory the peak counts."""
    if not costs:
        console.echo("No stage ran here yet: `dvc repro` runs them all.")
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
    title = "What each stage cost when it last ran here"
    console.out().print(console.table(title, ["stage", "seconds", "peak MiB"], rows))
    console.echo("")
