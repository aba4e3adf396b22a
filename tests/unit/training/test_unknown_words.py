"""Rare words are read as unknown, so that `<unk>` is trained."""

import numpy as np
import pandas as pd
import pytest

from pipelines.models import serialization
from pipelines.tasks import lookup
from pipelines.text import vocabulary
from pipelines.text.vocabulary import PAD, UNK
from pipelines.training import seeding, unknown_words
from stages import training
from tests.unit.small_training import train_on_loss

TEXTS = ["rare a a a a b b b", "a a b", "a b b b once"]


def build(texts=TEXTS, min_count=1, kind="words"):
    return vocabulary.build(texts, kind, 100, min_count)


def test_probabilities_fall_with_the_count():
    vocab = build()
    probabilities = unknown_words.replacement_probabilities(vocab, 0.25)
    of = dict(zip(vocab.tokens, probabilities, strict=True))
    assert of["rare"] == of["once"] == 0.25 / 1.25
    assert of["a"] == pytest.approx(0.25 / 7.25)
    assert not probabilities[:4].any()


def test_words_are_replaced_as_often_as_their_probability_says():
    vocab = build()
    before = np.tile(vocab.encode("rare a a rare a"), 20_000)
    after = unknown_words.UnknownReplacement(vocab, 0.5, seed=3, epoch=2)(before, 0)
    assert set(after[after != before]) == {UNK}
    for word, count in (("rare", 1), ("a", 7)):
        (token,) = vocab.encode(word)
        share = (after[before == token] == UNK).mean()
        assert share == pytest.approx(0.5 / (0.5 + count), abs=0.01)


def test_draws_depend_on_seed_and_epoch_alone():
    vocab = build()
    ids = np.concatenate([vocab.encode(text) for text in TEXTS] * 20)

    def draw(seed, epoch):
        return unknown_words.UnknownReplacement(vocab, 5.0, seed, epoch)(ids, 0).tolist()

    first = draw(1, 1)
    assert draw(1, 1) == first
    assert draw(1, 2) != first
    assert draw(2, 1) != first


def test_a_draw_belongs_to_a_place_of_the_text_not_to_the_order_of_reading():
    vocab = build()
    ids = np.concatenate([vocab.encode(text) for text in TEXTS] * 20)
    replacement = unknown_words.UnknownReplacement(vocab, 5.0, 1, 1)
    whole = replacement(ids, 0)
    # The draws of a generator that goes through the whole text once.
    draws = np.random.default_rng((1, 1, 1)).random(len(ids))
    probabilities = unknown_words.replacement_probabilities(vocab, 5.0)
    np.testing.assert_array_equal(whole, np.where(draws < probabilities[ids], UNK, ids))
    stream = unknown_words.ReplacedStream(ids, replacement)
    for start, end in ((100, 140), (7, 9), (0, len(ids))):
        np.testing.assert_array_equal(stream[start:end], whole[start:end])


@pytest.mark.parametrize("kind", ["classifier", "bag_of_words", "tagger", "seq2seq"])
def test_the_model_reads_other_words_and_predicts_the_same(make, kind):
    def read(batches):
        """Return pairs of what the model reads and what it predicts, in the order of the batch."""
        ((inputs, targets),) = batches.read()
        return inputs, targets

    def data_of(**changes):
        spec, frame = make.spec(kind, batch_size=100, **changes), make.frame(kind)
        task = lookup.get(spec.task)
        return task.training_data(spec, None, (frame, frame), make.vocabularies(kind), 1)

    plain, data = data_of(), data_of(unknown_replacement=5.0)
    inputs, targets = read(data.train(1))
    plain_inputs, plain_targets = read(plain.train(1))
    np.testing.assert_array_equal(targets, plain_targets)
    assert set(inputs[inputs != plain_inputs]) == {UNK}
    assert ((inputs == PAD) == (plain_inputs == PAD)).all()
    np.testing.assert_array_equal(read(data.train(1))[0], inputs)
    assert (read(data.train(2))[0] == UNK).sum() != 0
    for part, plain_part in zip(read(data.valid), read(plain.valid), strict=True):
        np.testing.assert_array_equal(part, plain_part)


def test_a_language_model_predicts_unknown_words_too(make):
    spec, frame = make.spec("language_model", unknown_replacement=5.0), make.frame("language_model")
    vocabularies = make.vocabularies("language_model")
    model = serialization.build(spec.entry, vocabularies)
    data = lookup.get(spec.task).training_data(spec, model, (frame, frame), vocabularies, 1)
    inputs, targets = (
        np.concatenate(parts, axis=1) for parts in zip(*data.train(1).read(), strict=True)
    )
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    assert (targets == UNK).any()
    assert not any((part == UNK).any() for batch in data.valid.read() for part in batch)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("kind", ["classifier", "tagger"])
@pytest.mark.parametrize("alpha", [None, 5.0])
def test_the_vector_of_unknown_words_is_trained(make, kind, alpha):
    """Without replacement it stays as it was drawn: every training word is in the vocabulary."""
    spec, frame = make.spec(kind, unknown_replacement=alpha, epochs=3), make.frame(kind)
    vocabularies = make.vocabularies(kind)
    seeding.seed_everything(spec.seed)
    initial = serialization.build(spec.entry, vocabularies).embedding.get_weights()[0]
    trained = train_on_loss(spec, (frame, frame), vocabularies).model.embedding.get_weights()[0]
    assert np.array_equal(trained[UNK], initial[UNK]) == (alpha is None)
    assert not np.array_equal(trained[UNK + 3], initial[UNK + 3])


@pytest.mark.parametrize(
    ("vocab", "rate"),
    [
        (build(), 0.25),
        (build(min_count=2), 0.0),  # trained on the words that occur once
        (build(kind="characters"), 0.0),
        (build([*TEXTS, "<unk>"]), 0.0),  # spelled out, as in the Penn Treebank
    ],
    ids=["min_count 1", "min_count 2", "characters", "spelled out"],
)
def test_the_rate_of_unknown_words_matters_if_none_is_trained(vocab, rate):
    assert unknown_words.untrained_unknown_rate(vocab, ["new a b", "a"]) == rate
    assert unknown_words.untrained_unknown_rate(vocab, TEXTS) == 0.0


@pytest.mark.parametrize("alpha", [None, 0.25])
def test_a_training_says_that_unknown_words_are_not_trained(make, capsys, alpha):
    entry = make.config("classifier", unknown_replacement=alpha)
    vocabularies = vocabulary.Vocabularies({"text": build()}, ("x", "y"))
    training._warn_of_unknown_words(entry, vocabularies, pd.DataFrame({"text": ["new a b", "a"]}))
    output = " ".join(capsys.readouterr().out.split())
    message = "25.0% of the validation words are unknown, and `<unk>` is not trained"
    assert (message in output) == (alpha is None)
    assert ("corpora.c.vocabulary.min_count to 2" in output) == (alpha is None)
