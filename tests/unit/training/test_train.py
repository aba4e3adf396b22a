"""Whole trainings: effect of the seed, the best epoch, ensembles and groups."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.tasks import lookup
from pipelines.text import vocabulary
from pipelines.training import objectives, result
from pipelines.training.history import by_seed, tokens_read, tokens_seen
from pipelines.training.samples import read_samples
from pipelines.training.step_metrics import read_losses, read_norms
from pipelines.training.validation import ValidationScore
from tests.unit.conftest import uncompiled
from tests.unit.small_training import RowRecorder, train_on_loss

SHIPPED_PARAMS = Path(__file__).parents[3] / "params.yaml"
# Options that draw random numbers: all draws must follow from the seed.
RANDOM_OPTIONS = {
    "bag_of_words": {"dropout": 0.3},
    "language_model": {"weight_drop": 0.3, "word_dropout": 0.1, "random_bptt_steps": True},
    "classifier": {"dropout": 0.3, "variational": True},
    "tagger": {"unknown_replacement": 2.0},
    "seq2seq": {
        "dropout": 0.3,
        "scheduled_sampling": 0.5,
        "input_feeding": True,
        "bidirectional": False,
    },
}


def run_training(make, kind, callbacks=(), **changes):
    """Train a small model of this kind; options of the training are separated from the model's."""
    options = {key: changes.pop(key) for key in ("score", "sample") if key in changes}
    spec, frame = make.spec(kind, **changes), make.frame(kind)
    return train_on_loss(spec, (frame, frame), make.vocabularies(kind), callbacks, **options), spec


def make_score(values):
    """A score that returns these values in turn."""
    values = iter(values)
    return ValidationScore("f1", lambda model: next(values))


def assert_equal_weights(model, other):
    for weights, other_weights in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, other_weights)


def save_and_load(make, kind, trained, spec, folder, seed=None):
    """Save a result and load its model."""
    vocabulary_file = folder / "vocabulary.json"
    vocabulary.save(make.vocabularies(kind), vocabulary_file)
    result.save(trained, spec, vocabulary_file, folder / "model")
    return serialization.load(folder / "model", vocabulary_file, seed)[0]


