"""Every metric and picture -> one HTML page."""

from pathlib import Path
from typing import Annotated

from pipelines import console, files, params


def main(
    metrics: Annotated[Path, console.Option(help="the folder of <model>.json")],
    predictions: Annotated[Path, console.Option(help="the folder of <model>.parquet")],
    plots: Annotated[Path, console.Option(help="the folder of <model>.csv, the histories")],
    pictures: Annotated[Path, console.Option(help="the folder of <model>/*.svg and sample.txt")],
    checks: Annotated[Path, console.Option(help="the folder of <corpus>.json")],
    verified: Annotated[Path, console.Option(help="the folder of <model>.json, the verdicts")],
    laboratory: Annotated[Path, console.Option(help="the folder of <stage>/<name>.csv")],
    raw: Annotated[Path, console.Option(help="the folder of <corpus>/, what was fetched")],
    prepared: Annotated[Path, console.Option(help="the folder of <corpus>/*.parquet")],
    vocabulary: Annotated[Path, console.Option(help="the folder of <corpus>.json")],
    models: Annotated[Path, console.Option(help="the folder of <model>/")],
    page: Annotated[Path, console.Option(help="the HTML page to write")],
) -> None:
    """Write the report: one page with all comparisons, verdicts, chains, pictures and checks."""
    from pipelines.reporting import laboratory as experiments
    from pipelines.reporting import lineage
    from pipelines.reporting import page as report
    from pipelines.tracking import graph, versions

    tree = params.load(Path("params.yaml"))
    # No dep, for DVC writes it after every stage. What is shown of it are MD5s of the deps.
    lock = Path(versions.LOCK)
    entries = graph.locked(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    steps = {
        name: lineage.Step(entry.inputs.files, entry.outs, entry.inputs.params)
        for name, entry in entries.items()
    }
    chains = lineage.lineages(tree, steps, metrics, (raw, prepared, vocabulary, models, plots))
    sections = report.gather(tree, metrics, predictions, plots, pictures, checks, verified, chains)
    files.write(page, report.build(sections, experiments.chapter(tree, laboratory)))


if __name__ == "__main__":
    console.launch("report", main)
