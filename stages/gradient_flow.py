"""Measure how much of the gradient reaches earlier steps, before and after training."""

from typing import Annotated

from pipelines import console, paths
from pipelines.config import params
from pipelines.experiments import synthetic_tasks, tables


def main(
    name: Annotated[
        str, console.Argument(help="a task under experiments.gradient_flow of params.yaml")
    ],
) -> None:
    """Measure the norm of d loss(t) / d state(k) by t - k for each cell of the experiments."""
    config = params.load(paths.PARAMS)
    cells = config.experiments.cells
    experiments = config.experiments.gradient_flow
    entry = params.require(experiments, name, "task", "experiments.gradient_flow")
    with console.quiet_imports():
        from pipelines.experiments import gradient_flow

    steps = 2 * len(cells) * entry.steps
    with console.progress("gradient flow", steps, "steps") as bar:
        norms = gradient_flow.gradient_norms(
            cells, entry, synthetic_tasks.TASKS[name], config.seed, bar.advance
        )
    tables.write(norms, paths.experiment("gradient_flow", name))


if __name__ == "__main__":
    console.launch("gradient_flow", main)
