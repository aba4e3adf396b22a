"""Numbers of the field, each by the library that the field uses for it."""

from __future__ import annotations

from collections.abc import Sequence


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU, 0 to 100, of text that is tokenised already (Papineni et al. 2002; sacreBLEU of
    Post 2018 with `tokenize=none`)."""
    from sacrebleu.metrics import BLEU

    scorer = BLEU(tokenize="none", force=True)
    return float(scorer.corpus_score(list(hypotheses), [list(references)]).score)


def sentence_bleu(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """BLEU of each sentence alone, 0 to 100, over the orders that it has."""
    from sacrebleu.metrics import BLEU

    scorer = BLEU(tokenize="none", force=True, effective_order=True)
    pairs = zip(hypotheses, references, strict=True)
    return [float(scorer.sentence_score(one, [other]).score) for one, other in pairs]


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


def majority(actual: Sequence[str]) -> float:
    """Accuracy of always answering the commonest label, 0 to 1."""
    return max(list(actual).count(label) for label in set(actual)) / len(actual)
