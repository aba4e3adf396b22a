"""A trained language model that writes text."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from commands.options import changed
from pipelines import console
from pipelines.config import params
from pipelines.config.error_messages import nearest
from pipelines.errors import UserError
from pipelines.lineage import dvc_project


def generate(name: str, options: Mapping[str, Any]) -> None:
    """Print what the model called `name` writes.

    Args:
        name: a language model.
        options: what differs from the `samples` of its corpus; None for what does not.

    Raises:
        Refusal: another kind of model, an impossible option, or a beginning of no text.
    """
    everything = params.load(Path("params.yaml"))
    entry = params.require(everything.models, name, "model")
    corpus = everything.corpora[entry.corpus]
    if corpus.samples is None:
        writers = [key for key, one in everything.models.items() if _writes(one)]
        raise UserError(
            f"'{name}' is a {entry.model}, and only a language model writes text"
            f"{nearest(name, writers)}."
        )
    if options.get("temperature") == 0:
        raise UserError(
            "--temperature is 0: give one near 0, such as 0.01, or --top-k 1, for the likeliest "
            "token every time."
        )
    samples = changed(corpus.samples, options)
    words = dvc_project.command("evaluate", name)
    with console.quiet_imports():
        from pipelines.inference import predictor
    trained = predictor.load(
        dvc_project.option(words, "model"), dvc_project.option(words, "vocabulary"), samples
    )
    # Without one given, the text is that of `evaluate`.
    typed = options.get("beginning") is not None
    beginning = trained.prepared([samples.beginning])[0] if typed else samples.beginning
    with _progress(samples.length) as bar:
        text = trained.write(beginning, bar.advance if bar else None)
    console.echo(text)


def _writes(entry: params.Model) -> bool:
    return params.TASK_OF[entry.model] == "language_modelling"


def _progress(length: int) -> AbstractContextManager[console.Progress | None]:
    """A bar on a terminal alone: in a file or a pipe there is to be nothing but the text."""
    if not console.out().is_terminal:
        return nullcontext()
    return console.progress("writing", length, "tokens")
