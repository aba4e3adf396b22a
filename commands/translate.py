"""`seqproof translate`: translate text with a trained encoder-decoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from commands import inputs
from commands.options import override
from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError, suggest

if TYPE_CHECKING:
    from pipelines.inference.decoding import Hypothesis
    from pipelines.inference.predictor import Predictor

SCORE_WIDTH = 10  # characters of the column of scores
MIN_WEIGHT = 0.1  # smaller attention weights are not printed
GREEDY = params.Search(beam=1)


def translate(
    name: str,
    texts: list[str],
    n_best: int | None,
    attention: bool,
    options: Mapping[str, Any],
) -> None:
    """Print one translation per line, or the `n_best` translations of each text with their scores.

    A blank text has an empty line.

    Args:
        name: an encoder-decoder of params.yaml.
        texts: source texts.
        n_best: number of translations of each text, each after its score; None for the best
            translation without its score.
        attention: print the source tokens that each token of a translation attends to below it.
        options: values that replace those of the corpus's `search`; None keeps a value.

    Raises:
        UserError: the model is of another kind, an option is invalid, or all texts are blank.
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
    if attention and entry.attention == "none":
        raise UserError(
            f"--attention needs a model with an attention, and '{name}' has 'attention: none'."
        )
    with console.quiet_imports():
        from pipelines.inference import predictor
        from pipelines.models import serialization
        from pipelines.tasks import translation
    spec = serialization.ModelSpec.of(config, name)
    trained = predictor.load(
        paths.model(name), paths.vocabulary(entry.corpus), search=search, spec=spec
    )
    sources, blank = inputs.prepare(trained, texts)
    translations = translation.translate(trained, sources, n_best or 1)
    if n_best is not None:
        console.echo(f"{'score':<{SCORE_WIDTH}}translation    ({_describe_score(search)})")
    answers = []
    for source, hypotheses in zip(sources, translations, strict=True):
        lines = []
        for hypothesis in hypotheses:
            score = "" if n_best is None else f"{hypothesis.score:<{SCORE_WIDTH}.4f}"
            lines.append(f"{score}{translation.hypothesis_text(trained, hypothesis, source)}")
            lines += _attention_lines(trained, hypothesis, source) if attention else ()
        answers.append("\n".join(lines))
    for answer in inputs.align(answers, blank):
        console.echo(answer)


def _describe_score(search: params.Search) -> str:
    """Describe the score of a hypothesis; higher is better."""
    if search.length_penalty or search.coverage_penalty:
        return "score: log probability in nats with the penalties of Wu et al. 2016"
    return "score: log probability in nats"


def _attention_lines(trained: Predictor, hypothesis: Hypothesis, source: str) -> Iterator[str]:
    """Yield a line for each token of a translation: the source tokens with the most attention."""
    columns = trained.vocabularies.columns
    source_tokens = columns["source"].split(source)
    target_tokens = columns["target"].decode_tokens(hypothesis.ids)
    width = max(map(len, target_tokens), default=0)
    for token, weights in zip(target_tokens, hypothesis.weights, strict=True):
        order = [place for place in (-weights).argsort() if weights[place] >= MIN_WEIGHT]
        sources = ", ".join(f"{source_tokens[place]} {weights[place]:.2f}" for place in order)
        yield f"    {token:<{width}}  <- {sources}"
