"""Text that a language model writes, and n-gram models."""

import json

import numpy as np
import pytest

from pipelines.config.params import Samples
from pipelines.errors import UserError
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ngram import NGram
from pipelines.tasks import language_modelling
from pipelines.text import encoding, vocabulary
from pipelines.text.vocabulary import UNK
from pipelines.training.callbacks import Callback


def _samples(length, **options):
    return Samples(beginning="to", length=length, temperature=1.0, **options)


def _predictor(make, samples, smoothing="witten_bell", seed=1):
    vocabularies = make.vocabularies("ngram")
    spec = make.spec("ngram", seed=seed, smoothing=smoothing)
    stream = encoding.encode_stream(make.frame("ngram"), vocabularies)
    model = NGram.count(stream, 3, len(vocabularies.columns["text"]), smoothing)
    return Predictor(model, spec, vocabularies, samples)


def test_every_call_writes_the_same_text(make):
    predictor = _predictor(make, _samples(40))
    text = language_modelling.write(predictor, "to")
    assert text == language_modelling.write(predictor, "to")
    assert language_modelling.TASK.predict_prepared(predictor, ["to"]) == [text]
    assert text.startswith("to")
    assert len(text) == 42
    assert set(text) <= set("to be or not that is the question\n")
    ids = predictor.vocabularies.columns["text"].encode(text.replace("\n", ""))
    assert UNK not in ids


def test_the_seed_is_that_of_the_samples_or_else_of_the_model(make):
    text = language_modelling.write(_predictor(make, _samples(40), seed=1), "to")
    for samples, seed, equal in (
        (_samples(40, seed=1), 9, True),
        (_samples(40, seed=2), 1, False),
        (_samples(40), 2, False),
    ):
        predictor = _predictor(make, samples, seed=seed)
        assert (language_modelling.write(predictor, "to") == text) == equal


def test_top_k_1_takes_the_most_likely_token(make):
    """After two letters it is the letter that followed them most often in the text."""
    predictor = _predictor(make, _samples(6, top_k=1), "kneser_ney")
    assert language_modelling.write(predictor, "que") == "question\n"


def test_a_beginning_of_unknown_characters_is_kept(make):
    predictor = _predictor(make, _samples(5))
    assert language_modelling.write(predictor, "ß☃").startswith("ß☃")


def test_a_model_without_samples_cannot_write(make):
    with pytest.raises(ValueError, match="samples"):
        language_modelling.write(_predictor(make, None), "to")


class RowRecorder(Callback):
    """Records the rows of the history."""

    def __init__(self):
        self.rows = []

    def on_epoch_end(self, row, sample=None):
        self.rows.append(row)


def test_n_grams_are_counted_in_one_epoch(make):
    spec, vocabularies = make.spec("ngram"), make.vocabularies("ngram")
    train, valid = make.frame("ngram"), make.frame("ngram").iloc[:1]
    recorder = RowRecorder()
    result = language_modelling.TASK.train(spec, (train, valid), vocabularies, [recorder])
    streams = [encoding.encode_stream(frame, vocabularies) for frame in (train, valid)]
    losses = [-result.model.log_probabilities(stream).mean() for stream in streams]
    assert recorder.rows == [
        {
            "epoch": 1,
            "tokens": len(streams[0]) - 1,
            "train_loss": losses[0],
            "valid_loss": losses[1],
        }
    ]
    assert result.history.to_dict("records") == recorder.rows
    assert (result.losses, result.norms, list(result.samples)) == (None, None, [])
    assert np.isfinite(losses).all()


def test_the_order_with_the_lowest_validation_loss_is_chosen(make):
    """The lines are repeated, so the training loss would choose the highest order."""
    orders = (1, 2, 3, 6)
    spec, vocabularies = make.spec("ngram", order=orders), make.vocabularies("ngram")
    train, valid = make.frame("ngram"), make.frame("ngram").iloc[:1]
    valid = valid.assign(text="the tents to quit")
    recorder = RowRecorder()
    result = language_modelling.TASK.train(spec, (train, valid), vocabularies, [recorder])
    streams = [encoding.encode_stream(frame, vocabularies) for frame in (train, valid)]
    size = len(vocabularies.columns["text"])
    models = {order: NGram.count(streams[0], order, size, "witten_bell") for order in orders}
    losses = {order: -models[order].log_probabilities(streams[1]).mean() for order in orders}
    assert losses[2] == min(losses.values())
    assert result.model.order == 2
    (row,) = recorder.rows
    assert {order: row[f"order_{order}_valid_loss"] for order in orders} == losses
    assert (row["order"], row["valid_loss"]) == (2, losses[2])
    assert row["train_loss"] == -models[2].log_probabilities(streams[0]).mean()


def test_the_stored_model_has_the_chosen_order_only(make, tmp_path):
    spec, vocabularies = make.spec("ngram", order=[1, 2, 6]), make.vocabularies("ngram")
    train, valid = make.frame("ngram"), make.frame("ngram").assign(text="the tents to quit")
    model = language_modelling.TASK.train(spec, (train, valid), vocabularies).model
    vocabulary_file = tmp_path / "vocabulary.json"
    vocabulary.save(vocabularies, vocabulary_file)
    serialization.save(model, spec, vocabulary_file, tmp_path / "model")
    loaded, loaded_spec, _ = serialization.load(tmp_path / "model", vocabulary_file)
    assert loaded_spec == spec
    assert (loaded.order, len(loaded.codes)) == (2, 2)
    assert serialization.sizes(loaded) == {"ngram_counts": model.parameters}
    hyperparameters = tmp_path / "model" / serialization.HYPERPARAMETERS
    assert json.loads(hyperparameters.read_text()) == {"order": 2}
    for content in ('{"order": 3}', "{}", "[]", "order", None):
        if content is None:
            hyperparameters.unlink()
        else:
            hyperparameters.write_text(content)
        with pytest.raises(UserError, match=r"hyperparameters\.json is (missing or )?damaged"):
            serialization.load(tmp_path / "model", vocabulary_file)
