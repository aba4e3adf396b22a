"""Batches as the loop reads them: what is announced is what comes."""

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.text import encoding as encode
from pipelines.text import vocabulary
from pipelines.text.vocabulary import PAD
from pipelines.training import datasets

BUILD = {
    "classifier": datasets.classifier,
    "bag_of_words": datasets.classifier,
    "seq2seq": datasets.seq2seq,
}


def _bucketed(make, kind, **changes):
    frame = make.frame(kind)
    return BUILD[kind](make.entry(kind, **changes), (frame, frame), make.words(kind), 1)


def _language_model(make, frames=None, **changes):
    entry, words = make.entry("language_model", **changes), make.words("language_model")
    frame = make.frame("language_model")
    return datasets.language_model(
        entry, serialization.build(entry, words), frames or (frame, frame), words, 1
    )


def _read(found):
    given = list(found.read())
    assert len(given) == found.count
    return given


@pytest.mark.parametrize("kind", BUILD)
@pytest.mark.parametrize(
    "size", [{"batch_size": 3}, {"batch_size": None, "batch_tokens": 12}], ids=["rows", "tokens"]
)
def test_batches_announced_are_batches_given(make, kind, size):
    found = _bucketed(make, kind, **size)
    train, valid = _read(found.train(1)), _read(found.valid)
    assert len(train) > 1
    rows = len(make.frame(kind))
    assert sum(len(batch[0]) for batch in train) == sum(len(batch[0]) for batch in valid) == rows
    counted = sum(int((batch[kind == "seq2seq"] != PAD).sum()) for batch in train)
    assert found.tokens == counted - (rows if kind == "seq2seq" else 0)
    if "batch_tokens" in size:
        assert max(batch[kind == "seq2seq"].size for batch in train) <= 12


@pytest.mark.parametrize("kind", ["classifier", "seq2seq"])
def test_an_epoch_is_the_same_again_and_another_is_not(make, kind):
    found = _bucketed(make, kind, batch_size=1)
    one, again, other = (
        [batch[0].tolist() for batch in found.train(epoch).read()] for epoch in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_texts_keep_their_labels_and_their_translations(make):
    words, frame = make.words("classifier"), make.frame("classifier")
    for ids, labels in _bucketed(make, "classifier", batch_size=6).train(1).read():
        for row, label in zip(ids, labels, strict=True):
            text = words.columns["text"].text(row[row != PAD])
            assert frame["label"][frame["text"] == text].tolist() == [words.labels[label]]
    words = make.words("seq2seq")
    for source, target in _bucketed(make, "seq2seq", batch_size=3).train(3).read():
        for one, other in zip(source, target, strict=True):
            read = words.columns["source"].text(one[one != PAD])
            said = words.columns["target"].text(other[other != PAD][1:-1])
            assert said == read[::-1]


def test_a_stream_is_read_in_rows_and_counted(make):
    found = _language_model(make)
    stream = encode.encode_stream(make.frame("language_model"), make.words("language_model"))
    batches = _read(found.train(1))
    assert found.tokens == sum(inputs.size for inputs, _ in batches) <= len(stream) - 1
    inputs, targets = (np.concatenate(part, axis=1) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(inputs[0], stream[: inputs.shape[1]])
    np.testing.assert_array_equal(targets[0], stream[1 : inputs.shape[1] + 1])


def test_random_steps_read_all_of_the_stream_and_weigh_what_is_short(make):
    found = _language_model(make, random_bptt_steps=True, bptt_steps=9)
    stream = encode.encode_stream(make.frame("language_model"), make.words("language_model"))
    for epoch in (1, 2):
        batches = _read(found.train(epoch))
        assert (
            found.tokens == sum(inputs.size for inputs, _ in batches) == (len(stream) - 1) // 2 * 2
        )
        for batch in batches:
            assert found.weight(batch) == batch[0].shape[1] / 9
    shapes = [[inputs.shape for inputs, _ in found.train(epoch).read()] for epoch in (1, 2)]
    assert shapes[0] != shapes[1]
    assert {inputs.shape for inputs, _ in _read(found.valid)} == {(2, 9)}


def test_too_short_a_text_for_one_batch_is_refused(make):
    with pytest.raises(UserError, match=r"batch_size x steps = 4,096 of the former and steps = 64"):
        _language_model(make, batch_size=64, bptt_steps=64)


def test_a_short_validation_text_is_read_in_as_many_rows_as_it_has(make):
    frame = make.frame("language_model")
    found = _language_model(make, (frame, frame.iloc[:3]), batch_size=4, bptt_steps=20)
    assert {inputs.shape for inputs, _ in _read(found.valid)} == {(2, 20)}
    assert found.valid_state[0][0].shape == (2, 32)


def test_each_epoch_cuts_the_training_text_into_other_sub_words(make):
    texts = ["the weather of the whole week", "weather or not", "a week of weather"] * 8
    frame = pd.DataFrame({"source": texts, "target": texts[::-1]})
    words = vocabulary.Vocabularies(
        {column: vocabulary.build(texts, "unigram", 60) for column in frame}
    )
    entry = make.entry("seq2seq", subword_sampling=0.1, batch_size=24)
    found = datasets.seq2seq(entry, (frame, frame), words, 1)

    def sources(batches):
        ((source, _),) = batches.read()
        rows = (row[row != PAD] for row in source)
        return sorted(tuple(words.columns["source"].words(row)) for row in rows)

    one, again, other, valid = map(
        sources, (found.train(1), found.train(1), found.train(2), found.valid)
    )
    assert one == again != other
    assert valid == sources(found.valid) != one
    for drawn in (one, other, valid):
        assert sorted(words.columns["source"].join(row) for row in drawn) == sorted(texts)


def test_tokens_are_called_by_their_kind(make):
    assert _language_model(make).unit == "characters"
    assert _bucketed(make, "seq2seq").unit == "words"
