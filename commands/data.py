"""The commands of `seqproof data`, whose modules are imported when they run."""

from __future__ import annotations

from typing import Annotated

from pipelines import console
from pipelines.console import Context, Option, Typer

app = Typer(
    name="data",
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def data(context: Context) -> None:
    """Look at the text of the corpora before anything is trained."""
    if context.invoked_subcommand is None:
        console.echo(context.get_help())


@app.command()
def docs(
    open_browser: Annotated[
        bool, Option("--open/--no-open", help="open the pages in a browser, or only write them")
    ] = True,
) -> None:
    """Write Great Expectations' Data Docs about the checks of all corpora, and open them."""
    from commands import data_docs as command

    command.docs(open_browser)
