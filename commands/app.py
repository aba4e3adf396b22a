"""`seqproof`: every stage as a command, and what a person types that is no stage."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pipelines import console
from pipelines.console import Argument, Command, Context, Exit, Option, Restart, Typer
from pipelines.errors import UserError

app = Typer(
    name="seqproof",
    help="Recurrent sequence models whose every result can be run again and proved.",
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
    "gradient-flow": "Measure how much of the gradient comes back, cell by cell.",
    "long-memory": "Measure over how many steps each cell remembers.",
    "word-order": "Exchange two words of test texts, and see which classifiers notice.",
    "source-length": "Score translators by the length of the source.",
    "report": "Put every metric and picture on one HTML page.",
}
# All others are for a model, or for all.
CORPORA = ("fetch", "preprocess", "build-vocab", "word-order", "source-length")
TASKS = ("gradient-flow", "long-memory")
Corpus = Annotated[str, Argument(metavar="NAME", help="a corpus of params.yaml")]
Task = Annotated[str, Argument(metavar="NAME", help="adding or copying, as in params.yaml")]
Model = Annotated[str, Argument(metavar="NAME", help="a model of params.yaml")]
Texts = Annotated[
    list[str] | None,
    Argument(
        metavar="TEXT",
        show_default=False,
        help="in quotes; without any, each line of standard input is one",
    ),
]


@app.callback(invoke_without_command=True)
def seqproof(
    context: Context,
    version: Annotated[bool, Option("--version", help="Say which version this is.")] = False,
) -> None:
    """What it does by itself: say what it can do."""
    if version:
        from importlib.metadata import version as installed

        console.echo(f"seqproof {installed('seqproof')}")
        raise Exit
    if context.invoked_subcommand is None:
        console.echo(context.get_help())


def _add(command: str, help_text: str) -> None:
    """A stage as a command; DVC is imported when it runs, not for --help."""
    verb = command.replace("-", "_")
    if command == "check":
        app.command(command, help=help_text)(lambda: _run(verb, None))
        return

    def of_corpus(name: Corpus) -> None:
        _run(verb, name)

    def of_model(name: Model) -> None:
        _run(verb, name)

    def of_task(name: Task) -> None:
        _run(verb, name)

    def of_training(name: Model, fresh: Restart = False) -> None:
        _run(verb, name, fresh)

    def of_report(
        pdf: Annotated[bool, Option("--pdf", help="print it, too, by Chromium")] = False,
    ) -> None:
        if not pdf:
            _run(verb, None)
            return
        from commands import browser

        browser.report()

    kinds: dict[str, Callable[..., None]] = {"evaluate": of_model, "report": of_report}
    kinds |= dict.fromkeys(CORPORA, of_corpus) | dict.fromkeys(TASKS, of_task)
    app.command(command, help=help_text)(kinds.get(command, of_training))


def _run(verb: str, name: str | None, fresh: bool = False) -> None:
    from commands import stage

    stage.run(verb, name, fresh)


for _command, _help in STAGES.items():
    _add(_command, _help)


@app.command()
def predict(
    name: Annotated[str, Argument(metavar="NAME", help="a trained model")],
    texts: Texts = None,
) -> None:
    """Give a trained model text: a translation, a label, or how it goes on."""
    from commands import inputs
    from commands import predict as command

    command.predict(name, inputs.texts(texts))


@app.command()
def translate(
    name: Annotated[str, Argument(metavar="NAME", help="a trained encoder-decoder")],
    texts: Texts = None,
    beam: Annotated[
        int | None, Option(min=1, max=1000, help="hypotheses kept at each step")
    ] = None,
    n_best: Annotated[
        int | None, Option(min=1, max=1000, help="so many of each, with their scores")
    ] = None,
    length_penalty: Annotated[
        float | None, Option(min=0, max=10, help="above 0 favours the long")
    ] = None,
    coverage_penalty: Annotated[
        float | None, Option(min=0, max=10, help="above 0 leaves less of the source out")
    ] = None,
    replace_unknown: Annotated[
        bool | None, Option("--replace-unknown", help="unknown words by those of the source")
    ] = None,
) -> None:
    """Translate; what is not given is as params.yaml says."""
    from commands import inputs
    from commands import translate as command

    search = {"beam": beam, "length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
    command.translate(
        name, inputs.texts(texts), n_best, search | {"replace_unknown": replace_unknown}
    )


@app.command()
def generate(
    name: Annotated[str, Argument(metavar="NAME", help="a trained language model")],
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
    from commands import inputs

    if beginning is not None:
        inputs.utf8(beginning, "--beginning")
    options = {"beginning": beginning, "length": length, "temperature": temperature}
    command.generate(name, options | {"top_k": top_k, "top_p": top_p, "seed": seed})


@app.command()
def results() -> None:
    """Compare all models, and say what each stage cost."""
    from commands.results import results as show
    from pipelines.lineage import dvc_project

    words = dvc_project.command("report", None)
    show(
        dvc_project.option(words, "metrics"),
        dvc_project.option(words, "page"),
        dvc_project.stages(),
    )


@app.command()
def seal() -> None:
    """Put the hashes of what DVC keeps on the runs that made it."""
    from commands.seal import seal as put

    put()


@app.command()
def trace(
    what: Annotated[
        str, Argument(metavar="WHAT", help="a file, model, corpus, stage, MD5, run or commit")
    ],
    as_json: Annotated[bool, Option("--json", help="the same for programs")] = False,
) -> None:
    """Show what a result comes from, and what comes from it."""
    from commands import inputs
    from commands.trace import trace as show

    show(inputs.utf8(what, "WHAT"), as_json)


@app.command()
def verify(
    what: Annotated[
        str | None,
        Argument(metavar="RUN|MODEL", help="a run's id, or its beginning, or a model"),
    ] = None,
    everything: Annotated[
        bool, Option("--all", help="all models, as without RUN or MODEL")
    ] = False,
    level: Annotated[int, Option(min=0, max=2, help="how deep to look")] = 0,
) -> None:
    """Check that all that a result comes from is what it was."""
    from commands.verify import verify as check

    if everything and what is not None:
        raise UserError(f"--all is all models, and '{what}' is one: leave one of the two out.")
    check(what, level)


@app.command()
def compare(
    names: Annotated[
        list[str],
        Argument(metavar="A B...", help="models, runs, commits or experiments", show_default=False),
    ],
    sentences: Annotated[
        int, Option(min=0, max=10_000, help="show so many test items where they differ most")
    ] = 0,
    level: Annotated[float, Option(min=0.0001, max=0.5, help="below it a p is significant")] = 0.05,
    as_json: Annotated[bool, Option("--json", help="the same for programs")] = False,
) -> None:
    """Say what differs between models, and whether the difference is real."""
    from commands import inputs
    from commands.compare import compare as beside

    beside([inputs.utf8(name, "A B...") for name in names], sentences, level, as_json)


@app.command()
def promote(
    what: Annotated[
        str, Argument(metavar="RUN|MODEL", help="a run's id, or its beginning, or a model")
    ],
    alias: Annotated[str, Option("--as", metavar="ALIAS", help="champion, for instance")],
) -> None:
    """Register a model under an alias, if it is better than the one that has it."""
    from commands import inputs
    from commands.promote import promote as put

    put(inputs.utf8(what, "RUN|MODEL"), inputs.utf8(alias, "--as"))


@app.command()
def sync(
    here: Annotated[
        bool, Option("--here", help="that, too, which was meant for another server")
    ] = False,
) -> None:
    """Send what the tracking server was not there to hear."""
    from commands.sync import sync as send

    send(here)


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
    folder: Annotated[str, Argument(metavar="DIR", help="made if need be; must be empty")],
    template: Annotated[str, Option(metavar="NAME", help="see docs/templates.md")] = "",
) -> None:
    """Make a project from a template: a benchmark with a number to reach."""
    from commands import inputs
    from commands.new import new as make

    make(inputs.folder(folder), template)


@app.command()
def doctor(
    quick: Annotated[
        bool, Option("--quick", help="leave out determinism, which takes most")
    ] = False,
    as_json: Annotated[bool, Option("--json", help="the same for programs")] = False,
) -> None:
    """Say whether this machine is fit: versions, GPU, disk, project, determinism."""
    from commands.doctor import doctor as look

    look(quick, as_json)


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
    """The console script; told to stop, it takes away what it put beside its results."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    console.run_app(app)
