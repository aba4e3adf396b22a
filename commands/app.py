"""`seqproof`: every stage as a command, and what a person types that is no stage."""

from __future__ import annotations

from typing import Annotated

from pipelines import console
from pipelines.console import Argument, Option, Typer

app = Typer(
    name="seqproof",
    help="Recurrent sequence models whose every result can be run again and proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
STAGES = {
    "check": "Check every key and value of params.yaml.",
    "fetch": "Fetch a corpus: package, address, own files or generated.",
    "preprocess": "Check, clean, tokenise and split a corpus.",
    "build-vocab": "Build the vocabulary of a corpus from its training split.",
    "train-baseline": "Train a perceptron, an MLP or a Markov model.",
    "train-lstm": "Train a recurrent language model or classifier.",
    "train-seq2seq": "Train an encoder-decoder, with or without attention.",
    "evaluate": "Evaluate a trained model on its test split.",
    "report": "Put every metric and picture on one HTML page.",
}
Name = Annotated[str, Argument(metavar="NAME", help="a corpus or a model of params.yaml")]


def _add(command: str, help_text: str) -> None:
    """A stage as a command; DVC is imported when it runs, not for --help."""
    verb = command.replace("-", "_")
    if command in ("check", "report"):
        app.command(command, help=help_text)(lambda: _run(verb, None))
        return

    def run(name: Name) -> None:
        _run(verb, name)

    app.command(command, help=help_text)(run)


def _run(verb: str, name: str | None) -> None:
    from commands import stage

    stage.run(verb, name)


for _command, _help in STAGES.items():
    _add(_command, _help)


@app.command()
def predict(
    name: Annotated[str, Argument(help="a trained model")],
    texts: Annotated[list[str], Argument(help="what to translate, to label or to go on with")],
) -> None:
    """Give a trained model text: a translation, a label, or how it goes on."""
    from commands import predict as command

    command.predict(name, texts)


@app.command()
def results() -> None:
    """Compare all models, and say what each stage cost."""
    from commands import graph
    from commands.results import results as show

    words = graph.command("report", None)
    show(graph.option(words, "metrics"), graph.option(words, "page"), graph.stages())


@app.command()
def ui(port: Annotated[int, Option(min=1, max=65535, help="port on this machine")] = 5000) -> None:
    """Open MLflow on the runs."""
    from commands.ui import ui as serve

    serve(port)


def main() -> None:
    """The console script."""
    console.guarded(app)
