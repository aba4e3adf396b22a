"""Arguments and options that more than one command has."""

from __future__ import annotations

from typing import Annotated, Any

from commands import completion
from pipelines.console import Argument, Option

Texts = Annotated[
    list[str] | None,
    Argument(
        metavar="TEXT",
        show_default=False,
        help="text in quotes; without it, each line of standard input is one text, and a terminal "
        "has a prompt",
    ),
]
RUN_OR_MODEL = Argument(
    metavar="RUN|MODEL",
    help="a model, or the id of a run or its first characters",
    autocompletion=completion.models,
)


def jobs(help_text: str) -> Any:
    """Return the option `--jobs`: how much runs at a time."""
    return Option(min=1, show_default=False, help=help_text)


def scheduler(work: str) -> Any:
    """Return the option `--scheduler`.

    Args:
        work: what the workers run, in the plural.
    """
    return Option(
        metavar="ADDRESS",
        show_default=False,
        help=f"a Dask scheduler whose workers run the {work}, for example tcp://host:8786",
    )


def slurm(work: str, default_jobs: str) -> Any:
    """Return the option `--slurm`.

    Args:
        work: what the jobs of SLURM run, in the plural.
        default_jobs: number of jobs without `--jobs`.
    """
    return Option(
        "--slurm", help=f"run the {work} in SLURM jobs: --jobs of them, or {default_jobs}"
    )
