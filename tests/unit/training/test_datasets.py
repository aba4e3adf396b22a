"""Training data: the batches that are read, their counts and their order."""

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.text import encoding, vocabulary
from pipelines.text.vocabulary import PAD
from pipelines.training import datasets

DATASETS = {
    "classifier": datasets.classifier,
    "bag_of_words": datasets.classifier,
    "seq2seq": datasets.seq2seq,
}


def make_bucketed(make, kind, **changes):
    frame = make.frame(kind)
    return DATASETS[kind](make.entry(kind, **changes), (frame, frame), make.words(kind), 1)


def make_language_model(make, frames=None, **changes):
    config, vocabularies = make.entry("language_model", **changes), make.words("language_model")
    frame = make.frame("language_model")
    model = serialization.build(config, vocabularies)
    return datasets.language_model(config, model, frames or (frame, frame), vocabularies, 1)


def read_batches(epoch_batches):
    batches = list(epoch_batches.read())
    assert len(batches) == epoch_batches.count
    return batches


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize(
    "size", [{"batch_size": 3}, {"batch_size": None, "batch_tokens": 12}], ids=["rows", "tokens"]
)
def test_batches_contain_every_example_and_are_counted(make, kind, size):
    data = make_bucketed(make, kind, **size)
    train, valid = read_batches(data.train(1)), read_batches(data.valid)
    assert len(train) > 1
    rows = len(make.frame(kind))
    assert sum(len(batch[0]) for batch in train) == sum(len(batch[0]) for batch in valid) == rows
    tokens = sum(int((batch[kind == "seq2seq"] != PAD).sum()) for batch in train)
    assert data.tokens_per_epoch == tokens - (rows if kind == "seq2seq" else 0)
    if "batch_tokens" in size:
        assert max(batch[kind == "seq2seq"].size for batch in train) <= 12


@pytest.mark.parametrize("kind", ["classifier", "seq2seq"])
def test_an_epoch_is_reproducible_and_epochs_differ(make, kind):
    data = make_bucketed(make, kind, batch_size=1)
    epoch_1, repeated, epoch_2 = (
        [batch[0].tolist() for batch in data.train(epoch).read()] for epoch in (1, 1, 2)
    )
    assert epoch_1 == repeated
    assert epoch_1 != epoch_2


def test_texts_keep_their_labels(make):
    vocabularies, frame = make.words("classifier"), make.frame("classifier")
    for ids, labels in make_bucketed(make, "classifier", batch_size=6).train(1).read():
        for row, label in zip(ids, labels, strict=True):
            text = vocabularies.columns["text"].text(row[row != PAD])
            assert frame["label"][frame["text"] == text].tolist() == [vocabularies.labels[label]]


def test_sources_keep_their_targets(make):
    vocabularies = make.words("seq2seq")
    for sources, targets in make_bucketed(make, "seq2seq", batch_size=3).train(3).read():
        for source, target in zip(sources, targets, strict=True):
            source_text = vocabularies.columns["source"].text(source[source != PAD])
            target_text = vocabularies.columns["target"].text(target[target != PAD][1:-1])
            assert target_text == source_text[::-1]


def test_a_stream_is_read_in_rows_and_counted(make):
    data = make_language_model(make)
    stream = encoding.encode_stream(make.frame("language_model"), make.words("language_model"))
    batches = read_batches(data.train(1))
    assert data.tokens_per_epoch == sum(inputs.size for inputs, _ in batches) <= len(stream) - 1
    inputs, targets = (np.concatenate(part, axis=1) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(inputs[0], stream[: inputs.shape[1]])
    np.testing.assert_array_equal(targets[0], stream[1 : inputs.shape[1] + 1])


def test_random_bptt_steps_read_the_whole_stream_and_scale_the_learning_rate(make):
    data = make_language_model(make, random_bptt_steps=True, bptt_steps=9)
    stream = encoding.encode_stream(make.frame("language_model"), make.words("language_model"))
    for epoch in (1, 2):
        batches = read_batches(data.train(epoch))
        tokens = sum(inputs.size for inputs, _ in batches)
        assert data.tokens_per_epoch == tokens == (len(stream) - 1) // 2 * 2
        for batch in batches:
            assert data.learning_rate_scale(batch) == batch[0].shape[1] / 9
    shapes = [[inputs.shape for inputs, _ in data.train(epoch).read()] for epoch in (1, 2)]
    assert shapes[0] != shapes[1]
    assert {inputs.shape for inputs, _ in read_batches(data.valid)} == {(2, 9)}


def test_a_text_too_short_for_one_batch_is_refused(make):
    with pytest.raises(UserError, match=r"batch_size x bptt_steps = 4,096.*bptt_steps = 64"):
        make_language_model(make, batch_size=64, bptt_steps=64)


def test_a_short_validation_text_is_read_in_fewer_rows(make):
    frame = make.frame("language_model")
    data = make_language_model(make, (frame, frame.iloc[:3]), batch_size=4, bptt_steps=20)
    assert {inputs.shape for inputs, _ in read_batches(data.valid)} == {(2, 20)}
    assert data.valid_state[0][0].shape == (2, 32)


def test_subword_sampling_segments_the_training_text_anew_in_each_epoch(make):
    texts = ["the weather of the whole week", "weather or not", "a week of weather"] * 8
    frame = pd.DataFrame({"source": texts, "target": texts[::-1]})
    vocabularies = vocabulary.Vocabularies(
        {column: vocabulary.build(texts, "unigram", 60) for column in frame}
    )
    config = make.entry("seq2seq", subword_sampling=0.1, batch_size=24)
    data = datasets.seq2seq(config, (frame, frame), vocabularies, 1)

    def segmentations(epoch_batches):
        ((source, _),) = epoch_batches.read()
        rows = (row[row != PAD] for row in source)
        return sorted(tuple(vocabularies.columns["source"].words(row)) for row in rows)

    epoch_1, repeated, epoch_2, valid = map(
        segmentations, (data.train(1), data.train(1), data.train(2), data.valid)
    )
    assert epoch_1 == repeated != epoch_2
    assert valid == segmentations(data.valid) != epoch_1
    for rows in (epoch_1, epoch_2, valid):
        assert sorted(vocabularies.columns["source"].join(row) for row in rows) == sorted(texts)


def test_the_unit_is_the_kind_of_token(make):
    assert make_language_model(make).unit == "characters"
    assert make_bucketed(make, "seq2seq").unit == "words"
