"""What an evaluation says of the models it scores, and how a training is scored as it runs."""

import dataclasses

import numpy as np
import pytest

from pipelines import params
from pipelines.inference import evaluation
from pipelines.inference.decoding import Hypothesis
from pipelines.inference.predictor import Predictor
from pipelines.models import saved
from pipelines.models.ngram import NGram
from pipelines.text import ids as encode
from pipelines.text import vocabulary
from pipelines.training import learn, past


def _translator(make, tokens="words", search=None, **changes):
    """An untrained translator of text of another kind, and a frame of such text."""
    frame = make.frame("seq2seq")
    columns = {name: vocabulary.build(list(frame[name]), tokens, 30, None) for name in frame}
    card = dataclasses.replace(make.card("seq2seq", **changes), tokens=tokens)
    words = vocabulary.Vocabularies(columns)
    model = saved.build(card.entry, words)
    # Always the same, and far from the start, where it says what is frequent whatever it reads.
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.5, one.shape) for one in model.get_weights()])
    return Predictor(model, card, words, None, search), frame


def test_language_model_metrics_are_the_mean_over_all_tokens(make):
    words, card, frame = make.words("ngram"), make.card("ngram"), make.frame("ngram")
    stream = encode.stream(frame, words)
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
    predictor = Predictor(saved.build(card.entry, words), card, words, None)
    found = evaluation.classification(predictor, frame)
    assert found.confusion.sum() == len(frame)
    assert found.confusion.sum(axis=1).tolist() == [3, 1, 2]
    assert np.trace(found.confusion) / len(frame) == found.metrics["test_accuracy"]
    assert (found.predictions["nats"] > 0).all()


def test_a_classifiers_confidence_is_the_probability_of_what_it_says(make):
    words, card, frame = make.words("classifier"), make.card("classifier"), make.frame("classifier")
    model = saved.build(card.entry, words)
    # Whatever it reads: negative, neutral, positive with 0.2, 0.3 and 0.5.
    model.set_weights([0 * one for one in model.get_weights()])
    model.softmax.bias.assign(np.log([0.2, 0.3, 0.5]))
    found = evaluation.classification(Predictor(model, card, words, None), frame)
    assert found.predictions["confidence"].tolist() == pytest.approx([0.5] * len(frame))
    # Two of six are positive.
    assert found.metrics["test_calibration_error"] == pytest.approx(0.5 - 2 / 6)
    assert found.reliable.counts.sum() == len(frame)


def test_translation_perplexity_is_of_all_target_tokens(make):
    predictor, frame = _translator(make)
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
        predictor, frame = _translator(make, tokens)
        found = evaluation.translation(predictor, frame)
        assert 0 <= found.metrics["test_bleu"] <= 100
        assert "tok:none" in found.metrics["test_bleu_signature"]
        assert found.lengths.score == "BLEU"
        assert sum(found.lengths.counts) == len(frame)
        assert not {"test_sacrebleu", "test_chrf"} & set(found.metrics)
        assert len(found.predictions["bleu"]) == len(frame)


@pytest.mark.parametrize("tokens", params.SUB_WORDS)
def test_plain_text_has_the_bleu_of_sacrebleu_and_chrf(make, tokens):
    predictor, frame = _translator(make, tokens)
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
    predictor, frame = _translator(make, tokens)
    wanted = encode.rows(frame["target"], predictor.vocabularies.columns["target"])
    perfect = [[Hypothesis(ids, 0.0, np.ones((len(ids), 1), np.float32), 0.0)] for ids in wanted]
    vars(predictor)["_decoder"] = lambda rows, n_best: perfect
    found = evaluation.translation(predictor, frame)
    assert found.predictions["hypothesis"].tolist() == frame["target"].tolist()
    for name in ("test_sacrebleu", "test_chrf"):
        assert found.metrics[name] == pytest.approx(100)
    assert found.metrics["test_exact_match"] == 1


def test_characters_are_matched_as_a_whole(make):
    predictor, frame = _translator(make, "characters")
    found = evaluation.translation(predictor, frame)
    assert not [name for name in found.metrics if "bleu" in name or "chrf" in name]
    assert found.predictions["exact"].mean() == found.metrics["test_exact_match"]
    assert found.lengths.score == "exact match"


def test_metrics_say_which_search_it_was_and_the_search_is_used(make):
    predictor, frame = _translator(make)
    greedy = evaluation.translation(predictor, frame)
    assert greedy.metrics["search"] == "greedy"
    search = params.Search(beam=4, length_penalty=3.0)
    beam = evaluation.translation(dataclasses.replace(predictor, search=search), frame)
    assert beam.metrics["search"] == "beam 4, length penalty 3"
    assert not greedy.predictions["hypothesis"].equals(beam.predictions["hypothesis"])
    assert beam.metrics["test_perplexity"] == pytest.approx(greedy.metrics["test_perplexity"])


def test_no_maps_without_attention(make):
    predictor, frame = _translator(make, attention="none", bidirectional=False)
    assert evaluation.translation(predictor, frame).maps == []


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

    model, history, *_ = learn.seq2seq(card, (frame, frame), words, past.NOBODY, scored)
    assert history["valid_bleu"].tolist() == [-1, -2, -3]
    assert history["valid_loss"].is_monotonic_decreasing
    for kept, first in zip(model.get_weights(), weights[0], strict=True):
        np.testing.assert_array_equal(kept, first)


def test_validation_score_is_bleu_of_what_is_translated(make):
    """It sees the weights of the moment, though its search is compiled once."""
    frame, words = make.frame("seq2seq"), make.words("seq2seq")
    card = make.card("seq2seq", epochs=120)
    scored = evaluation.validation_score(card, words, frame)
    model, history, *_ = learn.seq2seq(card, (frame, frame), words, past.NOBODY, scored)
    assert history["valid_bleu"].iloc[0] < 60
    assert history["valid_bleu"].max() == pytest.approx(100)
    found = evaluation.translation(Predictor(model, card, words, None), frame)
    assert found.metrics["test_bleu"] == pytest.approx(100)


def test_validation_score_of_labels_is_macro_f1(make):
    frame, words = make.frame("classifier"), make.words("classifier")
    card = make.card("classifier")
    model = saved.build(card.entry, words)
    name, now = evaluation.validation_score(card, words, frame)(model)
    assert name == "macro_f1"

    def expected():
        found = evaluation.classification(Predictor(model, card, words, None), frame)
        return found.metrics["test_macro_f1"]

    before = now()
    assert before == pytest.approx(expected())
    # One label for all: 2 x 2 / (6 + 2) of the positive, nothing of the others.
    model.set_weights([0 * one for one in model.get_weights()])
    model.softmax.bias.assign([0, 0, 1])
    assert now() == pytest.approx(expected()) == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("tokens", "name"),
    [("words", "bleu"), ("spaces", "bleu"), ("bpe", "bleu"), ("characters", "exact_match")],
)
def test_validation_score_of_translation_is_that_of_its_text(make, tokens, name):
    predictor, frame = _translator(make, tokens)
    given = evaluation.validation_score(predictor.card, predictor.vocabularies, frame)
    called, now = given(predictor.model)
    assert called == name
    metrics = evaluation.translation(predictor, frame).metrics
    key = {"bpe": "test_sacrebleu", "characters": "test_exact_match"}.get(tokens, "test_bleu")
    assert now() == pytest.approx(metrics[key])


def test_a_language_model_is_scored_by_its_loss_alone(make):
    card, words = make.card("language_model"), make.words("language_model")
    assert evaluation.validation_score(card, words, make.frame("language_model")) is None
