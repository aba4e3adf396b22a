"""Batches as the trainer reads them."""

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.tasks import lookup
from pipelines.text import encoding, vocabulary
from pipelines.text.vocabulary import PAD

BUCKETED = ["classifier", "bag_of_words", "tagger", "seq2seq"]


def _bucketed(make, kind, **changes):
    spec, frame = make.spec(kind, **changes), make.frame(kind)
    task = lookup.get(spec.task)
    return task.training_data(spec, None, (frame, frame), make.vocabularies(kind), 1)


def _language_model(make, frames=None, **changes):
    spec, vocabularies = make.spec("language_model", **changes), make.vocabularies("language_model")
    frame = make.frame("language_model")
    model = serialization.build(spec.entry, vocabularies)
    task = lookup.get(spec.task)
    return task.training_data(spec, model, frames or (frame, frame), vocabularies, 1)


def _read(epoch):
    batches = list(epoch.read())
    assert len(batches) == epoch.count
    return batches


@pytest.mark.parametrize("kind", BUCKETED)
@pytest.mark.parametrize(
    "size", [{"batch_size": 3}, {"batch_size": None, "batch_tokens": 12}], ids=["rows", "tokens"]
)
def test_an_epoch_reads_every_example_once(make, kind, size):
    data = _bucketed(make, kind, **size)
    train, valid = _read(data.train(1)), _read(data.valid)
    assert len(train) > 1
    rows = len(make.frame(kind))
    assert sum(len(batch[0]) for batch in train) == sum(len(batch[0]) for batch in valid) == rows
    tokens = sum(int((batch[kind == "seq2seq"] != PAD).sum()) for batch in train)
    assert data.tokens_per_epoch == tokens - (rows if kind == "seq2seq" else 0)
    if "batch_tokens" in size:
        assert max(batch[kind == "seq2seq"].size for batch in train) <= 12


@pytest.mark.parametrize("kind", ["classifier", "seq2seq"])
def test_the_order_depends_on_the_epoch_alone(make, kind):
    data = _bucketed(make, kind, batch_size=1)
    first, repeated, second = (
        [batch[0].tolist() for batch in data.train(epoch).read()] for epoch in (1, 1, 2)
    )
    assert first == repeated
    assert first != second


def test_texts_keep_their_labels_and_their_translations(make):
    vocabularies, frame = make.vocabularies("classifier"), make.frame("classifier")
    for ids, labels in _bucketed(make, "classifier", batch_size=6).train(1).read():
        for row, label in zip(ids, labels, strict=True):
            text = vocabularies.columns["text"].decode(row[row != PAD])
            assert frame["label"][frame["text"] == text].tolist() == [vocabularies.labels[label]]
    columns = make.vocabularies("seq2seq").columns
    for sources, targets in _bucketed(make, "seq2seq", batch_size=3).train(3).read():
        for source, target in zip(sources, targets, strict=True):
            source_text = columns["source"].decode(source[source != PAD])
            target_text = columns["target"].decode(target[target != PAD][1:-1])
            assert target_text == source_text[::-1]


def test_a_stream_is_cut_into_rows(make):
    data = _language_model(make)
    stream = encoding.encode_stream(
        make.frame("language_model"), make.vocabularies("language_model")
    )
    batches = _read(data.train(1))
    assert data.tokens_per_epoch == sum(inputs.size for inputs, _ in batches) <= len(stream) - 1
    inputs, targets = (np.concatenate(part, axis=1) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(inputs[0], stream[: inputs.shape[1]])
    np.testing.assert_array_equal(targets[0], stream[1 : inputs.shape[1] + 1])


def test_random_steps_read_the_whole_stream_and_scale_the_rate_of_short_batches(make):
    data = _language_model(make, random_bptt_steps=True, bptt_steps=9)
    stream = encoding.encode_stream(
        make.frame("language_model"), make.vocabularies("language_model")
    )
    for epoch in (1, 2):
        batches = _read(data.train(epoch))
        tokens = sum(inputs.size for inputs, _ in batches)
        assert data.tokens_per_epoch == tokens == (len(stream) - 1) // 2 * 2
        for batch in batches:
            assert data.learning_rate_scale(batch) == batch[0].shape[1] / 9
    shapes = [[inputs.shape for inputs, _ in data.train(epoch).read()] for epoch in (1, 2)]
    assert shapes[0] != shapes[1]
    assert {inputs.shape for inputs, _ in _read(data.valid)} == {(2, 9)}


def test_a_text_that_is_too_short_for_one_batch_is_an_error(make):
    with pytest.raises(UserError, match=r"params\.yaml.*batch_size.*bptt_steps"):
        _language_model(make, batch_size=64, bptt_steps=64)


def test_a_short_validation_text_is_cut_into_fewer_rows(make):
    frame = make.frame("language_model")
    data = _language_model(make, (frame, frame.iloc[:3]), batch_size=4, bptt_steps=20)
    assert {inputs.shape for inputs, _ in _read(data.valid)} == {(2, 20)}
    assert data.valid_state[0][0].shape == (2, 32)


def test_each_epoch_segments_the_training_text_into_other_sub_words(make):
    texts = ["the weather of the whole week", "weather or not", "a week of weather"] * 8
    frame = pd.DataFrame({"source": texts, "target": texts[::-1]})
    vocabularies = vocabulary.Vocabularies(
        {column: vocabulary.build(texts, "unigram", 60) for column in frame}
    )
    spec = make.spec("seq2seq", subword_sampling=0.1, batch_size=24)
    data = lookup.get(spec.task).training_data(spec, None, (frame, frame), vocabularies, 1)

    def sources(batches):
        ((source, _),) = batches.read()
        rows = (row[row != PAD] for row in source)
        return sorted(tuple(vocabularies.columns["source"].decode_tokens(row)) for row in rows)

    first, repeated, second, valid = map(
        sources, (data.train(1), data.train(1), data.train(2), data.valid)
    )
    assert first == repeated != second
    assert valid == sources(data.valid) != first
    for rows in (first, second, valid):
        assert sorted(vocabularies.columns["source"].join(row) for row in rows) == sorted(texts)


def test_tokens_have_a_unit(make):
    assert _language_model(make).unit == "characters"
    assert _bucketed(make, "seq2seq").unit == "words"
