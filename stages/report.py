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
    page: Annotated[Path, console.Option(help="the HTML page to write")],
) -> None:
    """Write the report: one page with every comparison, verdict, picture, sample and data check."""
    from pipelines.reporting import laboratory as experiments
    from pipelines.reporting import page as report

    tree = params.load(Path("params.yaml"))
    sections = report.gather(tree, metrics, predictions, plots, pictures, checks, verified)
    files.write(page, report.build(sections, experiments.chapter(tree, laboratory)))


if __name__ == "__main__":
    console.launch("report", main)
