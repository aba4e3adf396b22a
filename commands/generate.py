"""`seqproof generate`: write text with a trained language model."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from commands.options import override
from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError, suggest


def generate(name: str, options: Mapping[str, Any]) -> None:
    """Print text that a language model generates.

    Args:
        name: a language model of params.yaml.
        options: values that replace those of the corpus's `samples`; None keeps a value.

    Raises:
        UserError: the model is of another kind, an option is invalid, or the beginning is empty.
    """
    config = params.load(paths.PARAMS)
    entry = params.require(config.models, name, "model")
    corpus = config.corpora[entry.corpus]
    if corpus.samples is None:
        language_models = [
            key
            for key, model in config.models.items()
            if config.corpora[model.corpus].samples is not None
        ]
        raise UserError(
            f"'{name}' has 'model: {entry.model}', and only a language model can generate text"
            f"{suggest(name, language_models)}."
        )
    if options.get("temperature") == 0:
        raise UserError(
            "--temperature is 0: set a small value such as 0.01, or --top-k 1 for the most "
            "probable token at every step."
        )
    samples = override(corpus.samples, options)
    with console.quiet_imports():
        from pipelines.inference import predictor
        from pipelines.models import serialization
        from pipelines.tasks import language_modelling
    spec = serialization.ModelSpec.of(config, name)
    trained = predictor.load(paths.model(name), paths.vocabulary(entry.corpus), samples, spec=spec)
    # The default beginning is used as it is, so that the text is the one that `evaluate` wrote.
    is_typed = options.get("beginning") is not None
    beginning = trained.prepare([samples.beginning])[0] if is_typed else samples.beginning
    with _progress(samples.length) as bar:
        text = language_modelling.write(trained, beginning, advance=bar.advance if bar else None)
    console.echo(text)


def _progress(length: int) -> AbstractContextManager[console.Progress | None]:
    """Show a bar on a terminal only: a file or a pipe receives nothing but the text."""
    if not console.out().is_terminal:
        return nullcontext()
    return console.progress("writing", length, "tokens")
