"""Numbers of the field, each by the library that the field uses for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.config.params import SUB_WORDS, Tokens

Tokenizer = Literal["none", "13a"]
# What was said and what was wanted -> how good that is, the higher the better.
MetricFn = Callable[[Sequence[str], Sequence[str]], float]


@dataclass(frozen=True)
class Score:
    """A score of a whole corpus, 0 to 100, and the signature that says how it was computed."""

    value: float
    signature: str


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenizer: Tokenizer = "none",
    lowercase: bool = False,
) -> Score:
    """Corpus BLEU (Papineni et al. 2002) by sacreBLEU (Post 2018).

    Args:
        hypotheses: what was translated.
        references: one for each.
        tokenizer: `none` for text that is tokenised already, `13a` for plain text.
        lowercase: whether case is left out of account.
    """
    return score(_bleu(tokenizer, lowercase), hypotheses, references)


def bleu_options(tokens: Tokens, lowercase: bool) -> dict[str, Any]:
    """How `bleu` reads a corpus: the text of sub-words is plain, and its case left out where
    cleaning left it out; all other text is tokenised already, and taken as it stands."""
    return {"tokenizer": "13a", "lowercase": lowercase} if tokens in SUB_WORDS else {}


def of_translations(tokens: Tokens, lowercase: bool) -> tuple[str, MetricFn]:
    """The one score by which translations of a corpus are watched and drawn, and its name: exact
    match of characters, BLEU of all else. The arguments are those of `metrics`."""
    if tokens == "characters":
        return "exact match", exact_match
    options = bleu_options(tokens, lowercase)
    return "BLEU", lambda said, wanted: bleu(said, wanted, **options).value


def metrics(tokens: Tokens, lowercase: bool) -> dict[str, Any]:
    """sacreBLEU's metrics of translations, by their names in a metrics file.

    Characters have none. BLEU of words, whose text is tokenised already and taken as it stands;
    over sub-words, whose text is plain, BLEU of sacreBLEU's own tokens, and chrF.

    Args:
        tokens: of the corpus.
        lowercase: whether its cleaning leaves case out of account.
    """
    from sacrebleu.metrics import CHRF

    if tokens == "characters":
        return {}
    bleu = _bleu(**bleu_options(tokens, lowercase))
    if tokens not in SUB_WORDS:
        return {"test_bleu": bleu}
    return {"test_sacrebleu": bleu, "test_chrf": CHRF(lowercase=lowercase)}


def score(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """What one of them makes of a whole corpus."""
    value = float(metric.corpus_score(list(hypotheses), [list(references)]).score)
    return Score(value, str(metric.get_signature()))


def sentence_bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenizer: Tokenizer = "none",
    lowercase: bool = False,
) -> list[float]:
    """BLEU of each sentence alone, 0 to 100, over the orders that it has."""
    metric = _bleu(tokenizer, lowercase, effective_order=True)
    pairs = zip(hypotheses, references, strict=True)
    return [float(metric.sentence_score(one, [other]).score) for one, other in pairs]


def _bleu(
    tokenizer: Tokenizer = "none", lowercase: bool = False, effective_order: bool = False
) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(
        tokenize=tokenizer, lowercase=lowercase, force=True, effective_order=effective_order
    )


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Share of hypotheses that are their reference to the letter, 0 to 1."""
    return sum(map(str.__eq__, hypotheses, references)) / len(references)


def accuracy(predicted: Sequence[str], actual: Sequence[str]) -> float:
    """Share of examples with the right label, 0 to 1."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(list(actual), list(predicted)))


def macro_f1(predicted: Sequence[str], actual: Sequence[str], labels: Sequence[str]) -> float:
    """F1 of each label, averaged without weights, 0 to 1; a label never predicted counts 0."""
    from sklearn.metrics import f1_score

    score = f1_score(
        list(actual), list(predicted), labels=list(labels), average="macro", zero_division=0
    )
    return float(score)


def majority_accuracy(actual: Sequence[str]) -> float:
    """Accuracy of always answering the commonest label, 0 to 1."""
    return max(list(actual).count(label) for label in set(actual)) / len(actual)
