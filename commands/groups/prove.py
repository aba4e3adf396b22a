"""The commands that prove where results come from."""

from __future__ import annotations

from typing import Annotated

from commands import completion
from commands.groups import declarations
from pipelines.console import Argument, AsJson, Option, Typer
from pipelines.errors import UserError

app = Typer()


@app.command(rich_help_panel="Prove")
def seal(as_json: AsJson = False) -> None:
    """Record the hashes of all outputs in MLflow."""
    from commands import seal as command

    command.seal(as_json)


@app.command(rich_help_panel="Prove")
def trace(
    name: Annotated[
        str,
        Argument(
            metavar="TARGET",
            help="a file, model, corpus, stage, MD5, run or commit",
            autocompletion=completion.targets,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show what a result depends on, and what depends on it.

    \b
    seqproof trace metrics/verses-attention.json  a file
    seqproof trace verses-attention               a model
    seqproof trace main                           a commit
    """
    from commands import inputs
    from commands import trace as command

    command.trace(inputs.utf8(name, "TARGET"), as_json)


@app.command(rich_help_panel="Prove")
def verify(
    name: Annotated[str | None, declarations.RUN_OR_MODEL] = None,
    all_models: Annotated[bool, Option("--all", help="verify all models (the default)")] = False,
    level: Annotated[
        int,
        Option(
            min=0,
            max=2,
            help="0 compares hashes, 1 repeats the first training steps, 2 reruns all stages",
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Verify that inputs and outputs are unchanged.

    \b
    seqproof verify                             all models
    seqproof verify verses-attention --level 1  repeat its first training steps
    """
    from commands import verify as command

    if all_models and name is not None:
        raise UserError(f"--all cannot be combined with '{name}'. Omit one of the two.")
    command.verify(name, level, as_json)
