"""Measure over how many steps each cell remembers what it is asked for at the end."""

from pathlib import Path
from typing import Annotated

from pipelines import console
from pipelines.config import params
from pipelines.console import Argument, Option
from pipelines.experiments import synthetic_tasks, tables


def main(
    name: Annotated[str, Argument(help="a task under laboratory.long_memory of params.yaml")],
    lags: Annotated[Path, Option(help="table of what was learnt at each lag, to write")],
) -> None:
    """Train each cell of the laboratory on a task over ever longer lags."""
    everything = params.load(Path("params.yaml"))
    cells = everything.laboratory.cells
    entry = params.require(everything.laboratory.long_memory, name, "task for long_memory")
    with console.quiet_imports():
        from pipelines.experiments import long_memory

    steps = len(cells) * len(entry.lags) * entry.steps
    with console.progress("long memory", steps, "steps") as bar:
        found = long_memory.lag_sweep(
            cells, entry, synthetic_tasks.TASKS[name], everything.seed, bar.advance
        )
    tables.write(found, lags)


if __name__ == "__main__":
    console.launch("long_memory", main)
