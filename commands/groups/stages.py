"""One command per stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from commands import completion
from commands.help_page import STAGES as STAGE_GROUP
from pipelines.console import Argument, Option, Restart, Typer

app = Typer()
# The argument of each stage's command, and its help text.
STAGES = {
    "check": ("", "Check every key and value of params.yaml."),
    "fetch": ("corpus", "Fetch the raw files of a corpus."),
    "preprocess": ("corpus", "Read, clean, split and validate the text of a corpus."),
    "build-vocab": ("corpus", "Build the vocabulary of a corpus from its training split."),
    "train-baseline": (
        "training",
        "Train an n-gram model, a logistic regression, a perceptron or an MLP.",
    ),
    "train-lstm": ("training", "Train a recurrent language model, classifier or tagger."),
    "fine-tune": ("training", "Train a classifier that starts from a trained language model."),
    "train-seq2seq": ("training", "Train an encoder-decoder, with or without attention."),
    "evaluate": ("model", "Evaluate a trained model on its test split."),
    "backpropagation": ("planar examples", "Train perceptrons in NumPy and check their gradients."),
    "memory": ("synthetic task", "Measure gradient flow and memory of each cell."),
    "word-order": ("corpus", "Swap two words of test texts and compare classifiers."),
    "source-length": ("corpus", "Score translators by the length of the source."),
    "report": ("report", "Write all metrics and pictures to one HTML page."),
}
Corpus = Annotated[
    str,
    Argument(metavar="NAME", help="a corpus of params.yaml", autocompletion=completion.corpora),
]
PlanarExamples = Annotated[
    str,
    Argument(
        metavar="NAME",
        help="xor or circles, as in params.yaml",
        autocompletion=completion.planar_examples,
    ),
]
SyntheticTask = Annotated[
    str,
    Argument(
        metavar="NAME",
        help="adding or copying, as in params.yaml",
        autocompletion=completion.synthetic_tasks,
    ),
]
Model = Annotated[
    str,
    Argument(metavar="NAME", help="a model of params.yaml", autocompletion=completion.models),
]


def _add(command: str, argument: str, help_text: str) -> None:
    """Add a stage as a command; its module is imported when it runs, not for --help."""
    stage = command.replace("-", "_")

    def run() -> None:
        _run(stage)

    def run_corpus(name: Corpus) -> None:
        _run(stage, name)

    def run_model(name: Model) -> None:
        _run(stage, name)

    def run_planar_examples(name: PlanarExamples) -> None:
        _run(stage, name)

    def run_synthetic_task(name: SyntheticTask) -> None:
        _run(stage, name)

    def run_training(name: Model, fresh: Restart = False) -> None:
        _run(stage, name, fresh)

    def run_report(
        pdf: Annotated[bool, Option("--pdf", help="also print it to PDF with Chromium")] = False,
    ) -> None:
        if not pdf:
            _run(stage)
            return
        from commands import browser

        browser.report()

    callbacks: dict[str, Callable[..., None]] = {
        "": run,
        "corpus": run_corpus,
        "model": run_model,
        "planar examples": run_planar_examples,
        "synthetic task": run_synthetic_task,
        "training": run_training,
        "report": run_report,
    }
    app.command(command, help=help_text, rich_help_panel=STAGE_GROUP)(callbacks[argument])


def _run(stage: str, name: str | None = None, restart: bool = False) -> None:
    from commands import stage as command

    command.run(stage, name, restart)


for _command, (_argument, _help) in STAGES.items():
    _add(_command, _argument, _help)
