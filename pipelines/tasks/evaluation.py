"""A trained model and its test split -> metrics, predictions and pictures, one function a task."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pipelines.evaluation import calibration, scores
from pipelines.evaluation.analysis import LengthScores, Reliability
from pipelines.evaluation.length_buckets import scores_by_length
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.interpolated import Interpolated
from pipelines.text import encoding as encode

Metrics = dict[str, float | int | str]


@dataclass(frozen=True)
class Evaluation:
    """What one evaluation found.

    Attributes:
        metrics: flat, in the units that their names say.
        predictions: one row for each test item, with its length and its own score.
        lengths: the score of the predictions by their length.
        maps: for translation, attention (T, S), source tokens and target tokens of the first three.
        confusion: for classification, how often each label (row) was given each label (column).
        reliable: for classification, how sure it was and how often right.
        sample: for a language model, what it wrote.
    """

    metrics: Metrics
    predictions: pd.DataFrame
    lengths: LengthScores
    maps: list[tuple[Any, list[str], list[str]]] = field(default_factory=list)
    confusion: Any = None
    reliable: Reliability | None = None
    sample: str | None = None


def language_modelling(predictor: Predictor, test: pd.DataFrame) -> Evaluation:
    """Perplexity, bits per token and a sample of what the model writes."""
    tokens = predictor.card.tokens
    stream = encode.encode_stream(test, predictor.vocabularies)
    nats, alone = _nats(predictor.model, stream)
    lengths = [
        len(ids) + 1
        for ids in encode.encode_rows(test["text"], predictor.vocabularies.columns["text"])
    ]
    starts = np.cumsum([0, *lengths[:-1]])
    metrics: Metrics = {
        "test_tokens": len(nats),
        "test_perplexity": float(np.exp(nats.mean())),
        **alone,
    }
    if tokens == "characters":
        metrics["test_nats_per_character"] = float(nats.mean())
        metrics["test_bits_per_character"] = float(nats.mean() / np.log(2))
    predictions = test.assign(tokens=lengths, nats=np.add.reduceat(nats, starts))
    sample = None
    if predictor.samples is not None:
        sample = predictor.write(predictor.samples.beginning)
    loss = scores_by_length(predictions, "tokens", "nats per token", _nats_per_token)
    return Evaluation(metrics, predictions, loss, sample=sample)


def _nats_per_token(rows: pd.DataFrame) -> float:
    return float(rows["nats"].sum() / rows["tokens"].sum())


def _nats(model: Any, stream: Any) -> tuple[Any, Metrics]:
    """Nats of every token but the first; of an interpolated model, what its parts reach alone."""
    from pipelines.inference.likelihood import stream_loss

    if not isinstance(model, Interpolated):
        return stream_loss(model, stream), {}
    network, ngram = (stream_loss(part, stream) for part in (model.network, model.ngram))
    alone: Metrics = {
        "test_network_perplexity": float(np.exp(network.mean())),
        "test_ngram_perplexity": float(np.exp(ngram.mean())),
    }
    return -model.mix(-network, -ngram), alone


def classification(predictor: Predictor, test: pd.DataFrame) -> Evaluation:
    """Accuracy, macro F1, the majority class's accuracy beside them, and the confusion matrix.

    `test_calibration_error` is the expected calibration error in 15 equally wide bins.
    """
    labels = predictor.vocabularies.labels
    rows = encode.encode_rows(test["text"], predictor.vocabularies.columns["text"])
    logits = predictor.logits(rows).astype(np.float64)
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    predicted = [labels[best] for best in logs.argmax(axis=1)]
    actual = list(test["label"])
    truth = encode.encode_labels(actual, predictor.vocabularies)
    confidence = np.exp(logs.max(axis=1))
    right = logs.argmax(axis=1) == truth
    metrics: Metrics = {
        "test_tokens": sum(map(len, rows)),
        "test_accuracy": scores.accuracy(predicted, actual),
        "test_macro_f1": scores.macro_f1(predicted, actual, labels),
        "majority_accuracy": scores.majority_accuracy(actual),
        "test_calibration_error": calibration.calibration_error(confidence, right),
    }
    nats = -logs[np.arange(len(truth)), truth]
    lengths = [len(row) for row in rows]
    predictions = test.assign(
        tokens=lengths, predicted=predicted, nats=nats, confidence=confidence, right=right
    )
    accuracy = scores_by_length(
        predictions, "tokens", "accuracy", lambda some: some["right"].mean()
    )
    counts = Counter(zip(actual, predicted, strict=True))
    confusion = np.array([[counts[row, column] for column in labels] for row in labels])
    reliable = calibration.reliability(confidence, right)
    return Evaluation(metrics, predictions, accuracy, confusion=confusion, reliable=reliable)


def translation(predictor: Predictor, test: pd.DataFrame) -> Evaluation:
    """Scores of what the predictor's search finds; perplexity of the references.

    Exact match always. BLEU of words; over sub-words, whose text is plain, sacreBLEU's own tokens
    and chrF; each with its signature, without which no two numbers can be compared.
    """
    from pipelines.inference import decoding
    from pipelines.inference.likelihood import translation_loss

    sources, references = list(test["source"]), list(test["target"])
    found = [some[0] for some in predictor.translate(sources)]
    pairs = list(zip(found, sources, strict=True))
    hypotheses = [predictor.text(*pair) for pair in pairs]
    nats, lengths = translation_loss(predictor, test)
    metrics: Metrics = {
        "search": decoding.describe_search(predictor.search),
        "test_tokens": int(lengths.sum()),
        "test_exact_match": scores.exact_match(hypotheses, references),
        "test_perplexity": float(np.exp(nats.sum() / lengths.sum())),
    }
    card = predictor.card
    for name, metric in scores.metrics(card.tokens, card.cleaning.lowercase).items():
        score = scores.score(metric, hypotheses, references)
        metrics |= {name: score.value, f"{name}_signature": score.signature}
    read = [
        len(ids) for ids in encode.encode_rows(sources, predictor.vocabularies.columns["source"])
    ]
    predictions = test.assign(hypothesis=hypotheses, nats=nats, tokens=lengths, source_tokens=read)
    if predictor.card.tokens == "characters":
        predictions["exact"] = [a == b for a, b in zip(hypotheses, references, strict=True)]
    else:
        options = scores.bleu_options(card.tokens, card.cleaning.lowercase)
        predictions["bleu"] = scores.sentence_bleu(hypotheses, references, **options)
    attends = predictor.card.entry.attention != "none"
    maps = [_map(predictor, *pair) for pair in pairs[:3]] if attends else []
    return Evaluation(metrics, predictions, _by_source(predictor.card, predictions), maps)


def _by_source(card: serialization.ModelSpec[Any], predictions: pd.DataFrame) -> LengthScores:
    """BLEU, of characters exact match, by the length of what was translated, as Bahdanau et al.
    (2015, figure 2) have it."""
    name, score = scores.of_translations(card.tokens, card.cleaning.lowercase)

    def measure(rows: pd.DataFrame) -> float:
        return score(list(rows["hypothesis"]), list(rows["target"]))

    return scores_by_length(predictions, "source_tokens", name, measure)


def _map(predictor: Predictor, hypothesis: Any, source: str) -> tuple[Any, list[str], list[str]]:
    columns = predictor.vocabularies.columns
    target = columns["target"].words(hypothesis.ids)
    return hypothesis.weights, columns["source"].split(source), target


BY_TASK = {
    "language_modelling": language_modelling,
    "classification": classification,
    "translation": translation,
}
