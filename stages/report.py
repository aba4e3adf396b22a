"""Write all comparisons, pictures and checks to one HTML page."""

from pipelines import console, paths
from pipelines.config import params


def main() -> None:
    """Write the report."""
    from pipelines.reporting import page

    page.write(params.load(paths.PARAMS), console.root())


if __name__ == "__main__":
    console.launch("report", main)
