"""Scores against numbers worked out by hand, and evaluation against the models it scores."""

import numpy as np
import pytest

from pipelines.inference import evaluation, scores, scoring
from pipelines.inference.predictor import Predictor
from pipelines.models import saved
from pipelines.models.ngram import NGram
from pipelines.text import ids as encode
from pipelines.training import learn


def test_bleu_by_hand():
    """7 of 8 words, 5 of 7 pairs, 3 of 6 triples, 1 of 5 quadruples; as long as the reference."""
    reference = "the cat sat on the mat to day"
    hypothesis = "the cat sat on a mat to day"
    expected = 100 * (7 / 8 * 5 / 7 * 3 / 6 * 1 / 5) ** 0.25
    assert scores.bleu([hypothesis], [reference]) == pytest.approx(expected)
    assert scores.bleu([reference], [reference]) == pytest.approx(100)


def test_bleu_does_not_tokenise_again():
    assert scores.bleu(["d' un an , non ."], ["d'un an, non."]) < 30


def test_accuracy_f1_and_majority_by_hand():
    actual, predicted = list("aaabbc"), list("aabbba")
    assert scores.accuracy(predicted, actual) == pytest.approx(4 / 6)
    assert scores.macro_f1(predicted, actual, "abc") == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert scores.majority(actual) == 0.5
    assert scores.exact_match(["x", "y"], ["x", "z"]) == 0.5


def test_a_stream_is_scored_as_one_text(make, monkeypatch):
    """However the stream is cut into calls, the state is carried over."""
    model = saved.build(make.entry("language_model"), make.words("language_model"))
    stream = encode.stream(make.frame("language_model"), make.words("language_model"), "characters")
    logits, _ = model(stream[None, :-1])
    logs = np.asarray(logits[0], np.float64)
    logs -= np.logaddexp.reduce(logs, axis=1, keepdims=True)
    expected = -logs[np.arange(len(stream) - 1), stream[1:]]
    monkeypatch.setattr(scoring, "STEPS", 7)
    np.testing.assert_allclose(scoring.stream_nats(model, stream), expected, atol=1e-4)


def test_language_model_metrics_are_the_mean_over_all_tokens(make):
    words, card, frame = make.words("ngram"), make.card("ngram"), make.frame("ngram")
    stream = encode.stream(frame, words, "characters")
    model = NGram.count(stream, 3, len(words.columns["text"]))
    found = evaluation.language_modelling(Predictor(model, card, words, None), frame)
    mean = -model.log_probabilities(stream).mean()
    assert found.metrics["test_bits_per_character"] == pytest.approx(mean / np.log(2))
    assert found.metrics["test_perplexity"] == pytest.approx(np.exp(mean))
    # One character for the end of each line.
    assert found.metrics["test_tokens"] == frame["text"].str.len().sum() + len(frame)
    assert found.predictions["nats"].sum() == pytest.approx(mean * found.metrics["test_tokens"])
    assert len(found.predictions) == len(frame)


def test_classification_confusion_counts_every_example(make):
    words, card, frame = make.words("classifier"), make.card("classifier"), make.frame("classifier")
    predictor = Predictor(saved.build(card.entry, words), card, words, None)
    found = evaluation.classification(predictor, frame)
    assert found.confusion.sum() == len(frame)
    assert found.confusion.sum(axis=1).tolist() == [3, 1, 2]
    assert np.trace(found.confusion) / len(frame) == found.metrics["test_accuracy"]
    assert (found.predictions["nats"] > 0).all()


def test_translation_perplexity_is_of_all_target_tokens(make):
    words, card, frame = make.words("seq2seq"), make.card("seq2seq"), make.frame("seq2seq")
    predictor = Predictor(saved.build(card.entry, words), card, words, None)
    found = evaluation.translation(predictor, frame)
    lengths = frame["target"].str.split(" ").str.len() + 1
    assert found.metrics["test_tokens"] == lengths.sum()
    mean = found.predictions["nats"].sum() / lengths.sum()
    assert found.metrics["test_perplexity"] == pytest.approx(np.exp(mean))
    assert len(found.maps) == 3


def test_the_epoch_of_the_best_score_is_kept(make):
    """Not that of the lowest loss: the score here falls with every epoch, so the first is kept."""
    frame, words = make.frame("seq2seq"), make.words("seq2seq")
    card = make.card("seq2seq", epochs=3)
    weights = []

    def scored(model):
        def score():
            weights.append(model.get_weights())
            return -float(len(weights))

        return "bleu", score

    model, history = learn.seq2seq(card, (frame, frame), words, lambda row: None, scored)
    assert history["valid_bleu"].tolist() == [-1, -2, -3]
    assert history["valid_loss"].is_monotonic_decreasing
    for kept, first in zip(model.get_weights(), weights[0], strict=True):
        np.testing.assert_array_equal(kept, first)


def test_validation_score_is_bleu_of_what_is_translated(make):
    """It sees the weights of the moment, though its search is compiled once."""
    frame, words = make.frame("seq2seq"), make.words("seq2seq")
    card = make.card("seq2seq", epochs=120)
    scored = evaluation.validation_score(card, words, frame)
    model, history = learn.seq2seq(card, (frame, frame), words, lambda row: None, scored)
    assert history["valid_bleu"].iloc[0] < 60
    assert history["valid_bleu"].max() == pytest.approx(100)
    found = evaluation.translation(Predictor(model, card, words, None), frame)
    assert found.metrics["test_bleu"] == pytest.approx(100)
