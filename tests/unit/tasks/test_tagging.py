"""Tagging: data checks, training, prediction and evaluation."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.data import expectations
from pipelines.errors import UserError
from pipelines.evaluation import item_differences, significance
from pipelines.evaluation.evaluate import evaluate
from pipelines.inference import scores
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.tasks import tagging
from tests.unit.conftest import TAGS
from tests.unit.data import whole_frames


@pytest.fixture
def make_predictor(make):
    """Return a function that makes the predictor of a tagger with initial weights."""

    def predictor(**changes):
        spec, vocabularies = make.spec("tagger", **changes), make.vocabularies("tagger")
        return Predictor(serialization.build(spec.entry, vocabularies), spec, vocabularies)

    return predictor


def train(make, **changes):
    spec, frame, vocabularies = make.spec("tagger", **changes), make.frame("tagger"), None
    vocabularies = make.vocabularies("tagger")
    result = tagging.TASK.train(spec, (frame, frame), vocabularies)
    return Predictor(result.model, spec, vocabularies), result.history


# Data -------------------------------------------------------------------------------------------


def write_parallel(folder, rows):
    """Write rows of words and tags as aligned files."""
    for name, column in (("seq.in", 0), ("seq.out", 1)):
        text = "".join(f"{row[column]}\n" for row in rows)
        (folder / name).write_text(text, encoding="utf-8")


ROWS = [("Fly to  Boston ", "O O B-City "), ("the", " O"), ("to New York", "O B-City I-City")] * 10


@pytest.fixture
def slots(make_corpus):
    return make_corpus("tagging", cleaning={"max_length": 3})


def read(folder, slots):
    return whole_frames.read_frame(
        folder, slots.reader, "tagging", ["seq.in", "seq.out"], slots.split
    )


def test_words_are_lowercased_and_tags_are_not(tmp_path, slots):
    write_parallel(tmp_path, ROWS)
    raw = read(tmp_path, slots)
    whole_frames.check_raw(expectations.Checker(slots), raw, slots)
    parts = whole_frames.prepare(raw, slots, tmp_path)
    cleaned = pd.concat(parts.values()).sort_values("line")
    assert cleaned["text"].tolist()[:3] == ["fly to boston", "the", "to new york"]
    assert cleaned["tags"].tolist()[:3] == ["O O B-City", "O", "O B-City I-City"]
    vocabularies = whole_frames.build_vocabularies(cleaned, slots)
    assert vocabularies.labels == ("B-City", "I-City", "O")
    assert list(vocabularies.columns) == ["text"]


def test_long_rows_are_dropped_with_their_tags(tmp_path, slots):
    write_parallel(tmp_path, [*ROWS, ("a b c d", "O O O O")])
    parts = whole_frames.prepare(read(tmp_path, slots), slots, tmp_path)
    assert sum(map(len, parts.values())) == len(ROWS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("to boston", "O"), r"every text has as many tags as tokens.*\n.*seq\.in:31  to boston"),
        (("to", "O O"), r"every text has as many tags as tokens.*\n.*seq\.in:31  to"),
        (("to", "B"), r"all tags match .*\n.*seq\.in:31  B"),
        (("to", "X-a"), r"all tags match .*\n.*seq\.in:31  X-a"),
    ],
)
def test_misaligned_rows_and_invalid_tags_are_reported(tmp_path, slots, row, message):
    write_parallel(tmp_path, [*ROWS, row])
    with pytest.raises(UserError, match=message):
        whole_frames.check_raw(expectations.Checker(slots), read(tmp_path, slots), slots)


def test_a_word_that_cleaning_removes_is_reported(tmp_path, slots):
    write_parallel(tmp_path, [*ROWS, ("to \u200b", "O O")])
    raw = read(tmp_path, slots)
    whole_frames.check_raw(expectations.Checker(slots), raw, slots)
    parts = whole_frames.prepare(raw, slots, tmp_path)
    rates = {name: {"text": 0.0} for name in parts}
    with pytest.raises(UserError, match=r"as many tags as tokens.*\n.*seq\.in:31"):
        whole_frames.check_splits(expectations.Checker(slots), parts, rates, slots)


# Training ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("crf", [None, True])
def test_the_loss_does_not_depend_on_padding(make, make_predictor, crf):
    model = make_predictor(crf=crf).model
    loss = tagging.TASK.objective(make.spec("tagger"), None, None)
    unpadded = tf.constant([[4, 5, 6]]), tf.constant([[2, 0, 1]])
    padded = tf.constant([[4, 5, 6, 0, 0]]), tf.constant([[2, 0, 1, 0, 0]])
    nats, count, _ = loss(model, unpadded, (), None)
    padded_nats, padded_count, _ = loss(model, padded, (), None)
    assert float(count) == float(padded_count) == 3
    assert float(padded_nats) == pytest.approx(float(nats), rel=1e-5)


def test_a_new_crf_has_the_loss_of_the_softmax(make, make_predictor):
    model = make_predictor(crf=True).model
    loss = tagging.TASK.objective(make.spec("tagger"), None, None)
    batch = tf.constant([[4, 5, 6], [5, 0, 0]]), tf.constant([[2, 0, 1], [1, 0, 0]])
    nats, _, _ = loss(model, batch, (), None)
    model.crf = None
    assert float(nats) == pytest.approx(float(loss(model, batch, (), None)[0]), rel=1e-5)


def test_validation_texts_with_new_tags_have_no_loss_but_a_score(make, make_predictor):
    predictor = make_predictor()
    train_frame = make.frame("tagger")
    valid = pd.concat(
        [train_frame[:2], pd.DataFrame({"text": ["a film"], "tags": ["O B-new"]})],
        ignore_index=True,
    )
    vocabularies, spec = predictor.vocabularies, predictor.spec
    data = tagging.TASK.training_data(spec, None, (train_frame, valid), vocabularies, 1)
    assert sum(len(ids) for ids, _ in data.valid.read()) == 2
    _, score = tagging.TASK.validation_score(spec, vocabularies, valid)
    predicted = tagging.predict_tags(predictor, list(valid["text"]))
    assert score(predictor) == scores.span_f1(predicted, list(valid["tags"]))
    with pytest.raises(UserError, match=r"corpora\.c\.split"):
        tagging.TASK.training_data(spec, None, (train_frame, valid[2:]), vocabularies, 1)


# Prediction and evaluation ----------------------------------------------------------------------


@pytest.mark.parametrize("crf", [None, True])
def test_tags_are_memorized(make, crf):
    """With a CRF this needs the compiled Viterbi search."""
    predictor, history = train(make, crf=crf, epochs=80)
    assert history["valid_span_f1"].max() == 1.0
    assert list(history.columns)[-1] != "valid_loss"
    frame = make.frame("tagger")
    assert tagging.predict_tags(predictor, list(frame["text"])) == TAGS
    prediction = tagging.TASK.predict(predictor, ["A  good film", "Bad bad bad"])
    assert prediction == ["a/O good/B-a film/I-a", "bad/B-b bad/B-b bad/I-b"]
    result = evaluate(predictor, frame)
    assert result.metrics["test_span_f1"] == result.metrics["test_token_accuracy"] == 1.0
    assert result.metrics["test_tokens"] == sum(len(tags.split()) for tags in TAGS)
    assert result.predictions["predicted"].tolist() == TAGS
    assert result.analysis.confusion is None
    assert result.analysis.lengths.score == "span F1"
    assert set(result.analysis.lengths.values) == {1.0}
    sample = tagging.TASK.validation_sample(predictor.spec, predictor.vocabularies, frame)
    lines = sample(predictor).splitlines()
    assert lines[:2] == [
        "prediction: a/O good/B-a film/I-a",
        "reference:  a/O good/B-a film/I-a",
    ]
    assert len(lines) == 3 * 3 - 1


@pytest.mark.parametrize("crf", [None, True])
def test_predictions_do_not_depend_on_the_batch(make, make_predictor, crf):
    predictor = make_predictor(crf=crf)
    if crf:
        random = np.random.default_rng(1)
        weights = predictor.model.crf.get_weights()
        predictor.model.crf.set_weights([random.normal(0, 1, w.shape) for w in weights])
    texts = list(make.frame("tagger")["text"])
    alone = [tagging.predict_tags(predictor, [text])[0] for text in texts]
    assert tagging.predict_tags(predictor, texts) == alone
    assert [len(tags.split()) for tags in alone] == [len(text.split()) for text in texts]


def test_an_ensemble_averages_probabilities(make, make_predictor):
    predictor = make_predictor(ensemble_size=2)
    other = serialization.build(predictor.spec.entry, predictor.vocabularies)
    ensemble = Predictor(Ensemble([predictor.model, other]), predictor.spec, predictor.vocabularies)
    (tags,) = tagging.predict_tags(ensemble, ["a good film"])
    ids = predictor.vocabularies.columns["text"].encode("a good film")[None]
    mean = sum(tf.nn.softmax(model(ids)).numpy() for model in (predictor.model, other))
    labels = predictor.vocabularies.labels
    assert tags.split() == [labels[tag] for tag in mean[0].argmax(axis=1)]


def test_an_unknown_tag_of_a_test_text_is_an_error_of_the_model(make, make_predictor):
    frame = pd.DataFrame({"text": ["a good film"], "tags": ["O B-new I-new"]})
    result = evaluate(make_predictor(), frame)
    assert result.metrics["test_span_f1"] == 0.0


def tag(accuracy, seed=1, size=200):
    """Return predictions of a tagger with about this fraction of right spans."""
    random = np.random.default_rng(seed)
    actual = ["O B-a I-a O B-b"] * size
    predicted = [
        f"O {'B-a I-a' if random.random() < accuracy else 'B-a O'} O "
        f"{'B-b' if random.random() < accuracy else 'O'}"
        for _ in range(size)
    ]
    frame = pd.DataFrame({"text": ["a b c d e"] * size, "tags": actual, "predicted": predicted})
    return frame.assign(
        tokens=5,
        span_f1=[scores.span_f1([p], [a]) for p, a in zip(predicted, actual, strict=True)],
    )


def test_a_better_tagger_is_significantly_better(slots):
    worse, better = tag(0.6), tag(0.8, seed=2)
    (results,) = significance.compare([worse, better], slots, resamples=2000)
    assert [result.key for result in results] == ["test_span_f1", "test_token_accuracy"]
    assert {result.verdict for result in results} == {"better"}
    expected = scores.span_f1(list(worse["predicted"]), list(worse["tags"]))
    assert results[0].first == pytest.approx(expected)
    item = next(item_differences.most_different_items(worse, better, slots, 3))
    assert item["first, tags"] != item["second, tags"]
    assert item["tags"] == "O B-a I-a O B-b"


def test_the_schema_is_what_the_config_and_data_use():
    assert params.TASK_OF["tagger"] == tagging.TASK.name == "tagging"
    assert tagging.TASK.columns == ("text", "tags")
