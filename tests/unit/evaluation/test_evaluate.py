"""Evaluation of a model: metrics, predictions and analysis."""

import dataclasses

import numpy as np
import pytest

from pipelines.config import params
from pipelines.evaluation import parts
from pipelines.evaluation.evaluate import evaluate
from pipelines.inference.decoding import Hypothesis
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.models.ngram import NGram
from pipelines.tasks import translation
from pipelines.text import encoding
from tests.unit.conftest import uncompiled
from tests.unit.inference.toy import translator

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def words(make):
    """A translator of words, its test frame and its evaluation."""
    predictor, frame = translator(make)
    with uncompiled():
        return predictor, frame, evaluate(predictor, frame)


def test_language_model_metrics_are_means_over_all_tokens(make):
    vocabularies, spec, frame = make.vocabularies("ngram"), make.spec("ngram"), make.frame("ngram")
    stream = encoding.encode_stream(frame, vocabularies)
    model = NGram.count(stream, 3, len(vocabularies.columns["text"]), "witten_bell")
    result = evaluate(Predictor(model, spec, vocabularies), frame)
    mean = -model.log_probabilities(stream).mean()
    assert result.metrics["test_nats_per_character"] == pytest.approx(mean)
    assert result.metrics["test_bits_per_character"] == pytest.approx(mean / np.log(2))
    assert result.metrics["test_perplexity"] == pytest.approx(np.exp(mean))
    # One character for the end of each line.
    tokens = frame["text"].str.len().sum() + len(frame)
    assert result.metrics["test_tokens"] == tokens
    assert result.predictions["nats"].sum() == pytest.approx(mean * tokens)
    assert len(result.predictions) == len(frame)
    assert result.analysis.lengths.score == "nats per token"
    # The lines have two lengths, the shorter come first.
    lengths = result.predictions["tokens"]
    shortest = result.predictions[lengths == lengths.min()]
    expected = shortest["nats"].sum() / shortest["tokens"].sum()
    assert result.analysis.lengths.values[0] == pytest.approx(expected)
    assert result.analysis.sample is None


def test_the_confusion_matrix_counts_every_example(make):
    vocabularies, spec = make.vocabularies("classifier"), make.spec("classifier")
    frame = make.frame("classifier")
    predictor = Predictor(serialization.build(spec.entry, vocabularies), spec, vocabularies)
    result = evaluate(predictor, frame)
    counts = result.analysis.confusion.counts
    assert result.analysis.confusion.labels == ("negative", "neutral", "positive")
    assert counts.sum() == len(frame)
    assert counts.sum(axis=1).tolist() == [3, 1, 2]
    assert np.trace(counts) / len(frame) == result.metrics["test_accuracy"]
    assert (result.predictions["nats"] > 0).all()


def test_the_confidence_is_the_probability_of_the_predicted_label(make):
    vocabularies, spec = make.vocabularies("classifier"), make.spec("classifier")
    frame = make.frame("classifier")
    model = serialization.build(spec.entry, vocabularies)
    # For any text: negative, neutral, positive with 0.2, 0.3 and 0.5.
    model.set_weights([0 * weights for weights in model.get_weights()])
    model.softmax.bias.assign(np.log([0.2, 0.3, 0.5]))
    result = evaluate(Predictor(model, spec, vocabularies), frame)
    assert result.predictions["confidence"].tolist() == pytest.approx([0.5] * len(frame))
    # Two of six are positive.
    assert result.metrics["test_calibration_error"] == pytest.approx(0.5 - 2 / 6)
    assert result.analysis.reliability.counts.sum() == len(frame)


def test_the_perplexity_of_a_translator_is_over_all_target_tokens(words):
    _, frame, result = words
    lengths = frame["target"].str.split(" ").str.len() + 1
    assert result.metrics["test_tokens"] == lengths.sum()
    mean = result.predictions["nats"].sum() / lengths.sum()
    assert result.metrics["test_perplexity"] == pytest.approx(np.exp(mean))
    source_lengths = frame["source"].str.split().str.len()
    assert result.predictions["source_tokens"].tolist() == source_lengths.tolist()
    assert len(result.analysis.attention) == 3
    for attention in result.analysis.attention:
        assert attention.weights.shape == (len(attention.target), len(attention.source))


