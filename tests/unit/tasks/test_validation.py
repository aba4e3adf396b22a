"""What is asked of a model after each epoch: a score that decides, and text to look at."""

import numpy as np
import pytest

from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.tasks import evaluation
from pipelines.tasks.validation import LENGTH, SENTENCES, Validation
from pipelines.training import train
from pipelines.training.validation import ValidationScore
from tests.unit.inference.toy import translator


def test_the_epoch_of_the_best_score_is_kept(make):
    """Not that of the lowest loss: the score here falls with every epoch, so the first is kept."""
    frame, words = make.frame("seq2seq"), make.words("seq2seq")
    card = make.card("seq2seq", epochs=3)
    weights = []

    def compute(model):
        weights.append(model.get_weights())
        return -float(len(weights))

    score = ValidationScore("bleu", compute)
    model, history, *_ = train.seq2seq(card, (frame, frame), words, score=score)
    assert history["valid_bleu"].tolist() == [-1, -2, -3]
    assert history["valid_loss"].is_monotonic_decreasing
    for kept, first in zip(model.get_weights(), weights[0], strict=True):
        np.testing.assert_array_equal(kept, first)


def test_validation_score_is_bleu_of_what_is_translated(make):
    """It sees the weights of the moment, though its search is compiled once."""
    frame, words = make.frame("seq2seq"), make.words("seq2seq")
    card = make.card("seq2seq", epochs=120)
    score = Validation(card, words, frame).score
    model, history, *_ = train.seq2seq(card, (frame, frame), words, score=score)
    assert history["valid_bleu"].iloc[0] < 60
    assert history["valid_bleu"].max() == pytest.approx(100)
    found = evaluation.translation(Predictor(model, card, words, None), frame)
    assert found.metrics["test_bleu"] == pytest.approx(100)


def test_validation_score_of_labels_is_macro_f1(make):
    frame, words = make.frame("classifier"), make.words("classifier")
    card = make.card("classifier")
    model = serialization.build(card.entry, words)
    name, compute = Validation(card, words, frame).score
    assert name == "macro_f1"

    def expected():
        found = evaluation.classification(Predictor(model, card, words, None), frame)
        return found.metrics["test_macro_f1"]

    assert compute(model) == pytest.approx(expected())
    # One label for all: 2 x 2 / (6 + 2) of the positive, nothing of the others.
    model.set_weights([0 * one for one in model.get_weights()])
    model.softmax.bias.assign([0, 0, 1])
    assert compute(model) == pytest.approx(expected()) == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("tokens", "name"),
    [("words", "bleu"), ("spaces", "bleu"), ("bpe", "bleu"), ("characters", "exact_match")],
)
def test_validation_score_of_translation_is_that_of_its_text(make, tokens, name):
    predictor, frame = translator(make, tokens)
    score = Validation(predictor.card, predictor.vocabularies, frame).score
    assert score.name == name
    metrics = evaluation.translation(predictor, frame).metrics
    key = {"bpe": "test_sacrebleu", "characters": "test_exact_match"}.get(tokens, "test_bleu")
    assert score.compute(predictor.model) == pytest.approx(metrics[key])


def test_a_language_model_is_scored_by_its_loss_alone(make):
    card, words = make.card("language_model"), make.words("language_model")
    assert Validation(card, words, make.frame("language_model")).score is None


# Samples ----------------------------------------------------------------------------------------


def _trained(make, looked_at):
    """A training of a model that draws masks and guesses, looked at after each epoch or not."""
    card = make.card("seq2seq", epochs=3, dropout=0.3, scheduled_sampling=0.5)
    frame, words = make.frame("seq2seq"), make.words("seq2seq")
    sample = Validation(card, words, frame).sample if looked_at else None
    return train.seq2seq(card, (frame, frame), words, sample=sample)


def test_a_model_that_is_looked_at_is_trained_the_same(make):
    looked, alone = (_trained(make, looked_at) for looked_at in (True, False))
    for mine, theirs in zip(looked.model.get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert looked.losses.tolist() == alone.losses.tolist()
    assert [sample.epoch for sample in looked.samples] == [1, 2, 3]
    assert alone.samples == []


def test_a_language_model_goes_on_with_the_validation_text(make):
    card, words = make.card("language_model"), make.words("language_model")
    model = serialization.build(card.entry, words)
    sample = Validation(card, words, make.frame("language_model")).sample
    said = sample(model)
    assert said.startswith("to be")
    assert len(said) == len("to be") + LENGTH
    assert sample(model) == said
    # Whatever it reads, it writes t: it sees the weights of now.
    model.set_weights([0 * one for one in model.get_weights()])
    t = words.columns["text"].encode("t")
    model.softmax.bias.assign(100 * np.eye(len(words.columns["text"]))[t[0]])
    assert sample(model) == "to be" + "t" * LENGTH


def test_a_translator_shows_its_first_sentences_beside_their_references(make):
    card, words, frame = make.card("seq2seq"), make.words("seq2seq"), make.frame("seq2seq")
    model = serialization.build(card.entry, words)
    said = Validation(card, words, frame).sample(model)
    given, wanted = (list(frame[column][:SENTENCES]) for column in ("source", "target"))
    answers = Predictor(model, card, words, None).answers(given)
    three = zip(given, answers, wanted, strict=True)
    lines = [f"source:    {one}\nsaid:      {two}\nreference: {three}" for one, two, three in three]
    assert said == "\n\n".join(lines)


def test_a_classifier_says_nothing(make):
    card, words = make.card("classifier"), make.words("classifier")
    assert Validation(card, words, make.frame("classifier")).sample is None
