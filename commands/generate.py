"""`seqproof generate`: write text with a trained language model."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from commands import prompt
from commands.options import override
from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError, suggest

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor


def generate(
    name: str, options: Mapping[str, Any], interactive: bool = False, as_json: bool = False
) -> None:
    """Print text that a language model generates.

    Args:
        name: a language model of params.yaml.
        options: values that replace those of the corpus's `samples`; None keeps a value.
        interactive: continue each text that is typed at a prompt.
        as_json: print JSON instead of text.

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
    if interactive and (as_json or options.get("beginning") is not None):
        option = "--json" if as_json else "--beginning"
        raise UserError(f"--interactive cannot be combined with {option}. Omit one of the two.")
    samples = override(corpus.samples, options)
    if interactive:
        console.echo(f"Loading {name} ...")
    with console.quiet_imports():
        from pipelines import project_models
    trained = project_models.load(config, name, samples)
    if interactive:
        prompt.answer_lines(
            lambda text: [_write(trained, trained.prepare([text])[0], samples.length)]
        )
        return
    # The default beginning is used as it is, so that the text is the one that `evaluate` wrote.
    is_typed = options.get("beginning") is not None
    beginning = trained.prepare([samples.beginning])[0] if is_typed else samples.beginning
    text = _write(trained, beginning, samples.length, show_progress=not as_json)
    if as_json:
        console.print_json({"model": name, "answers": [{"text": beginning, "answer": text}]})
    else:
        console.echo(text)


def _write(trained: Predictor, beginning: str, length: int, show_progress: bool = True) -> str:
    """Return a prepared beginning with its continuation of `length` tokens."""
    from pipelines.tasks import language_modelling

    with _progress(length) if show_progress else nullcontext() as bar:
        return language_modelling.write(trained, beginning, advance=bar.advance if bar else None)


def _progress(length: int) -> AbstractContextManager[console.Progress | None]:
    """Show a bar on a terminal only: a file or a pipe receives nothing but the text."""
    if not console.out().is_terminal:
        return nullcontext()
    return console.progress("writing", length, "tokens")
