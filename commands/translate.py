"""A trained translator on text that a person types, with a search of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from commands import options
from pipelines import console
from pipelines.config import params
from pipelines.config.error_messages import nearest
from pipelines.errors import UserError
from pipelines.lineage import dvc_project

GREEDY = params.Search(beam=1)


def translate(name: str, texts: list[str], n_best: int | None, given: Mapping[str, Any]) -> None:
    """Print one translation a line; with `n_best` so many of each text, the score before each.

    Args:
        name: an encoder-decoder.
        texts: what to translate.
        n_best: how many of each text; None for the best alone, without its score.
        given: what differs from the `search` of its corpus; None for what does not.

    Raises:
        Refusal: another kind of model, an impossible option, an empty text.
    """
    everything = params.load(Path("params.yaml"))
    entry = params.require(everything.models, name, "model")
    if params.TASK_OF[entry.model] != "translation":
        translators = [key for key, one in everything.models.items() if one.model == "seq2seq"]
        raise UserError(
            f"'{name}' is a {entry.model}, and only a seq2seq translates"
            f"{nearest(name, translators)}."
        )
    search = options.changed(everything.corpora[entry.corpus].search or GREEDY, given)
    if n_best is not None and n_best > search.beam:
        raise UserError(
            f"--n-best is {n_best}, and a beam of {search.beam} finds no more than that: "
            f"give --beam {n_best}, or more."
        )
    words = dvc_project.command("evaluate", name)
    with console.quiet_imports():
        from pipelines.inference import predictor
    trained = predictor.load(
        dvc_project.option(words, "model"), dvc_project.option(words, "vocabulary"), search=search
    )
    prepared = trained.prepared(texts)
    for source, found in zip(prepared, trained.translate(prepared, n_best or 1), strict=True):
        for hypothesis in found:
            score = "" if n_best is None else f"{hypothesis.score:.4f} "
            console.echo(f"{score}{trained.text(hypothesis, source)}")
