"""Train a perceptron and a multi-layer perceptron in NumPy, and check their gradients."""

from typing import Annotated

from pipelines import console, paths
from pipelines.config import params
from pipelines.experiments import tables


def main(
    name: Annotated[
        str, console.Argument(help="examples under experiments.backpropagation of params.yaml")
    ],
) -> None:
    """Record losses, decision surfaces and gradient checks of three networks."""
    config = params.load(paths.PARAMS)
    experiments = config.experiments.backpropagation
    entry = params.require(experiments, name, "experiment", "experiments.backpropagation")
    with console.quiet_imports():
        from pipelines.experiments import backpropagation

    table = backpropagation.measure_backpropagation(entry, name, config.seed)
    tables.write(table, paths.experiment("backpropagation", name))


if __name__ == "__main__":
    console.launch("backpropagation", main)
