"""The commands of `seqproof data`, whose modules are imported when they run."""

from __future__ import annotations

from typing import Annotated

from commands import completion
from commands.groups import own_text_options as own
from pipelines import console
from pipelines.console import Argument, AsJson, Context, Option, Typer

app = Typer(
    name="data",
    context_settings={"max_content_width": 100},
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def data(context: Context) -> None:
    """Add your own text, and look at the text of the corpora before anything is trained."""
    if context.invoked_subcommand is None:
        console.echo(context.get_help())


@app.command()
def add(
    name: Annotated[str, Argument(metavar="NAME", help="name of the new corpus")],
    files: Annotated[
        list[str],
        Argument(metavar="FILE...", help="files, a folder, or - for standard input"),
    ],
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
    """Add a corpus and models for your own text."""
    from commands import inputs, own_text
    from pipelines.proposals.options import Options

    options = Options(
        task, text, label, source, target, tokens, split, separator, quoting, header, encoding
    )
    paths = [inputs.utf8(file, "FILE") for file in files]
    own_text.add(paths, inputs.utf8(name, "NAME"), options, yes)


@app.command()
def docs(
    open_browser: Annotated[
        bool, Option("--open/--no-open", help="open the pages in a browser, or only write them")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Write pages about all data checks, and open them.

    They are the Data Docs of Great Expectations.
    """
    from commands import data_docs as command

    command.docs(open_browser, as_json)


@app.command()
def profile(
    corpus: Annotated[
        str | None,
        Argument(
            metavar="CORPUS",
            help="a corpus of params.yaml; all of them without a name",
            autocompletion=completion.corpora,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show lengths, labels, vocabulary, duplicates, languages.

    The numbers suggest changes of params.yaml.
    """
    from commands import data_profile as command
    from commands import inputs

    command.profile(None if corpus is None else inputs.utf8(corpus, "CORPUS"), as_json)
