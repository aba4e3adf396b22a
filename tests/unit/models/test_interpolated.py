"""Interpolation of a network and an n-gram model of the same text."""

import numpy as np
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.evaluation.evaluate import evaluate
from pipelines.inference import sampling
from pipelines.inference.likelihood import stream_loss
from pipelines.inference.predictor import Predictor
from pipelines.models import pretrained, serialization
from pipelines.models.ensemble import Ensemble
from pipelines.models.interpolated import Interpolated
from pipelines.models.ngram import NGram
from pipelines.tasks import language_modelling
from pipelines.text import encoding, vocabulary

NGRAM = {"order": 3, "smoothing": "kneser_ney", "weight": 0.25}


def train(make, **changes):
    """Train a language model; return it with its spec and history."""
    spec, frame = make.spec("language_model", **changes), make.frame("language_model")
    vocabularies = make.vocabularies("language_model")
    model, history, *_ = language_modelling.TASK.train(spec, (frame, frame), vocabularies)
    return model, spec, history


def make_stream(make):
    return encoding.encode_stream(make.frame("language_model"), make.vocabularies("language_model"))


def save(make, model, spec, folder):
    """Save a model; return its folder and its vocabulary file."""
    vocabulary_file = folder / "vocabulary.json"
    vocabulary.save(make.vocabularies("language_model"), vocabulary_file)
    serialization.save(model, spec, vocabulary_file, folder / "model")
    return folder / "model", vocabulary_file


def test_network_and_ngrams_are_those_of_separate_trainings(make):
    model, spec, history = train(make, ngram=NGRAM)
    network, _, network_history = train(make)
    for weights, expected in zip(model.network.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    assert history.equals(network_history)
    stream, size = make_stream(make), len(make.vocabularies("language_model").columns["text"])
    ngram = NGram.count(stream, 3, size, "kneser_ney")
    np.testing.assert_array_equal(
        model.ngram.log_probabilities(stream), ngram.log_probabilities(stream)
    )
    assert model.share == spec.entry.ngram.weight
    assert serialization.count_parameters(model) == network.count_params() + ngram.parameters


def test_each_token_has_the_weighted_mean_of_two_probabilities(make):
    model, spec, _ = train(make, ngram=NGRAM)
    stream = make_stream(make)
    network, ngram = (np.exp(-stream_loss(part, stream)) for part in (model.network, model.ngram))
    expected = -np.log(0.75 * network + 0.25 * ngram)
    predictor = Predictor(model, spec, make.vocabularies("language_model"), None)
    result = evaluate(predictor, make.frame("language_model"))
    assert result.predictions["nats"].sum() == pytest.approx(expected.sum(), rel=1e-6)
    assert result.metrics["test_perplexity"] == pytest.approx(np.exp(expected.mean()), rel=1e-6)
    for part, probabilities in (("network", network), ("ngram", ngram)):
        perplexity = result.metrics[f"test_{part}_perplexity"]
        assert perplexity == pytest.approx(np.exp(-np.log(probabilities).mean()), rel=1e-6)


def test_a_network_has_no_metrics_of_parts(make):
    spec, vocabularies = make.spec("language_model"), make.vocabularies("language_model")
    network = serialization.build(spec.entry, vocabularies)
    result = evaluate(Predictor(network, spec, vocabularies, None), make.frame("language_model"))
    assert not {"test_network_perplexity", "test_ngram_perplexity"} & set(result.metrics)


def test_texts_are_sampled_from_the_interpolation(make):
    model, _, _ = train(make, ngram=NGRAM)
    step, network_step, ngram_step = (
        sampling.make_sampler(part)() for part in (model, model.network, model.ngram)
    )
    for token in (5, 6, 5, 7):
        expected = 0.75 * np.exp(network_step(token)) + 0.25 * np.exp(ngram_step(token))
        np.testing.assert_allclose(np.exp(step(token)), expected, rtol=1e-5)


@pytest.mark.parametrize("ensemble_size", [None, 2])
def test_a_loaded_model_writes_the_same_text(make, tmp_path, ensemble_size):
    model, spec, _ = train(make, ngram=NGRAM, ensemble_size=ensemble_size)
    folder, vocabulary_file = save(make, model, spec, tmp_path)
    loaded, loaded_spec, vocabularies = serialization.load(folder, vocabulary_file)
    assert isinstance(loaded, Interpolated)
    assert isinstance(loaded.network, Ensemble) == (ensemble_size is not None)
    assert loaded_spec == spec
    samples = params.Samples(beginning="to", length=30, temperature=1.0, seed=3)
    text, expected = (
        language_modelling.write(Predictor(version, spec, vocabularies, samples), "to")
        for version in (loaded, model)
    )
    assert text == expected


def test_a_model_without_its_counts_is_refused(make, tmp_path):
    model, spec, _ = train(make, ngram=NGRAM)
    folder, vocabulary_file = save(make, model, spec, tmp_path)
    (folder / "counts.parquet").unlink()
    with pytest.raises(UserError, match=r"counts\.parquet"):
        serialization.load(folder, vocabulary_file)


@pytest.mark.parametrize("ensemble_size", [None, 2])
def test_a_classifier_starts_from_the_network(make, tmp_path, ensemble_size):
    model, spec, _ = train(make, ngram=NGRAM, ensemble_size=ensemble_size)
    folder, _ = save(make, model, spec, tmp_path)
    config = make.config("classifier", bidirectional=False, init_from="any")
    text_vocabulary = make.vocabularies("language_model").columns["text"]
    weights = pretrained.read(folder, config, text_vocabulary)
    network = model.network.members[0] if ensemble_size else model.network
    expected = network.embedding.get_weights()[0][weights.rows]
    np.testing.assert_array_equal(weights.vectors, expected)
