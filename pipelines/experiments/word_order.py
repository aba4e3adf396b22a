"""Texts that differ in nothing but the order of their words.

Two words of a text that speak for opposite labels are exchanged: what is left is the same bag of
words, so a model that counts words must answer the same.
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


def evidence(train: pd.DataFrame, opposites: tuple[str, str], min_count: int) -> dict[str, float]:
    """How much a word speaks for the second of two labels, in nats; below 0, for the first.

    The log of how much likelier it is under the one than under the other, each counted once more,
    for the words that both have `min_count` times together: what is rare speaks by chance.
    """
    counts = [
        Counter(word for text in train["text"][train["label"] == label] for word in text.split(" "))
        for label in opposites
    ]
    words = set().union(*counts)
    totals = [sum(count.values()) + len(words) for count in counts]
    first, second = (
        {word: np.log((count[word] + 1) / total) for word in words}
        for count, total in zip(counts, totals, strict=True)
    )
    common = (word for word in sorted(words) if sum(count[word] for count in counts) >= min_count)
    return {word: float(second[word] - first[word]) for word in common}


def opposed(text: str, known: Mapping[str, float], least: float) -> tuple[str, str] | None:
    """The two words of a prepared text that speak most for either label; None if one of them says
    less than `least` nats."""
    words = sorted(set(text.split(" ")), key=lambda word: (known.get(word, 0.0), word))
    low, high = words[0], words[-1]
    if -known.get(low, 0.0) < least or known.get(high, 0.0) < least:
        return None
    return low, high


def exchange(text: str, one: str, other: str) -> str:
    """A prepared text, each of two words in the first place of the other.

    Raises:
        Refusal: one of them is not in it.
    """
    words = text.split(" ")
    for word in (one, other):
        if word not in words:
            raise UserError(
                f"'{word}' is no word of '{text}': mend laboratory.word_order in params.yaml."
            )
    places = words.index(one), words.index(other)
    words[places[0]], words[places[1]] = other, one
    return " ".join(words)


def given(sentence: str, words: tuple[str, str]) -> pd.DataFrame:
    """The pair of a prepared sentence of one's own, which has no label."""
    columns = {"text": [sentence], "exchanged": [exchange(sentence, *words)], "label": [""]}
    return pd.DataFrame(columns)


def pairs(test: pd.DataFrame, known: Mapping[str, float], least: float) -> pd.DataFrame:
    """Every test text that has two opposed words: `text`, the text `exchanged`, its `label`."""
    rows = []
    for text, label in zip(test["text"], test["label"], strict=True):
        found = opposed(text, known, least)
        if found is not None:
            rows.append((text, exchange(text, *found), label))
    return pd.DataFrame(rows, columns=["text", "exchanged", "label"])


def trained(predictor: Predictor) -> Classifier:
    """A trained model as a classifier."""

    def answer(texts: Sequence[str]) -> Probabilities:
        rows = encoding.encode_rows(texts, predictor.vocabularies.columns["text"])
        return _normalised(classification.predict_logits(predictor, rows).astype(np.float64))

    return answer


def markov(
    train: pd.DataFrame, vocabularies: Vocabularies, order: int, smoothing: params.Smoothing
) -> Classifier:
    """A Markov model of the texts of each label, and Bayes' rule (Peng et al. 2004): it sees the
    order of neighbours."""
    vocabulary = vocabularies.columns["text"]
    models, priors = [], []
    for label in vocabularies.labels:
        part = train[train["label"] == label]
        stream = encoding.encode_stream(part, vocabularies)
        models.append(NGram.count(stream, order, len(vocabulary), smoothing))
        priors.append(np.log(len(part) / len(train)))

    def answer(texts: Sequence[str]) -> Probabilities:
        streams = [np.array([END, *row, END]) for row in encoding.encode_rows(texts, vocabulary)]
        logs = [[model.log_probabilities(one).sum() for model in models] for one in streams]
        return _normalised(np.array(logs) + priors)

    return answer


def _normalised(logs: Probabilities) -> Probabilities:
    """Probabilities of log probabilities, each row up to a constant."""
    return np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))


def answers(
    pairs: pd.DataFrame, classifiers: Mapping[str, Classifier], labels: Sequence[str]
) -> pd.DataFrame:
    """What each classifier says of both texts of each pair.

    Returns:
        A row for each classifier and pair: its label `before` and `after` the exchange, and the
        share of probability that `moved` from some labels to others, 0 to 1.
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
    return pd.concat(parts, ignore_index=True)[list(tables.ORDER)]
