"""Measure over how many steps each cell learns a task."""

from typing import Annotated

from pipelines import console, paths
from pipelines.config import params
from pipelines.experiments import synthetic_tasks, tables


def main(
    name: Annotated[
        str, console.Argument(help="a task under experiments.long_memory of params.yaml")
    ],
) -> None:
    """Train each cell of the experiments on a task with increasing lags."""
    config = params.load(paths.PARAMS)
    cells = config.experiments.cells
    experiments = config.experiments.long_memory
    entry = params.require(experiments, name, "task", "experiments.long_memory")
    with console.quiet_imports():
        from pipelines.experiments import long_memory

    steps = len(cells) * len(entry.lags) * entry.steps
    with console.progress("long memory", steps, "steps") as bar:
        trials = long_memory.lag_sweep(
            cells, entry, synthetic_tasks.TASKS[name], config.seed, bar.advance
        )
    tables.write(trials, paths.experiment("long_memory", name))


if __name__ == "__main__":
    console.launch("long_memory", main)
