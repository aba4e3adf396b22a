"""`seqproof translate`: translate text with a trained encoder-decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.options import override
from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError, suggest

GREEDY = params.Search(beam=1)


def translate(name: str, texts: list[str], n_best: int | None, options: Mapping[str, Any]) -> None:
    """Print one translation per line, or the `n_best` translations of each text with their scores.

    Args:
        name: an encoder-decoder of params.yaml.
        texts: source texts.
        n_best: number of translations of each text, each after its score; None for the best
            translation without its score.
        options: values that replace those of the corpus's `search`; None keeps a value.

    Raises:
        UserError: the model is of another kind, an option is invalid, or a text is empty.
    """
    config = params.load(paths.PARAMS)
    entry = params.require(config.models, name, "model")
    corpus = config.corpora[entry.corpus]
    if corpus.task != "translation":
        translators = [
            key
            for key, model in config.models.items()
            if config.corpora[model.corpus].task == "translation"
        ]
        raise UserError(
            f"'{name}' has 'model: {entry.model}', and only a seq2seq model can translate"
            f"{suggest(name, translators)}."
        )
    search = override(corpus.search or GREEDY, options)
    if n_best is not None and n_best > search.beam:
        raise UserError(
            f"--n-best is {n_best}, and a beam of {search.beam} yields at most {search.beam}. "
            f"Set --beam to {n_best} or more."
        )
    with console.quiet_imports():
        from pipelines.inference import predictor
        from pipelines.tasks import translation
    trained = predictor.load(paths.model(name), paths.vocabulary(entry.corpus), search=search)
    sources = trained.prepare(texts)
    translations = translation.translate(trained, sources, n_best or 1)
    for source, hypotheses in zip(sources, translations, strict=True):
        for hypothesis in hypotheses:
            score = "" if n_best is None else f"{hypothesis.score:.4f} "
            console.echo(f"{score}{translation.hypothesis_text(trained, hypothesis, source)}")
