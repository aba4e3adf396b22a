"""Measure how much of the gradient comes back over many steps, before and after a training."""

from pathlib import Path
from typing import Annotated

from pipelines import console
from pipelines.config import params
from pipelines.console import Argument, Option
from pipelines.experiments import synthetic_tasks, tables


def main(
    name: Annotated[str, Argument(help="a task under laboratory.gradient_flow of params.yaml")],
    norms: Annotated[Path, Option(help="table of the norms to write")],
) -> None:
    """Measure the norm of d loss(t) / d state(k) by t - k, for each cell of the laboratory."""
    everything = params.load(Path("params.yaml"))
    cells = everything.laboratory.cells
    entry = params.require(everything.laboratory.gradient_flow, name, "task for gradient_flow")
    with console.quiet_imports():
        from pipelines.experiments import gradient_flow

    steps = 2 * len(cells) * entry.steps
    with console.progress("gradient flow", steps, "steps") as bar:
        found = gradient_flow.gradient_norms(
            cells, entry, synthetic_tasks.TASKS[name], everything.seed, bar.advance
        )
    tables.write(found, norms)


if __name__ == "__main__":
    console.launch("gradient_flow", main)
