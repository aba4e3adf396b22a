"""The command line interface: one command per stage, and the tools around them."""

from __future__ import annotations

from pipelines import startup  # noqa: F401 - before all other imports

# isort: split
import io
import signal
import sys
from pathlib import Path
from typing import Annotated

from commands.groups import compare, data, project, prove, stages, train, use
from commands.help_page import HelpPage
from pipelines import console
from pipelines.console import Context, Exit, Option, Typer

app = Typer(
    name="seqproof",
    help="Train, compare, reproduce and verify recurrent sequence models.",
    cls=HelpPage,
    context_settings={"max_content_width": 100},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data.app, rich_help_panel="Data")
for _group in (stages, train, compare, prove, use, project):
    app.add_typer(_group.app)  # without a name: its commands are commands of `seqproof`


@app.callback(invoke_without_command=True)
def seqproof(
    context: Context,
    version: Annotated[bool, Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version or the help."""
    if version:
        from commands import skeleton

        console.echo(f"seqproof {skeleton.version(Path(__file__).parents[1])}")
        raise Exit
    if context.invoked_subcommand is None:
        console.echo(context.get_help())


def main() -> None:
    """Run the command line; on SIGTERM and SIGHUP, exit so that temporary files are removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as after `nohup`
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    if isinstance(sys.stdout, io.TextIOWrapper):  # in a locale that is not UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    console.run_app(app)
