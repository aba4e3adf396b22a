"""Scores of predictions beside references, each by the library that the field uses for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pipelines.config.params import SUB_WORDS, Tokens

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Tokenizer = Literal["none", "13a"]
# (predictions, references) -> score, higher is better
ScoreFn = Callable[[Sequence[str], Sequence[str]], float]


@dataclass(frozen=True)
class CorpusScore:
    """A score of a whole corpus, 0 to 100, and sacreBLEU's signature of how it was computed."""

    value: float
    signature: str


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenizer: Tokenizer = "none",
    lowercase: bool = False,
) -> CorpusScore:
    """Compute corpus BLEU (Papineni et al. 2002) with sacreBLEU (Post 2018).

    Args:
        hypotheses: translations.
        references: one reference for each translation.
        tokenizer: `none` for tokenised text, `13a` for plain text.
        lowercase: ignore case.
    """
    return corpus_score(bleu_metric(tokenizer, lowercase), hypotheses, references)


def bleu_options(tokens: Tokens, lowercase: bool) -> dict[str, Any]:
    """Return the options of `bleu` for a corpus.

    The text of sub-words is plain text, whose case is ignored if cleaning lowercased it. All other
    text is tokenised already and compared as it is.
    """
    return {"tokenizer": "13a", "lowercase": lowercase} if tokens in SUB_WORDS else {}


def translation_score(tokens: Tokens, lowercase: bool) -> tuple[str, ScoreFn]:
    """Return the name and the function of the score that translations of a corpus are watched by.

    It is exact match for characters and BLEU for all other tokens.

    Args:
        tokens: the corpus's tokens.
        lowercase: True if cleaning lowercased the corpus.
    """
    if tokens == "characters":
        return "exact match", exact_match
    options = bleu_options(tokens, lowercase)
    return "BLEU", lambda hypotheses, references: bleu(hypotheses, references, **options).value


