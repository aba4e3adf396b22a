"""The commands that look after a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from commands import completion
from commands.groups import own_text_options as own
from pipelines import console
from pipelines.console import Argument, AsJson, Command, Option, Typer
from pipelines.errors import UserError

app = Typer()


@app.command(rich_help_panel="Project")
def sync(
    any_server: Annotated[
        bool, Option("--here", help="also upload runs that were recorded for another server")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Upload runs recorded while the server was unreachable."""
    from commands import sync as command

    command.sync(any_server, as_json)


@app.command(rich_help_panel="Project")
def ui(port: Annotated[int, Option(min=1, max=65535, help="port on this machine")] = 5000) -> None:
    """Start the MLflow UI."""
    from commands import ui as command

    command.ui(port)


class _New(Command):
    """Command that reads `--template` without a name as an empty name, so the error lists all."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [*args, ""] if args[-1:] == ["--template"] else args)


@app.command(cls=_New, rich_help_panel="Project")
def new(
    folder: Annotated[str, Argument(metavar="DIR", help="a new or empty folder")],
    more: Annotated[list[str] | None, Argument(metavar="FILE", hidden=True)] = None,
    template: Annotated[
        str,
        Option(metavar="NAME", help="see docs/templates.md", autocompletion=completion.templates),
    ] = "",
    files: Annotated[
        list[str] | None,
        Option(
            "--from",
            metavar="FILE...",
            help="your own text: files, a folder, or - for standard input",
        ),
    ] = None,
    name: Annotated[str | None, Option(metavar="NAME", help="name of the corpus")] = None,
    task: own.Task = None,
    text: own.Text = None,
    label: own.Label = None,
    source: own.Source = None,
    target: own.Target = None,
    tokens: own.Tokens = None,
    split: own.Split = None,
    separator: own.Separator = None,
    quoting: own.Quoting = None,
    header: own.Header = None,
    encoding: own.Encoding = None,
    yes: own.Yes = False,
) -> None:
    """Create a project from a template or from your own text."""
    from commands import inputs
    from commands import new as command

    project = inputs.folder(folder)
    if not files:
        if more:
            raise UserError(f"'{more[0]}' is one argument too many. Pass files after --from.")
        command.new(project, template)
        return
    if template:
        raise UserError("--template cannot be combined with --from. Omit one of the two.")
    from commands import own_text
    from pipelines.proposals.options import Options

    options = Options(
        task, text, label, source, target, tokens, split, separator, quoting, header, encoding
    )
    paths = [inputs.utf8(file, "--from") for file in [*files, *(more or [])]]
    own_text.create(project, paths, name, options, yes)


@app.command(rich_help_panel="Project")
def upgrade() -> None:
    """Bring this project to the installed version.

    Files that you have changed are left; all changes are printed.
    """
    from commands import upgrade as command

    command.upgrade()


@app.command("merge-lock", rich_help_panel="Project", hidden=True)
def merge_lock(
    versions: Annotated[
        tuple[Path, Path, Path] | None,
        Argument(metavar="BASE OURS THEIRS", help="three versions; OURS becomes the merged one"),
    ] = None,
    install: Annotated[
        bool, Option("--install", help="set the driver in this project's Git repository")
    ] = False,
) -> None:
    """Merge dvc.lock entry by entry; Git runs this command."""
    from commands import merge_lock as command

    if install:
        command.install(console.root())
    elif versions:
        command.merge_lock(*versions)
    else:
        raise UserError("Name three versions of dvc.lock, or set --install.")


@app.command(rich_help_panel="Project")
def doctor(
    quick: Annotated[
        bool, Option("--quick", help="skip the determinism check, which takes most of the time")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check versions, GPU, disk, project and determinism."""
    from commands import doctor as command

    command.doctor(quick, as_json)
