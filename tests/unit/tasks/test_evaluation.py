"""What an evaluation says of the models it scores, and how a training is scored as it runs."""

import dataclasses

import numpy as np
import pytest

from pipelines.config import params
from pipelines.inference.decoding import Hypothesis
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ngram import NGram
from pipelines.tasks import evaluation
from pipelines.text import encoding as encode
from tests.unit.inference.toy import translator


def test_language_model_metrics_are_the_mean_over_all_tokens(make):
    words, card, frame = make.words("ngram"), make.card("ngram"), make.frame("ngram")
    stream = encode.encode_stream(frame, words)
    model = NGram.count(stream, 3, len(words.columns["text"]), "witten_bell")
    found = evaluation.language_modelling(Predictor(model, card, words, None), frame)
    mean = -model.log_probabilities(stream).mean()
    assert found.metrics["test_nats_per_character"] == pytest.approx(mean)
    assert found.metrics["test_bits_per_character"] == pytest.approx(mean / np.log(2))
    assert found.metrics["test_perplexity"] == pytest.approx(np.exp(mean))
    # One character for the end of each line.
    assert found.metrics["test_tokens"] == frame["text"].str.len().sum() + len(frame)
    assert found.predictions["nats"].sum() == pytest.approx(mean * found.metrics["test_tokens"])
    assert len(found.predictions) == len(frame)
    assert found.lengths.score == "nats per token"
    # All lines are of one of two lengths; the shorter ones, and then the others.
    short = found.predictions[found.predictions["tokens"] == found.predictions["tokens"].min()]
    expected = short["nats"].sum() / short["tokens"].sum()
    assert found.lengths.values[0] == pytest.approx(expected)


def test_classification_confusion_counts_every_example(make):
    words, card, frame = make.words("classifier"), make.card("classifier"), make.frame("classifier")
    predictor = Predictor(serialization.build(card.entry, words), card, words, None)
    found = evaluation.classification(predictor, frame)
    assert found.confusion.sum() == len(frame)
    assert found.confusion.sum(axis=1).tolist() == [3, 1, 2]
    assert np.trace(found.confusion) / len(frame) == found.metrics["test_accuracy"]
    assert (found.predictions["nats"] > 0).all()


def test_a_classifiers_confidence_is_the_probability_of_what_it_says(make):
    words, card, frame = make.words("classifier"), make.card("classifier"), make.frame("classifier")
    model = serialization.build(card.entry, words)
    # Whatever it reads: negative, neutral, positive with 0.2, 0.3 and 0.5.
    model.set_weights([0 * one for one in model.get_weights()])
    model.softmax.bias.assign(np.log([0.2, 0.3, 0.5]))
    found = evaluation.classification(Predictor(model, card, words, None), frame)
    assert found.predictions["confidence"].tolist() == pytest.approx([0.5] * len(frame))
    # Two of six are positive.
    assert found.metrics["test_calibration_error"] == pytest.approx(0.5 - 2 / 6)
    assert found.reliable.counts.sum() == len(frame)


def test_translation_perplexity_is_of_all_target_tokens(make):
    predictor, frame = translator(make)
    found = evaluation.translation(predictor, frame)
    lengths = frame["target"].str.split(" ").str.len() + 1
    assert found.metrics["test_tokens"] == lengths.sum()
    mean = found.predictions["nats"].sum() / lengths.sum()
    assert found.metrics["test_perplexity"] == pytest.approx(np.exp(mean))
    assert len(found.maps) == 3
    assert (
        found.predictions["source_tokens"].tolist()
        == frame["source"].str.split().str.len().tolist()
    )


def test_words_have_the_bleu_of_their_tokens(make):
    for tokens in ("words", "spaces"):
        predictor, frame = translator(make, tokens)
        found = evaluation.translation(predictor, frame)
        assert 0 <= found.metrics["test_bleu"] <= 100
        assert "tok:none" in found.metrics["test_bleu_signature"]
        assert found.lengths.score == "BLEU"
        assert sum(found.lengths.counts) == len(frame)
        assert not {"test_sacrebleu", "test_chrf"} & set(found.metrics)
        assert len(found.predictions["bleu"]) == len(frame)


@pytest.mark.parametrize("tokens", params.SUB_WORDS)
def test_plain_text_has_the_bleu_of_sacrebleu_and_chrf(make, tokens):
    predictor, frame = translator(make, tokens)
    found = evaluation.translation(predictor, frame)
    assert "test_bleu" not in found.metrics
    signature = found.metrics["test_sacrebleu_signature"]
    assert "tok:13a" in signature
    assert "case:lc" in signature
    assert "nc:6" in found.metrics["test_chrf_signature"]
    assert len(found.predictions["bleu"]) == len(frame)
    cased = dataclasses.replace(
        predictor.card, cleaning=predictor.card.cleaning.model_copy(update={"lowercase": False})
    )
    found = evaluation.translation(dataclasses.replace(predictor, card=cased), frame)
    assert "case:mixed" in found.metrics["test_sacrebleu_signature"]


@pytest.mark.parametrize("tokens", params.SUB_WORDS)
def test_pieces_are_scored_as_the_text_that_they_make(make, tokens):
    """A search that finds the references, piece by piece."""
    predictor, frame = translator(make, tokens)
    wanted = encode.encode_rows(frame["target"], predictor.vocabularies.columns["target"])
    perfect = [[Hypothesis(ids, 0.0, np.ones((len(ids), 1), np.float32), 0.0)] for ids in wanted]
    vars(predictor)["_decoder"] = lambda rows, n_best: perfect
    found = evaluation.translation(predictor, frame)
    assert found.predictions["hypothesis"].tolist() == frame["target"].tolist()
    for name in ("test_sacrebleu", "test_chrf"):
        assert found.metrics[name] == pytest.approx(100)
    assert found.metrics["test_exact_match"] == 1


def test_characters_are_matched_as_a_whole(make):
    predictor, frame = translator(make, "characters")
    found = evaluation.translation(predictor, frame)
    assert not [name for name in found.metrics if "bleu" in name or "chrf" in name]
    assert found.predictions["exact"].mean() == found.metrics["test_exact_match"]
    assert found.lengths.score == "exact match"


def test_metrics_say_which_search_it_was_and_the_search_is_used(make):
    predictor, frame = translator(make)
    greedy = evaluation.translation(predictor, frame)
    assert greedy.metrics["search"] == "greedy"
    search = params.Search(beam=4, length_penalty=3.0)
    beam = evaluation.translation(dataclasses.replace(predictor, search=search), frame)
    assert beam.metrics["search"] == "beam 4, length penalty 3"
    assert not greedy.predictions["hypothesis"].equals(beam.predictions["hypothesis"])
    assert beam.metrics["test_perplexity"] == pytest.approx(greedy.metrics["test_perplexity"])


def test_no_maps_without_attention(make):
    predictor, frame = translator(make, attention="none", bidirectional=False)
    assert evaluation.translation(predictor, frame).maps == []
