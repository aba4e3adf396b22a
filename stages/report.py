"""Every metric and picture -> one HTML page."""

from pathlib import Path
from typing import Annotated

from pipelines import console, files
from pipelines.config import params


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
    from pipelines.lineage import dvc_project, snapshots
    from pipelines.reporting import experiment_section as experiments
    from pipelines.reporting import lineage_section
    from pipelines.reporting import page as report

    tree = params.load(Path("params.yaml"))
    # No dep, for DVC writes it after every stage. What is shown of it are MD5s of the deps.
    lock = Path(snapshots.LOCK)
    entries = dvc_project.parse_lock(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    steps = {
        name: lineage_section.Step(entry.inputs.files, entry.outs, entry.inputs.params)
        for name, entry in entries.items()
    }
    chains = lineage_section.lineages(
        tree, steps, metrics, (raw, prepared, vocabulary, models, plots)
    )
    sections = report.gather(tree, metrics, predictions, plots, pictures, checks, verified, chains)
    files.write_text(page, report.build(sections, experiments.experiment_figures(tree, laboratory)))


if __name__ == "__main__":
    console.launch("report", main)
