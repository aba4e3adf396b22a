"""Every metric and picture -> one HTML page."""

from pathlib import Path
from typing import Annotated

from pipelines import console
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
    from pipelines.reporting import page as report

    report.write(params.load(Path("params.yaml")), Path())


if __name__ == "__main__":
    console.launch("report", main)
