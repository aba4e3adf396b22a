"""Predictions for pairs of texts that differ only in word order.

Both texts of a pair have the same bag of words, so a model that counts words gives both the same
prediction. There are four kinds: natural pairs are written by hand; shifted pairs are a test text
followed by some words, and the same text after them; pairs of the test split are two test texts
with different labels; and exchanged pairs are a test text and the same text with two of its words
exchanged, which need not make sense.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, pairwise
from pathlib import Path

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
# Kinds of pairs.
NATURAL, SHIFTED, TEST, EXCHANGED = "natural", "shifted", "test", "exchanged"
PAIR_COLUMNS = ["pairs", "text", "exchanged", "label", "exchanged_label"]

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
    text: str, evidence: Mapping[str, float], exchange: params.ExchangedWords
) -> tuple[str, str] | None:
    """Return the words of a prepared text with the most evidence for each of the two labels.

    Tokens that are not all letters, the words in `exclude` and names after an @ do not count.

    Args:
        text: prepared text.
        evidence: see `word_evidence`; 0 for other words.
        exchange: `evidence` is what both words need, in nats; None is returned if one has less.
    """
    tokens, excluded = text.split(" "), exchange.exclude or ()
    candidates = {
        token
        for before, token in pairwise(["", *tokens])
        if token.isalpha() and token not in excluded and before != "@"
    }
    words = sorted(candidates, key=lambda word: (evidence.get(word, 0.0), word))
    if not words:
        return None
    low, high = words[0], words[-1]
    if min(-evidence.get(low, 0.0), evidence.get(high, 0.0)) < exchange.evidence:
        return None
    return low, high


def exchange_words(text: str, first: str, second: str) -> str:
    """Exchange the first occurrences of two words of a prepared text."""
    tokens = text.split(" ")
    positions = tokens.index(first), tokens.index(second)
    tokens[positions[0]], tokens[positions[1]] = second, first
    return " ".join(tokens)


def exchanged_pairs(
    test: pd.DataFrame, evidence: Mapping[str, float], exchange: params.ExchangedWords
) -> pd.DataFrame:
    """Exchange the opposite words of each test text that has them.

    Returns:
        The pairs. Nobody has read the exchanged texts, so they have no label.
    """
    rows = []
    for text, label in zip(test["text"], test["label"], strict=True):
        words = opposite_words(text, evidence, exchange)
        if words is not None:
            rows.append((EXCHANGED, text, exchange_words(text, *words), label, ""))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def shifted_pairs(test: pd.DataFrame, words: str) -> pd.DataFrame:
    """Place words at the end of each test text, and before it.

    Neither changes the label: "It was snowing on Monday." and "On Monday it was snowing."

    Args:
        test: test texts.
        words: prepared words.
    """
    rows = []
    for text, label in zip(test["text"], test["label"], strict=True):
        tokens = text.split(" ")
        end = tokens[-1:] if len(tokens) > 1 and not tokens[-1].isalnum() else []
        body = tokens[: len(tokens) - len(end)]
        rows.append((SHIFTED, " ".join([*body, words, *end]), f"{words} {text}", label, label))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def pairs_in_test(test: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of test texts with different labels that differ by an exchange of words."""
    rows = []
    bags = test["text"].map(lambda text: " ".join(sorted(text.split(" "))))
    for _, part in test.groupby(bags, sort=False):
        texts = zip(part["text"], part["label"], strict=True)
        for (text, label), (other, other_label) in combinations(texts, 2):
            moved = sum(map(operator.ne, text.split(" "), other.split(" ")))
            if label != other_label and moved == 2:
                rows.append((TEST, text, other, label, other_label))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def natural_pairs(
    path: Path, prepare: Callable[[Sequence[str]], list[str]], labels: Sequence[str]
) -> pd.DataFrame:
    """Read pairs of sentences with the same words and different labels.

    Args:
        path: table with a tab between its two columns. Their names are the labels of the sentences.
        prepare: cleans and tokenises sentences.
        labels: the labels that exist.

    Raises:
        UserError: the file is missing or damaged, or the sentences of a pair have other words.
    """
    if not path.is_file():
        raise UserError(f"There is no file '{path}'. Correct 'minimal_pairs' in params.yaml.")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not valid UTF-8 at byte {error.start + 1}.") from None
    header = lines[0].split("\t")
    if len(header) != 2 or header[0] == header[1] or not set(header) <= set(labels):
        raise UserError(
            f"{path}:1 must name two of the labels {', '.join(labels)}, with a tab between them."
        )
    pairs = []
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        row = line.split("\t")
        text, exchanged = prepare(row) if len(row) == 2 else ("", "")
        if text == exchanged or sorted(text.split(" ")) != sorted(exchanged.split(" ")):
            raise UserError(
                f"{path}:{number} must have two sentences with the same words in a different "
                "order, with a tab between them."
            )
        pairs.append((NATURAL, text, exchanged, *header))
    if not pairs:
        raise UserError(f"{path} has no pairs of sentences below its header.")
    return pd.DataFrame(pairs, columns=PAIR_COLUMNS)


def model_classifier(predictor: Predictor) -> Classifier:
    """Return a trained model as a classifier."""

    def classify(texts: Sequence[str]) -> Probabilities:
        return _normalize(classification.predict_logits(predictor, texts))

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
        A row for each classifier and pair: the predicted label of the text (`before`) and of the
        text with words `exchanged` (`after`), and the total variation distance of the two
        distributions (`moved`, 0 to 1).
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
