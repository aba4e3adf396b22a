"""Measure which cells learn a task that needs memory, and their gradient norms."""

from typing import Annotated

from pipelines import console, paths
from pipelines.config import params
from pipelines.experiments import tables


def main(
    name: Annotated[str, console.Argument(help="a task under experiments.memory of params.yaml")],
) -> None:
    """Train the cells of the experiments on a task, by lag and length of truncated BPTT."""
    config = params.load(paths.PARAMS)
    cells = config.experiments.cells
    entry = params.require(config.experiments.memory, name, "task", "experiments.memory")
    with console.quiet_imports():
        from pipelines.experiments import memory
        from pipelines.layers import threads

    threads.use_threads(config.threads)
    kinds = {cells[cell].cell for cell in entry.cells or cells}
    steps = len(kinds) * len(entry.lags) * entry.steps
    with console.progress("memory", steps, "steps") as bar:
        losses, norms = memory.measure_memory(
            cells, entry, name, config.seed, config.threads, bar.advance
        )
    tables.write(losses, paths.experiment("memory", name))
    tables.write(norms, paths.gradient_norms(name))


if __name__ == "__main__":
    console.launch("memory", main)
