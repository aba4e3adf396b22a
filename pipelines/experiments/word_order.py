"""Predictions for pairs of texts that differ only in word order.

Two words that indicate opposite labels are swapped. Both texts have the same bag of words, so a
model that counts words gives both the same prediction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.experiments import tables
from pipelines.inference.predictor import Predictor
from pipelines.models.ngram import NGram
from pipelines.tasks import classification
from pipelines.text import encoding
from pipelines.text.vocabulary import END, Vocabularies

Probabilities = npt.NDArray[np.float64]
Classifier = Callable[[Sequence[str]], Probabilities]  # N texts -> (N, L)


def word_evidence(train: pd.DataFrame, labels: tuple[str, str], min_count: int) -> dict[str, float]:
    """Compute the evidence of each word for the second of two labels, in nats.

    It is the log ratio of the word's frequencies under the two labels, with add-one smoothing, and
    negative if the word indicates the first label.

    Args:
        train: training split.
        labels: two labels.
        min_count: leave out words with fewer occurrences under both labels together, whose
            frequencies are unreliable.
    """
    counts = [
        Counter(word for text in train["text"][train["label"] == label] for word in text.split(" "))
        for label in labels
    ]
    words = set().union(*counts)
    totals = [sum(count.values()) + len(words) for count in counts]
    first, second = (
        {word: np.log((count[word] + 1) / total) for word in words}
        for count, total in zip(counts, totals, strict=True)
    )
    common = (word for word in sorted(words) if sum(count[word] for count in counts) >= min_count)
    return {word: float(second[word] - first[word]) for word in common}


def opposite_words(
    text: str, evidence: Mapping[str, float], min_evidence: float
) -> tuple[str, str] | None:
    """Return the words of a prepared text with the most evidence for each of the two labels.

    Args:
        text: prepared text.
        evidence: see `word_evidence`; 0 for other words.
        min_evidence: nats that both words need; None is returned if one has less.
    """
    words = sorted(set(text.split(" ")), key=lambda word: (evidence.get(word, 0.0), word))
    low, high = words[0], words[-1]
    if -evidence.get(low, 0.0) < min_evidence or evidence.get(high, 0.0) < min_evidence:
        return None
    return low, high


def swap_words(text: str, first: str, second: str) -> str:
    """Swap the first occurrences of two words in a prepared text.

    Raises:
        UserError: the text does not have one of the words.
    """
    words = text.split(" ")
    for word in (first, second):
        if word not in words:
            raise UserError(
                f"The sentence '{text}' does not contain the word '{word}'. Correct 'sentence' or "
                "'exchange' under experiments.word_order in params.yaml."
            )
    positions = words.index(first), words.index(second)
    words[positions[0]], words[positions[1]] = second, first
    return " ".join(words)


def example_pair(sentence: str, words: tuple[str, str]) -> pd.DataFrame:
    """Return the pair of a prepared sentence of the user, which has no label."""
    columns = {"text": [sentence], "exchanged": [swap_words(sentence, *words)], "label": [""]}
    return pd.DataFrame(columns)


def swapped_pairs(
    test: pd.DataFrame, evidence: Mapping[str, float], min_evidence: float
) -> pd.DataFrame:
    """Swap the opposite words of each test text that has them.

    Returns:
        A row for each text: `text`, the text with the words `exchanged`, and its `label`.
    """
    rows = []
    for text, label in zip(test["text"], test["label"], strict=True):
        words = opposite_words(text, evidence, min_evidence)
        if words is not None:
            rows.append((text, swap_words(text, *words), label))
    return pd.DataFrame(rows, columns=["text", "exchanged", "label"])


def model_classifier(predictor: Predictor) -> Classifier:
    """Return a trained model as a classifier."""

    def classify(texts: Sequence[str]) -> Probabilities:
        rows = encoding.encode_rows(texts, predictor.vocabularies.columns["text"])
        return _normalize(classification.predict_logits(predictor, rows).astype(np.float64))

    return classify


def ngram_classifier(
    train: pd.DataFrame, vocabularies: Vocabularies, order: int, smoothing: params.Smoothing
) -> Classifier:
    """Return a classifier of one n-gram model per label and Bayes' rule (Peng et al. 2004).

    Unlike a bag of words it depends on the order of neighbouring words.
    """
    vocabulary = vocabularies.columns["text"]
    models, priors = [], []
    for label in vocabularies.labels:
        part = train[train["label"] == label]
        stream = encoding.encode_stream(part, vocabularies)
        models.append(NGram.count(stream, order, len(vocabulary), smoothing))
        priors.append(np.log(len(part) / len(train)))

    def classify(texts: Sequence[str]) -> Probabilities:
        streams = [np.array([END, *ids, END]) for ids in encoding.encode_rows(texts, vocabulary)]
        logs = [[model.log_probabilities(stream).sum() for model in models] for stream in streams]
        return _normalize(np.array(logs) + priors)

    return classify


def _normalize(logs: Probabilities) -> Probabilities:
    """Compute probabilities (N, L) from log probabilities, each row up to a constant."""
    return np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))


def compare_predictions(
    pairs: pd.DataFrame, classifiers: Mapping[str, Classifier], labels: Sequence[str]
) -> pd.DataFrame:
    """Classify both texts of each pair.

    Returns:
        A row for each classifier and pair: the predicted label `before` and `after` the swap, and
        the total variation distance of the two distributions (`moved`, 0 to 1).
    """
    parts = []
    for name, classify in classifiers.items():
        before, after = (classify(list(pairs[column])) for column in ("text", "exchanged"))
        parts.append(
            pairs.assign(
                classifier=name,
                before=[labels[best] for best in before.argmax(axis=1)],
                after=[labels[best] for best in after.argmax(axis=1)],
                moved=(np.abs(after - before).sum(axis=1) / 2).round(6),
            )
        )
    return pd.concat(parts, ignore_index=True)[list(tables.WORD_ORDER)]
