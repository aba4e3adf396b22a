"""A trained model and its test split -> metrics, predictions and pictures, one function a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pipelines import params
from pipelines.inference import scores
from pipelines.inference.predictor import Predictor
from pipelines.models import saved
from pipelines.text import ids as encode
from pipelines.text import tokenizers
from pipelines.text.vocabulary import Vocabularies

Metrics = dict[str, float | int | str]


@dataclass(frozen=True)
class Evaluation:
    """What one evaluation found.

    Attributes:
        metrics: flat, in the units that their names say.
        predictions: one row for each test item, with its own score.
        maps: for translation, attention (T, S), source tokens and target tokens of the first three.
        confusion: for classification, how often each label (row) was given each label (column).
        sample: for a language model, what it wrote.
    """

    metrics: Metrics
    predictions: pd.DataFrame
    maps: list[tuple[Any, list[str], list[str]]] = field(default_factory=list)
    confusion: Any = None
    sample: str | None = None


def language_modelling(predictor: Predictor, test: pd.DataFrame) -> Evaluation:
    """Perplexity, bits per token and a sample of what the model writes."""
    from pipelines.inference.scoring import stream_nats

    tokens = predictor.card.tokens
    stream = encode.stream(test, predictor.vocabularies, tokens)
    nats = stream_nats(predictor.model, stream)
    lengths = [len(tokenizers.split(text, tokens)) + 1 for text in test["text"]]
    starts = np.cumsum([0, *lengths[:-1]])
    metrics: Metrics = {
        "test_tokens": len(nats),
        "test_perplexity": float(np.exp(nats.mean())),
    }
    if tokens == "characters":
        metrics["test_bits_per_character"] = float(nats.mean() / np.log(2))
    predictions = test.assign(tokens=lengths, nats=np.add.reduceat(nats, starts))
    sample = None
    if predictor.samples is not None:
        sample = predictor.write(predictor.samples.beginning)
    return Evaluation(metrics, predictions, sample=sample)


def classification(predictor: Predictor, test: pd.DataFrame) -> Evaluation:
    """Accuracy, macro F1, the majority class's accuracy beside them, and the confusion matrix."""
    labels = predictor.vocabularies.labels
    rows = encode.rows(test["text"], predictor.vocabularies.columns["text"], predictor.card.tokens)
    logits = predictor.logits(rows).astype(np.float64)
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    predicted = [labels[best] for best in logs.argmax(axis=1)]
    actual = list(test["label"])
    truth = encode.labels(actual, predictor.vocabularies)
    metrics: Metrics = {
        "test_tokens": sum(map(len, rows)),
        "test_accuracy": scores.accuracy(predicted, actual),
        "test_macro_f1": scores.macro_f1(predicted, actual, labels),
        "majority_accuracy": scores.majority(actual),
    }
    predictions = test.assign(predicted=predicted, nats=-logs[np.arange(len(truth)), truth])
    counts = Counter(zip(actual, predicted, strict=True))
    confusion = np.array([[counts[row, column] for column in labels] for row in labels])
    return Evaluation(metrics, predictions, confusion=confusion)


def translation(predictor: Predictor, test: pd.DataFrame) -> Evaluation:
    """Exact match and, over words, BLEU of greedy hypotheses; perplexity of the references."""
    from pipelines.inference.scoring import translation_nats

    tokens = predictor.card.tokens
    found = predictor.translate(list(test["source"]))
    hypotheses = [predictor.text(hypothesis.ids) for hypothesis in found]
    references = list(test["target"])
    nats, lengths = translation_nats(predictor, test)
    metrics: Metrics = {
        "test_tokens": int(lengths.sum()),
        "test_exact_match": scores.exact_match(hypotheses, references),
        "test_perplexity": float(np.exp(nats.sum() / lengths.sum())),
    }
    predictions = test.assign(hypothesis=hypotheses, nats=nats, tokens=lengths)
    if tokens == "words":
        metrics["test_bleu"] = scores.bleu(hypotheses, references)
        predictions["bleu"] = scores.sentence_bleu(hypotheses, references)
    else:
        predictions["exact"] = [a == b for a, b in zip(hypotheses, references, strict=True)]
    maps = []
    if predictor.card.entry.attention != "none":
        for source, hypothesis in list(zip(test["source"], found, strict=True))[:3]:
            target = tokenizers.split(predictor.text(hypothesis.ids), tokens)
            maps.append((hypothesis.weights, tokenizers.split(source, tokens), target))
    return Evaluation(metrics, predictions, maps)


def validation_score(
    card: saved.Card[params.Seq2Seq], vocabularies: Vocabularies, valid: pd.DataFrame
) -> Callable[[Any], tuple[str, Callable[[], float]]]:
    """How a translation model in training is scored: BLEU of words, exact match of characters."""
    name, score = ("exact_match", scores.exact_match)
    if card.tokens == "words":
        name, score = ("bleu", scores.bleu)
    references = list(valid["target"])

    def scored(model: Any) -> tuple[str, Callable[[], float]]:
        # One predictor for all epochs: its search is compiled once and sees each epoch's weights.
        predictor = Predictor(model, card, vocabularies, None)
        search = predictor.search()

        def now() -> float:
            found = predictor.translate(list(valid["source"]), search)
            return score([predictor.text(hypothesis.ids) for hypothesis in found], references)

        return name, now

    return scored


BY_TASK = {
    "language_modelling": language_modelling,
    "classification": classification,
    "translation": translation,
}
