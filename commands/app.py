"""`seqproof`: every stage as a command, and what a person types that is no stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pipelines import console
from pipelines.console import Argument, Command, Option, Typer

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
    "fine-tune": "Train a classifier that starts from a trained language model.",
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
def translate(
    name: Annotated[str, Argument(help="a trained encoder-decoder")],
    texts: Annotated[list[str], Argument(help="what to translate")],
    beam: Annotated[int | None, Option(min=1, help="hypotheses kept at each step")] = None,
    n_best: Annotated[int | None, Option(min=1, help="so many of each, with their scores")] = None,
    length_penalty: Annotated[float | None, Option(min=0, help="above 0 favours the long")] = None,
    coverage_penalty: Annotated[
        float | None, Option(min=0, help="above 0 leaves less of the source out")
    ] = None,
    replace_unknown: Annotated[
        bool | None, Option("--replace-unknown", help="unknown words by those of the source")
    ] = None,
) -> None:
    """Translate; what is not given is as params.yaml says."""
    from commands import translate as command

    search = {"beam": beam, "length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
    command.translate(name, texts, n_best, search | {"replace_unknown": replace_unknown})


@app.command()
def generate(
    name: Annotated[str, Argument(help="a trained language model")],
    beginning: Annotated[str | None, Option(help="text to go on with")] = None,
    length: Annotated[int | None, Option(help="tokens to write")] = None,
    temperature: Annotated[float | None, Option(help="near 0 careful, above 1 wild")] = None,
    top_k: Annotated[int | None, Option(help="draw from so many of the likeliest tokens")] = None,
    top_p: Annotated[
        float | None, Option(help="draw from the fewest tokens that are so likely together")
    ] = None,
    seed: Annotated[int | None, Option(help="another seed, another text")] = None,
) -> None:
    """Let a language model write; what is not given is as params.yaml says."""
    from commands import generate as command

    options = {"beginning": beginning, "length": length, "temperature": temperature}
    command.generate(name, options | {"top_k": top_k, "top_p": top_p, "seed": seed})


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


class _New(Command):
    """Where `--template` stands last, its value is empty, and the refusal says what it may be."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [*args, ""] if args[-1:] == ["--template"] else args)


@app.command(cls=_New)
def new(
    folder: Annotated[Path, Argument(metavar="DIR", help="made if need be; must be empty")],
    template: Annotated[str, Option(metavar="NAME", help="see docs/templates.md")] = "",
) -> None:
    """Make a project from a template: a benchmark with a number to reach."""
    from commands.new import new as make

    make(folder, template)


@app.command()
def publish(
    projects: Annotated[list[Path] | None, Argument(help="folders that `new` made")] = None,
    data: Annotated[Path, Option("--json", help="results so far, to add to")] = Path(
        "docs/results.json"
    ),
    page: Annotated[Path, Option(help="the same as a page")] = Path("docs/results.md"),
) -> None:
    """Put what projects reached beside the published numbers."""
    from commands.publish import publish as put

    put(projects or [], data, page)


def main() -> None:
    """The console script."""
    console.guarded(app)
