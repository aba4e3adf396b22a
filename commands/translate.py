"""`seqproof translate`: translate text with a trained encoder-decoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from commands import inputs, prompt
from commands.attention_map import LEGEND, attention_lines
from commands.options import override
from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError, suggest

if TYPE_CHECKING:
    from pipelines.inference.decoding import Hypothesis
    from pipelines.inference.predictor import Predictor

SCORE_WIDTH = 10  # characters of the column of scores
GREEDY = params.Search(beam=1)
Answer = dict[str, Any]  # `answer`, the best translation, and all `translations`


def translate(
    name: str,
    texts: list[str] | None,
    n_best: int | None,
    attention: bool,
    options: Mapping[str, Any],
    as_json: bool = False,
) -> None:
    """Print one translation per line, or the `n_best` translations of each text with their scores.

    A blank text has an empty line.

    Args:
        name: an encoder-decoder of params.yaml.
        texts: source texts; None for a prompt.
        n_best: number of translations of each text, each after its score; None for the best
            translation without its score.
        attention: draw below each translation the source tokens that its tokens attend to.
        options: values that replace those of the corpus's `search`; None keeps a value.
        as_json: print JSON instead of text.

    Raises:
        UserError: the model is of another kind, an option is invalid, or all texts are blank.
    """
    inputs.require_texts(texts, {"--json": as_json})
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
    if texts is None:
        console.echo(f"Loading {name} ...")
    with console.quiet_imports():
        from pipelines import project_models
    trained = project_models.load(config, name, search=search)
    if n_best is not None and not as_json:
        console.echo(f"{'score':<{SCORE_WIDTH}}translation    ({_describe_score(search)})")
    if attention and not as_json:
        console.echo(f"attention of at least {LEGEND}")
    scored = n_best is not None
    if texts is None:
        prompt.answer_lines(
            lambda text: _text_lines(_translate(trained, [text], n_best, attention)[0][0], scored),
        )
        return
    answers, blank = _translate(trained, texts, n_best, attention)
    if as_json:
        content = {"model": name, "score": _describe_score(search)}
        console.print_json(content | {"answers": inputs.as_json(texts, blank, answers)})
        return
    lines = ("\n".join(_text_lines(answer, scored)) for answer in answers)
    for line in inputs.align(lines, blank):
        console.echo(line)


def _translate(
    trained: Predictor, texts: Sequence[str], n_best: int | None, attention: bool
) -> tuple[list[Answer], list[bool]]:
    """Translate the texts that are not blank; return also of each text whether it is blank."""
    from pipelines.tasks import translation

    sources, blank = inputs.prepare(trained, texts)
    answers = []
    for source, hypotheses in zip(
        sources, translation.translate(trained, sources, n_best or 1), strict=True
    ):
        translations = [
            {
                "text": translation.hypothesis_text(trained, hypothesis, source),
                "score": float(hypothesis.score),
                **({"attention": _attention(trained, hypothesis, source)} if attention else {}),
            }
            for hypothesis in hypotheses
        ]
        answers.append({"answer": translations[0]["text"], "translations": translations})
    return answers, blank


def _text_lines(answer: Answer, scored: bool) -> Iterator[str]:
    for entry in answer["translations"]:
        score = f"{entry['score']:<{SCORE_WIDTH}.4f}" if scored else ""
        yield f"{score}{entry['text']}"
        if "attention" in entry:
            weights = entry["attention"]
            yield from attention_lines(weights["source"], weights["target"], weights["weights"])


def _describe_score(search: params.Search) -> str:
    """Describe the score of a hypothesis; higher is better."""
    if search.length_penalty or search.coverage_penalty:
        return "score: log probability in nats with the penalties of Wu et al. 2016"
    return "score: log probability in nats"


def _attention(trained: Predictor, hypothesis: Hypothesis, source: str) -> dict[str, Any]:
    """Return the tokens of a source and of its translation, with the weights between them."""
    columns = trained.vocabularies.columns
    return {
        "source": columns["source"].split(source),
        "target": columns["target"].decode_tokens(hypothesis.ids),
        "weights": hypothesis.weights.tolist(),
    }