@pytest.mark.parametrize("kind", RANDOM_OPTIONS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(make, kind, tmp_path):
    def weights(seed, name):
        folder = tmp_path / name
        folder.mkdir()
        # Two steps of these take less time than tracing one; the others draw inside of loops.
        with uncompiled() if kind in ("classifier", "tagger") else nullcontext():
            trained, spec = run_training(make, kind, seed=seed, epochs=2, **RANDOM_OPTIONS[kind])
        save_and_load(make, kind, trained, spec, folder)
        return (folder / "model" / serialization.WEIGHTS).read_bytes()

    expected = weights(1, "a")
    assert weights(1, "b") == expected
    assert weights(2, "c") != expected


def test_a_models_own_seed_overrides_the_seed_of_all_models():
    shipped = params.load(SHIPPED_PARAMS)
    name = "dates-attention"
    assert serialization.ModelSpec.of(shipped, name).seed == shipped.seed
    with_seed = shipped.models[name].model_copy(update={"seed": 0})
    changed = shipped.model_copy(update={"models": {name: with_seed}})
    assert shipped.seed != 0
    assert serialization.ModelSpec.of(changed, name).seed == 0


def test_the_best_epoch_is_kept_and_not_the_last(make):
    """The loss on another text rises again while the training text is memorized."""
    optimizer = {"name": "adam", "learning_rate": 0.03, "schedule": "constant", "clip_norm": 1.0}
    spec = make.spec("language_model", epochs=25, optimizer=optimizer)
    train_frame = make.frame("language_model")
    frames = train_frame, train_frame.assign(text=train_frame["text"].str[::-1])
    vocabularies = make.vocabularies("language_model")
    model, history, *_ = train_on_loss(spec, frames, vocabularies)
    assert history["valid_loss"].iloc[-1] > history["valid_loss"].min() + 0.1
    data = lookup.get(spec.task).training_data(spec, model, frames, vocabularies, spec.seed)
    total, count, states = 0.0, 0.0, data.valid_state
    for batch in data.valid.read():
        tensors = tf.nest.map_structure(tf.convert_to_tensor, batch)
        nats, tokens, states = objectives.next_token_loss(model, tensors, states, None)
        total, count = total + float(nats), count + float(tokens)
    assert total / count == pytest.approx(history["valid_loss"].min(), rel=1e-5)


def test_the_score_chooses_the_best_epoch_and_is_in_the_history(make):
    values, scored_models = iter([1.0, 3.0, 2.0]), []

    def compute(model):
        scored_models.append(model)
        return next(values)

    score = ValidationScore("f1", compute)
    trained, _ = run_training(make, "bag_of_words", score=score, epochs=9, patience=1)
    assert trained.history["valid_f1"].tolist() == [1.0, 3.0, 2.0]
    assert scored_models == [trained.model] * 3


def test_step_metrics_and_samples_are_saved_with_the_model(make, tmp_path):
    trained, spec = run_training(make, "bag_of_words", epochs=2, sample=lambda model: "text")
    save_and_load(make, "bag_of_words", trained, spec, tmp_path)
    np.testing.assert_array_equal(read_losses(tmp_path / "model"), trained.losses)
    np.testing.assert_array_equal(read_norms(tmp_path / "model"), trained.norms)
    assert read_samples(tmp_path / "model") == [(1, "text"), (2, "text")]


# Ensembles --------------------------------------------------------------------------------------


def test_the_members_of_an_ensemble_are_trained_from_successive_seeds(make, tmp_path):
    trained, spec = run_training(make, "bag_of_words", ensemble_size=2, epochs=3, seed=5)
    ensemble = trained.model
    assert isinstance(ensemble, Ensemble)
    for seed, member in zip((5, 6), ensemble.members, strict=True):
        single, _ = run_training(make, "bag_of_words", epochs=3, seed=seed)
        assert_equal_weights(member, single.model)
    loaded = save_and_load(make, "bag_of_words", trained, spec, tmp_path)
    ids = tf.constant([[4, 5, 6]])
    np.testing.assert_array_equal(loaded(ids), ensemble(ids))


def test_the_epochs_of_an_ensemble_are_counted_over_its_members(make):
    recorder = RowRecorder()
    trained, _ = run_training(make, "bag_of_words", [recorder], ensemble_size=3, epochs=2)
    history = trained.history
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    tokens_per_epoch = history["tokens"][0]
    assert history["tokens"].tolist() == [tokens_per_epoch * epoch for epoch in range(1, 7)]
    assert history["tokens"].dtype == history["epoch"].dtype == np.int64
    assert [row["epoch"] for row in recorder.rows] == history["epoch"].tolist()


def test_the_steps_of_an_ensemble_are_those_of_its_members(make):
    trained, _ = run_training(make, "bag_of_words", ensemble_size=2, epochs=3)
    steps_per_epoch = len(trained.norms) // len(trained.history)
    assert len(trained.losses) == len(trained.norms) == 6 * steps_per_epoch
    means = trained.norms.reshape(6, steps_per_epoch).mean(axis=1)
    assert trained.history["gradient_norm"].tolist() == means.tolist()
    assert (trained.history["gradient_norm_max"] >= means).all()


def test_members_may_stop_early(make):
    score = make_score([3.0, 2.0, 5.0, 6.0, 4.0])
    trained, _ = run_training(
        make, "bag_of_words", score=score, ensemble_size=2, epochs=9, patience=1
    )
    assert trained.history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert trained.history["tokens"].is_monotonic_increasing


# Groups of seeds --------------------------------------------------------------------------------


def test_the_members_of_a_group_are_the_single_models_of_their_seeds(make, tmp_path):
    options = {"epochs": 2, "dropout": 0.3}
    group, spec = run_training(make, "bag_of_words", seeds=(7, 3), **options)
    for seed in (7, 3):
        single, _ = run_training(make, "bag_of_words", seed=seed, **options)
        loaded = save_and_load(make, "bag_of_words", group, spec, tmp_path, seed)
        assert_equal_weights(loaded, single.model)
        assert by_seed(group.history)[seed].reset_index(drop=True).equals(single.history)
    default = save_and_load(make, "bag_of_words", group, spec, tmp_path)
    assert_equal_weights(default, group.model.members[0])


def test_the_tokens_of_a_group_are_those_of_one_model(make):
    group, _ = run_training(make, "bag_of_words", seeds=(1, 2, 3), epochs=2)
    single, _ = run_training(make, "bag_of_words", epochs=2)
    assert tokens_seen(group.history) == tokens_seen(single.history) == tokens_read(single.history)
    assert tokens_read(group.history) == 3 * tokens_read(single.history)


def test_only_the_first_member_of_a_group_writes_samples(make):
    trained, _ = run_training(
        make, "language_model", sample=lambda model: str(id(model)), seeds=(1, 2), epochs=2
    )
    assert [sample.epoch for sample in trained.samples] == [1, 2]
    assert {sample.text for sample in trained.samples} == {str(id(trained.model.members[0]))}