@pytest.mark.parametrize("tokens", ["words", "spaces"])
def test_words_have_bleu_of_their_tokens(make, words, tokens):
    _, frame, result = words
    if tokens == "spaces":
        predictor, frame = translator(make, tokens)
        result = evaluate(predictor, frame)
    assert 0 <= result.metrics["test_bleu"] <= 100
    assert "tok:none" in result.metrics["test_bleu_signature"]
    assert result.analysis.lengths.score == "BLEU"
    assert sum(result.analysis.lengths.counts) == len(frame)
    assert not {"test_sacrebleu", "test_chrf"} & set(result.metrics)
    assert len(result.predictions["bleu"]) == len(frame)


@pytest.mark.parametrize("tokens", params.SUB_WORDS)
def test_sub_words_have_sacrebleu_and_chrf_of_their_text(make, tokens):
    predictor, frame = translator(make, tokens)
    metrics = evaluate(predictor, frame).metrics
    assert "test_bleu" not in metrics
    assert "tok:13a" in metrics["test_sacrebleu_signature"]
    assert "case:lc" in metrics["test_sacrebleu_signature"]
    assert "nc:6" in metrics["test_chrf_signature"]
    spec = predictor.spec
    cased = dataclasses.replace(
        spec, cleaning=spec.cleaning.model_copy(update={"lowercase": False})
    )
    metrics = evaluate(dataclasses.replace(predictor, spec=cased), frame).metrics
    assert "case:mixed" in metrics["test_sacrebleu_signature"]


@pytest.mark.parametrize("tokens", params.SUB_WORDS)
def test_sub_words_are_joined_before_they_are_scored(make, tokens, monkeypatch):
    """Here the search finds the sub-words of the references."""
    predictor, frame = translator(make, tokens)
    rows = encoding.encode_rows(frame["target"], predictor.vocabularies.columns["target"])
    perfect = [[Hypothesis(ids, 0.0, np.ones((len(ids), 1), np.float32), 0.0)] for ids in rows]
    monkeypatch.setattr(translation, "_decoder", lambda predictor: lambda rows, n_best: perfect)
    result = evaluate(predictor, frame)
    assert result.predictions["hypothesis"].tolist() == frame["target"].tolist()
    for key in ("test_sacrebleu", "test_chrf"):
        assert result.metrics[key] == pytest.approx(100)
    assert result.metrics["test_exact_match"] == 1


def test_characters_are_scored_by_exact_match(make):
    predictor, frame = translator(make, "characters")
    result = evaluate(predictor, frame)
    assert not [key for key in result.metrics if "bleu" in key or "chrf" in key]
    assert result.predictions["exact"].mean() == result.metrics["test_exact_match"]
    assert result.analysis.lengths.score == "exact match"


def test_the_metrics_name_the_search(words):
    predictor, frame, greedy = words
    assert greedy.metrics["search"] == "greedy"
    search = params.Search(beam=4, length_penalty=3.0)
    beam = evaluate(dataclasses.replace(predictor, search=search), frame)
    assert beam.metrics["search"] == "beam 4, length penalty 3"
    assert not greedy.predictions["hypothesis"].equals(beam.predictions["hypothesis"])
    assert beam.metrics["test_perplexity"] == pytest.approx(greedy.metrics["test_perplexity"])


def test_groups_of_test_items_have_scores_of_their_own(words):
    """Like the sources of a model with two target languages, which begin with a mark."""
    predictor, frame, _ = words
    first = frame["source"].str.split(" ").str[0]
    one, other = first.unique()[:2]
    result = evaluate(predictor, frame, {"a": one, "b": other, "none": "zzz"})
    assert parts.names(result.metrics) == ["a", "b"]
    rows = result.predictions[first == one]
    expected = np.exp(rows["nats"].sum() / rows["tokens"].sum())
    assert parts.of_part(result.metrics, "a")["test_perplexity"] == pytest.approx(expected)
    assert result.metrics["a/test_perplexity"] != result.metrics["test_perplexity"]
    assert "a/test_tokens" not in result.metrics


def test_the_members_of_an_ensemble_are_predictors(make, words):
    predictor, frame, result = words
    other, _ = translator(make)
    ensemble = dataclasses.replace(predictor, model=Ensemble([predictor.model, other.model]))
    assert [member.model for member in ensemble.members()] == [predictor.model, other.model]
    first = evaluate(ensemble.members()[0], frame)
    assert first.metrics == result.metrics
    assert predictor.members() == []


def test_a_translator_without_attention_has_no_maps(make):
    predictor, frame = translator(make, attention="none", bidirectional=False)
    assert evaluate(predictor, frame).analysis.attention == ()
