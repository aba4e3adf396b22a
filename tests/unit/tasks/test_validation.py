"""The validation score, which decides the best epoch, and the sample of each epoch."""

import numpy as np
import pytest

from pipelines.config import task_schemas
from pipelines.evaluation.evaluate import evaluate
from pipelines.inference.predictor import Predictor
from pipelines.inference.scores import translation_score
from pipelines.models import serialization
from pipelines.tasks import classification, language_modelling, lookup, translation
from tests.unit.inference.toy import translator


@pytest.mark.usefixtures("eager")
def test_the_epoch_with_the_best_score_is_kept(make, monkeypatch):
    """The score falls with every epoch while the loss falls, too."""
    frame, vocabularies = make.frame("seq2seq"), make.vocabularies("seq2seq")
    spec = make.spec("seq2seq", epochs=3)
    weights = []

    def falling_score(predictor):
        weights.append(predictor.model.get_weights())
        return -float(len(weights))

    monkeypatch.setattr(
        translation.Translation, "validation_score", lambda *arguments: ("bleu", falling_score)
    )
    model, history, *_ = translation.TASK.train(spec, (frame, frame), vocabularies)
    assert history["valid_bleu"].tolist() == [-1, -2, -3]
    assert history["valid_loss"].is_monotonic_decreasing
    for actual, expected in zip(model.get_weights(), weights[0], strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_translations_are_scored_with_the_current_weights(make):
    """The search is compiled once."""
    frame, vocabularies = make.frame("seq2seq"), make.vocabularies("seq2seq")
    spec = make.spec("seq2seq", epochs=120)
    model, history, *_ = translation.TASK.train(spec, (frame, frame), vocabularies)
    assert history["valid_bleu"].iloc[0] < 60
    assert history["valid_bleu"].max() == pytest.approx(100)
    result = evaluate(Predictor(model, spec, vocabularies), frame)
    assert result.metrics["test_bleu"] == pytest.approx(100)


@pytest.mark.usefixtures("eager")
def test_labels_are_scored_by_macro_f1(make):
    frame, vocabularies = make.frame("classifier"), make.vocabularies("classifier")
    spec = make.spec("classifier")
    model = serialization.build(spec.entry, vocabularies)
    predictor = Predictor(model, spec, vocabularies)
    name, score = classification.TASK.validation_score(spec, vocabularies, frame)
    assert name == "macro_f1"

    def expected():
        return evaluate(Predictor(model, spec, vocabularies), frame).metrics["test_macro_f1"]

    assert score(predictor) == pytest.approx(expected())
    # One label for all texts: 2 x 2 / (6 + 2) for positive, 0 for the other labels.
    model.set_weights([0 * weights for weights in model.get_weights()])
    model.softmax.bias.assign([0, 0, 1])
    assert score(predictor) == pytest.approx(expected()) == pytest.approx(1 / 6)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("tokens", "name", "key"),
    [
        ("words", "bleu", "test_bleu"),
        ("spaces", "bleu", "test_bleu"),
        ("bpe", "bleu", "test_sacrebleu"),
        ("characters", "exact_match", "test_exact_match"),
    ],
)
def test_translations_are_scored_like_the_test_split(make, tokens, name, key):
    predictor, frame = translator(make, tokens)
    score_name, score = translation.TASK.validation_score(
        predictor.spec, predictor.vocabularies, frame
    )
    assert score_name == name
    assert score(predictor) == pytest.approx(evaluate(predictor, frame).metrics[key])


def test_a_language_model_is_scored_by_its_loss(make):
    spec, vocabularies = make.spec("language_model"), make.vocabularies("language_model")
    frame = make.frame("language_model")
    assert language_modelling.TASK.validation_score(spec, vocabularies, frame) is None


@pytest.mark.parametrize("kind", ["language_model", "classifier", "tagger", "seq2seq"])
def test_the_table_of_the_tasks_has_the_score(make, kind):
    """Sweeps of params.yaml name it, and are checked without the tasks."""
    spec, vocabularies, frame = make.spec(kind), make.vocabularies(kind), make.frame(kind)
    score = lookup.get(spec.task).validation_score(spec, vocabularies, frame)
    schema = task_schemas.get(spec.task)
    assert schema.validation_score == (None if score is None else score[0])
    if kind == "seq2seq":
        name, _ = translation_score("characters", lowercase=True)
        assert schema.validation_score_of_characters == name.replace(" ", "_")


# Samples ----------------------------------------------------------------------------------------


def _train(make):
    """Train a model with dropout and scheduled sampling, which draw random numbers."""
    spec = make.spec("seq2seq", epochs=3, dropout=0.3, scheduled_sampling=0.5)
    frame, vocabularies = make.frame("seq2seq"), make.vocabularies("seq2seq")
    return translation.TASK.train(spec, (frame, frame), vocabularies)


@pytest.mark.usefixtures("eager")
def test_samples_do_not_change_the_training(make, monkeypatch):
    sampled = _train(make)
    monkeypatch.setattr(translation.Translation, "validation_sample", lambda *arguments: None)
    silent = _train(make)
    for first, second in zip(sampled.model.get_weights(), silent.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert sampled.losses.tolist() == silent.losses.tolist()
    assert [sample.epoch for sample in sampled.samples] == [1, 2, 3]
    assert list(silent.samples) == []


def test_a_language_model_continues_the_validation_text(make):
    spec, vocabularies = make.spec("language_model"), make.vocabularies("language_model")
    model = serialization.build(spec.entry, vocabularies)
    predictor = Predictor(model, spec, vocabularies)
    frame = make.frame("language_model")
    sample = language_modelling.TASK.validation_sample(spec, vocabularies, frame)
    text = sample(predictor)
    assert text.startswith("to be")
    assert len(text) == len("to be") + language_modelling.LENGTH
    assert sample(predictor) == text
    # With these weights the next character is always t.
    model.set_weights([0 * weights for weights in model.get_weights()])
    t = vocabularies.columns["text"].encode("t")
    model.softmax.bias.assign(100 * np.eye(len(vocabularies.columns["text"]))[t[0]])
    assert sample(predictor) == "to be" + "t" * language_modelling.LENGTH


@pytest.mark.usefixtures("eager")
def test_a_translator_shows_its_first_sentences_with_their_references(make):
    spec, vocabularies, frame = (
        make.spec("seq2seq"),
        make.vocabularies("seq2seq"),
        make.frame("seq2seq"),
    )
    predictor = Predictor(serialization.build(spec.entry, vocabularies), spec, vocabularies)
    text = translation.TASK.validation_sample(spec, vocabularies, frame)(predictor)
    rows = frame[: translation.SAMPLES]
    translations = translation.TASK.predict_prepared(predictor, list(rows["source"]))
    assert text == "\n\n".join(
        f"source:      {source}\ntranslation: {output}\nreference:   {reference}"
        for source, output, reference in zip(
            rows["source"], translations, rows["target"], strict=True
        )
    )


def test_a_classifier_has_no_samples(make):
    spec, vocabularies = make.spec("classifier"), make.vocabularies("classifier")
    frame = make.frame("classifier")
    assert classification.TASK.validation_sample(spec, vocabularies, frame) is None
