"""Whole trainings: what a seed decides, what is kept, and several models in one."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.text import vocabulary
from pipelines.training import datasets, objectives, progress
from pipelines.training import train as learn
from pipelines.training.history import by_seed, tokens_read, tokens_seen

SHIPPED = Path(__file__).parents[3] / "params.yaml"
# Whatever draws must follow from the seed.
DRAWS = {
    "bag_of_words": {"dropout": 0.3},
    "language_model": {"weight_drop": 0.3, "word_dropout": 0.1, "random_bptt_steps": True},
    "classifier": {"dropout": 0.3, "variational": True},
    "seq2seq": {"dropout": 0.3, "scheduled_sampling": 0.5, "input_feeding": True},
}


def _train(make, kind, rows=None, scored=None, **changes):
    card = make.card(kind, **changes)
    train = learn.classifier if kind == "bag_of_words" else getattr(learn, kind)
    frame = make.frame(kind)
    watch = progress.NO_CALLBACKS if rows is None else progress.Callbacks(rows.append)
    return *train(card, (frame, frame), make.words(kind), watch, scored)[:2], card


@pytest.mark.parametrize("kind", DRAWS)
def test_one_seed_gives_the_same_bytes_and_another_does_not(make, kind, tmp_path):
    words = tmp_path / "words.json"
    vocabulary.save(make.words(kind), words)

    def weights(seed, folder):
        trained, _, card = _train(make, kind, seed=seed, epochs=2, **DRAWS[kind])
        serialization.save(trained, card, words, tmp_path / folder)
        return (tmp_path / folder / serialization.WEIGHTS).read_bytes()

    first = weights(1, "a")
    assert weights(1, "b") == first
    assert weights(2, "c") != first


def test_an_entrys_own_seed_is_taken_before_that_of_all():
    everything = params.load(SHIPPED)
    name = "dates-attention"
    assert serialization.ModelSpec.of(everything, name).seed == everything.seed
    own = everything.models[name].model_copy(update={"seed": 0})
    changed = everything.model_copy(update={"models": {name: own}})
    assert everything.seed != 0
    assert serialization.ModelSpec.of(changed, name).seed == 0


def test_the_best_epoch_is_kept_and_not_the_last(make):
    """Validation on another text rises again while the training text is learnt by heart."""
    optimizer = {"name": "adam", "learning_rate": 0.03, "schedule": "constant", "clip_norm": 1.0}
    card = make.card("language_model", epochs=25, optimizer=optimizer)
    train = make.frame("language_model")
    valid = train.assign(text=train["text"].str[::-1])
    words = make.words("language_model")
    trained, history, *_ = learn.language_model(card, (train, valid), words, progress.NO_CALLBACKS)
    assert history["valid_loss"].iloc[-1] > history["valid_loss"].min() + 0.1
    batches = datasets.language_model(card.entry, trained, (train, valid), words, card.seed)
    nats, count, states = 0.0, 0.0, batches.valid_state
    for batch in batches.valid.read():
        batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
        one, many, states = objectives.next_token_loss(trained, batch, states, None)
        nats, count = nats + float(one), count + float(many)
    assert nats / count == pytest.approx(history["valid_loss"].min(), rel=1e-5)


def test_a_score_decides_and_stands_in_the_history(make):
    said = iter([1.0, 3.0, 2.0])
    seen = []

    def scored(model):
        seen.append(model)
        return "f1", lambda: next(said)

    trained, history, _ = _train(make, "bag_of_words", scored=scored, epochs=9, patience=1)
    assert history["valid_f1"].tolist() == [1.0, 3.0, 2.0]
    assert seen == [trained]


# Ensembles --------------------------------------------------------------------------------------


def test_an_ensemble_is_several_models_from_successive_seeds(make, tmp_path):
    together, _, card = _train(make, "bag_of_words", ensemble_size=2, epochs=3, seed=5)
    assert isinstance(together, Ensemble)
    for seed, member in zip((5, 6), together.members, strict=True):
        alone, _, _ = _train(make, "bag_of_words", epochs=3, seed=seed)
        for mine, theirs in zip(member.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    words = tmp_path / "words.json"
    vocabulary.save(make.words("bag_of_words"), words)
    serialization.save(together, card, words, tmp_path / "model")
    loaded, _, _ = serialization.load(tmp_path / "model", words)
    ids = tf.constant([[4, 5, 6]])
    np.testing.assert_array_equal(loaded(ids), together(ids))


def test_the_history_of_an_ensemble_goes_on_counting(make):
    rows = []
    _, history, _ = _train(make, "bag_of_words", rows, ensemble_size=3, epochs=2)
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    each = history["tokens"][0]
    assert history["tokens"].tolist() == [each * epoch for epoch in range(1, 7)]
    assert history["tokens"].dtype == history["epoch"].dtype == np.int64
    assert [row["epoch"] for row in rows] == history["epoch"].tolist()


def test_the_steps_of_an_ensemble_are_those_of_its_members(make):
    card, frame = make.card("bag_of_words", ensemble_size=2, epochs=3), make.frame("bag_of_words")
    words = make.words("bag_of_words")
    trained = learn.classifier(card, (frame, frame), words, progress.NO_CALLBACKS)
    each = len(trained.norms) // len(trained.history)
    assert len(trained.losses) == len(trained.norms) == 6 * each
    means = trained.norms.reshape(6, each).mean(axis=1)
    assert trained.history["gradient_norm"].tolist() == means.tolist()
    assert (trained.history["gradient_norm_max"] >= means).all()


def test_members_that_stop_early_are_counted_as_they_are(make):
    said = iter([3.0, 2.0, 5.0, 6.0, 4.0])
    _, history, _ = _train(
        make, "bag_of_words", None, lambda model: ("f1", lambda: next(said)),
        ensemble_size=2, epochs=9, patience=1,
    )  # fmt: skip
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert history["tokens"].is_monotonic_increasing


# Groups of seeds --------------------------------------------------------------------------------


def test_a_group_is_each_model_trained_alone_from_its_seed(make, tmp_path):
    group, history, card = _train(make, "bag_of_words", seeds=(7, 3), epochs=2, dropout=0.3)
    words = tmp_path / "words.json"
    vocabulary.save(make.words("bag_of_words"), words)
    serialization.save(group, card, words, tmp_path / "model")
    for seed in (7, 3):
        alone, own, _ = _train(make, "bag_of_words", seed=seed, epochs=2, dropout=0.3)
        found, _, _ = serialization.load(tmp_path / "model", words, seed)
        for mine, theirs in zip(found.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert by_seed(history)[seed].reset_index(drop=True).equals(own)
    first, _, _ = serialization.load(tmp_path / "model", words)
    np.testing.assert_array_equal(first.get_weights()[0], group.members[0].get_weights()[0])


def test_tokens_of_a_group_are_those_of_one_model(make):
    _, history, _ = _train(make, "bag_of_words", seeds=(1, 2, 3), epochs=2)
    _, alone, _ = _train(make, "bag_of_words", epochs=2)
    assert tokens_seen(history) == tokens_seen(alone) == tokens_read(alone)
    assert tokens_read(history) == 3 * tokens_read(alone)


def test_the_first_seed_of_a_group_speaks_for_all(make):
    card, frame = make.card("language_model", seeds=(1, 2), epochs=2), make.frame("language_model")
    watch = progress.Callbacks(lambda row: None, sampled=lambda model: lambda: str(id(model)))
    trained = learn.language_model(card, (frame, frame), make.words("language_model"), watch)
    assert [sample.epoch for sample in trained.samples] == [1, 2]
    assert {sample.text for sample in trained.samples} == {str(id(trained.model.members[0]))}
