"""Write all comparisons, pictures and checks to one HTML page."""

from pipelines import console, paths
from pipelines.config import params


def main() -> None:
    """Write the report."""
    from pipelines.evaluation import metrics
    from pipelines.reporting import page

    config = params.load(paths.PARAMS)
    metrics.check_goals(config)
    page.write(config, console.root())


if __name__ == "__main__":
    console.launch("report", main)