def corpus_score(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    """Score a whole corpus with a metric of sacreBLEU."""
    value = float(metric.corpus_score(list(hypotheses), [list(references)]).score)
    return CorpusScore(value, str(metric.get_signature()))


def sentence_statistics(
    metric: Any, hypotheses: Sequence[str], references: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return the statistics (N, K) of N sentences whose sums a metric of sacreBLEU is computed of.

    Those of BLEU are the numbers of matching n-grams, of all n-grams and of tokens.
    """
    import numpy as np

    rows = metric._extract_corpus_statistics(list(hypotheses), [list(references)])
    return np.array(rows, np.float64)


def scores_of_sums(metric: Any, sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the scores (R,) of sums (R, K) of the statistics, as sacreBLEU computes them."""
    import numpy as np

    return np.array([metric._compute_score_from_stats(row).score for row in sums.tolist()])


def sentence_bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenizer: Tokenizer = "none",
    lowercase: bool = False,
) -> list[float]:
    """Compute BLEU of each sentence, 0 to 100, over the n-gram orders that the sentence has."""
    metric = bleu_metric(tokenizer, lowercase, effective_order=True)
    pairs = zip(hypotheses, references, strict=True)
    return [
        float(metric.sentence_score(hypothesis, [reference]).score)
        for hypothesis, reference in pairs
    ]


def bleu_metric(
    tokenizer: Tokenizer = "none", lowercase: bool = False, effective_order: bool = False
) -> Any:
    """Return sacreBLEU's BLEU."""
    from sacrebleu.metrics import BLEU

    return BLEU(
        tokenize=tokenizer, lowercase=lowercase, force=True, effective_order=effective_order
    )


def chrf_metric(lowercase: bool) -> Any:
    """Return sacreBLEU's chrF (Popović 2015)."""
    from sacrebleu.metrics import CHRF

    return CHRF(lowercase=lowercase)


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Compute the fraction of hypotheses that equal their reference, 0 to 1."""
    return sum(map(str.__eq__, hypotheses, references)) / len(references)


def accuracy(predicted: Sequence[str], actual: Sequence[str]) -> float:
    """Compute the fraction of examples with the right label, 0 to 1."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(list(actual), list(predicted)))


def macro_f1(predicted: Sequence[str], actual: Sequence[str], labels: Sequence[str]) -> float:
    """Compute the unweighted mean of each label's F1, 0 to 1; a label never predicted counts 0."""
    from sklearn.metrics import f1_score

    score = f1_score(
        list(actual), list(predicted), labels=list(labels), average="macro", zero_division=0
    )
    return float(score)


def majority_accuracy(actual: Sequence[str]) -> float:
    """Compute the accuracy of always predicting the most frequent label, 0 to 1."""
    return max(list(actual).count(label) for label in set(actual)) / len(actual)


# Tags -------------------------------------------------------------------------------------------


class Span(NamedTuple):
    """A span of tokens of one type.

    Attributes:
        start: position of the first token.
        end: position after the last token.
        type: the tag without its prefix.
    """

    start: int
    end: int
    type: str


def find_spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of IOB tags as the script conlleval counts them (CoNLL-2000).

    `B-x` always starts a span. `I-x` continues a span of type x, and otherwise starts one: after
    `O`, after another type, and at the beginning of a sentence.

    Raises:
        ValueError: a tag is neither `O`, nor `B-` or `I-` with a type.
    """
    spans: list[Span] = []
    start, span_type = 0, ""  # of the open span; its type is empty outside of spans
    for position, tag in enumerate([*tags, "O"]):
        prefix, _, tag_type = tag.partition("-")
        if tag != "O" and not (prefix in ("B", "I") and tag_type):
            raise ValueError(f"'{tag}' is not an IOB tag: use O, B-<type> or I-<type>.")
        if span_type and (prefix != "I" or tag_type != span_type):
            spans.append(Span(start, position, span_type))
            span_type = ""
        if tag_type and not span_type:
            start, span_type = position, tag_type
    return spans


def span_counts(predicted: str, actual: str) -> tuple[int, int, int]:
    """Return the numbers of correct, predicted and actual spans of one text.

    A span is correct if its start, end and type are those of an actual span.

    Args:
        predicted: T tags, separated by blanks.
        actual: T tags.
    """
    predicted_spans, actual_spans = (
        set(find_spans(tags)) for tags in _aligned_tags(predicted, actual)
    )
    correct = len(predicted_spans & actual_spans)
    return correct, len(predicted_spans), len(actual_spans)


def tag_counts(predicted: str, actual: str) -> tuple[int, int]:
    """Return the numbers of right tags and of all tags of one text."""
    pairs = list(zip(*_aligned_tags(predicted, actual), strict=True))
    return sum(tag == actual_tag for tag, actual_tag in pairs), len(pairs)


def span_f1(predicted: Sequence[str], actual: Sequence[str]) -> float:
    """Compute micro F1 over the spans of all texts, 0 to 1; 0 without a correct span.

    Args:
        predicted: N texts of tags, separated by blanks.
        actual: N texts of tags.
    """
    counts = [span_counts(*pair) for pair in zip(predicted, actual, strict=True)]
    correct, predicted_spans, actual_spans = map(sum, zip(*counts, strict=True))
    total = predicted_spans + actual_spans
    return 2 * correct / total if total else 0.0


def token_accuracy(predicted: Sequence[str], actual: Sequence[str]) -> float:
    """Compute the fraction of right tags of all texts, 0 to 1."""
    counts = [tag_counts(*pair) for pair in zip(predicted, actual, strict=True)]
    right, total = map(sum, zip(*counts, strict=True))
    return right / total


def _aligned_tags(predicted: str, actual: str) -> tuple[list[str], list[str]]:
    left, right = predicted.split(" "), actual.split(" ")
    if len(left) != len(right):
        raise ValueError(f"{len(left)} tags are compared with {len(right)}.")
    return left, right
