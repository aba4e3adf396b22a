"""Mixtures of a network, an n-gram model and a unigram cache."""

import functools
import json

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.evaluation import parts as evaluation_parts
from pipelines.evaluation.evaluate import evaluate
from pipelines.inference import sampling
from pipelines.inference.likelihood import stream_loss
from pipelines.inference.predictor import Predictor
from pipelines.models import mixture, pretrained, serialization
from pipelines.models.ensemble import Ensemble
from pipelines.models.mixture import Mixture
from pipelines.models.ngram import NGram
from pipelines.tasks import language_modelling
from pipelines.text import encoding, vocabulary

NGRAM, CACHE = {"order": 2, "smoothing": "kneser_ney"}, {"window": 20}
VALID = ["to be that or not to be", "the question to be", "not that question", "be to or that"]


@pytest.fixture(scope="module")
def train(make):
    """A function that trains a language model and returns it with its spec and history.

    Tests share models with the same options, and change none. No epoch writes a sample.
    """
    optimizer = {"name": "adam", "learning_rate": 0.05, "schedule": "constant", "clip_norm": 1.0}
    frames = (make.frame("language_model"), pd.DataFrame({"text": VALID}))
    vocabularies = make.vocabularies("language_model")

    @functools.cache
    def trained(ngram, cache, seeds, ensemble_size):
        parts = {"ngram": NGRAM if ngram else None, "cache": CACHE if cache else None}
        members = {"seeds": seeds, "ensemble_size": ensemble_size}
        spec = make.spec("language_model", epochs=4, optimizer=optimizer, **parts, **members)
        with pytest.MonkeyPatch.context() as patch:
            task = language_modelling.LanguageModelling
            patch.setattr(task, "validation_sample", lambda *arguments: None)
            model, history, *_ = language_modelling.TASK.train(spec, frames, vocabularies)
        return model, spec, history

    def call(ngram=False, cache=False, seeds=None, ensemble_size=None):
        return trained(ngram, cache, seeds, ensemble_size)

    return call


def make_stream(make):
    return encoding.encode_stream(make.frame("language_model"), make.vocabularies("language_model"))


def make_valid_stream(make):
    frame = pd.DataFrame({"text": VALID})
    return encoding.encode_stream(frame, make.vocabularies("language_model"))


def save(make, model, spec, folder):
    """Save a model; return its folder and its vocabulary file."""
    vocabulary_file = folder / "vocabulary.json"
    vocabulary.save(make.vocabularies("language_model"), vocabulary_file)
    serialization.save(model, spec, vocabulary_file, folder / "model")
    return folder / "model", vocabulary_file


def test_network_and_ngrams_are_those_of_separate_trainings(make, train):
    model, _, history = train(ngram=True)
    network, _, network_history = train()
    parts = model.components
    for weights, expected in zip(
        parts["network"].get_weights(), network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weights, expected)
    assert history.drop(columns="valid_mixture_loss").equals(network_history)
    stream, size = make_stream(make), len(make.vocabularies("language_model").columns["text"])
    ngram = NGram.count(stream, 2, size, "kneser_ney")
    np.testing.assert_array_equal(
        parts["ngram"].log_probabilities(stream), ngram.log_probabilities(stream)
    )
    assert serialization.sizes(model) == {
        "parameters": network.count_params(),
        "ngram_counts": ngram.parameters,
        "network/parameters": network.count_params(),
        "ngram/ngram_counts": ngram.parameters,
    }


def test_weights_are_fitted_on_the_batches_that_validate_the_network(make, train):
    """Two rows of the validation text, read in parallel in batches of ten tokens."""
    model, _, history = train(ngram=True, cache=True)
    stream = make_valid_stream(make)
    width = (len(stream) - 1) // 2
    steps = width // 10 * 10
    assert steps >= 20
    network = [
        stream_loss(model.components["network"], stream[row * width :][: steps + 1])
        for row in (0, 1)
    ]
    best = history.loc[history["valid_loss"].idxmin()]
    assert np.concatenate(network).mean() == pytest.approx(best["valid_loss"], rel=1e-5)
    logs = {"network": -np.concatenate(network)}
    for name in ("ngram", "cache"):
        whole = model.components[name].log_probabilities(stream)
        logs[name] = np.concatenate([whole[row * width :][:steps] for row in (0, 1)])
    assert model.weights == pytest.approx(mixture.fit_weights(logs), abs=1e-3)
    assert -model.mix(logs).mean() == pytest.approx(best["valid_mixture_loss"], rel=1e-5)
    assert best["valid_mixture_loss"] < min(best["valid_loss"], -logs["ngram"].mean())
    assert min(model.weights["network"], model.weights["ngram"]) > 0.01


def test_each_member_of_a_group_has_weights_of_its_own(make, train, tmp_path):
    model, spec, history = train(ngram=True, seeds=(4, 2))
    assert history["valid_mixture_loss"].notna().all()
    weights = [member.weights for member in model.members]
    assert weights[0] != weights[1]
    folder, _ = save(make, model, spec, tmp_path)
    for seed, member in zip((4, 2), model.members, strict=True):
        loaded, _, _ = serialization.load(folder, seed=seed)
        assert loaded.weights == member.weights
        for values, expected in zip(
            loaded.components["network"].get_weights(),
            member.components["network"].get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(values, expected)


def test_each_token_has_the_weighted_mean_of_the_probabilities(make, train):
    model, spec, _ = train(ngram=True, cache=True)
    stream, parts = make_stream(make), model.components
    probabilities = {name: np.exp(-stream_loss(part, stream)) for name, part in parts.items()}
    assert list(probabilities) == ["network", "ngram", "cache"]
    expected = -np.log(sum(model.weights[name] * probabilities[name] for name in parts))
    predictor = Predictor(model, spec, make.vocabularies("language_model"), None)
    result = evaluate(predictor, make.frame("language_model"))
    assert result.predictions["nats"].sum() == pytest.approx(expected.sum(), rel=1e-6)
    assert result.metrics["test_perplexity"] == pytest.approx(np.exp(expected.mean()), rel=1e-6)
    np.testing.assert_allclose(stream_loss(model, stream), expected, rtol=1e-6)
    for part in ("network", "ngram"):
        perplexity = result.metrics[f"{part}/test_perplexity"]
        nats = -np.log(probabilities[part])
        assert perplexity == pytest.approx(np.exp(nats.mean()), rel=1e-6)
    assert evaluation_parts.names(result.metrics) == ["network", "ngram"]  # no cache alone


def test_a_cache_joins_n_grams(make, tmp_path):
    spec = make.spec("ngram", order=(1, 2, 3), cache=CACHE)
    vocabularies = make.vocabularies("language_model")
    frames = (make.frame("ngram"), pd.DataFrame({"text": VALID}))
    model, history, *_ = language_modelling.TASK.train(spec, frames, vocabularies)
    stream = make_valid_stream(make)
    logs = {name: part.log_probabilities(stream) for name, part in model.components.items()}
    assert model.weights == mixture.fit_weights(logs)
    (row,) = history.to_dict("records")
    assert row["valid_mixture_loss"] == pytest.approx(-model.mix(logs).mean())
    assert row["valid_loss"] == pytest.approx(-logs["ngram"].mean())
    assert row["valid_loss"] == min(row[f"order_{order}_valid_loss"] for order in (1, 2, 3))
    folder, vocabulary_file = save(make, model, spec, tmp_path)
    loaded, _, _ = serialization.load(folder, vocabulary_file)
    assert loaded.weights == model.weights
    counts = model.components["ngram"].parameters
    assert serialization.sizes(loaded) == {"ngram_counts": counts, "ngram/ngram_counts": counts}
    np.testing.assert_array_equal(stream_loss(loaded, stream), stream_loss(model, stream))
    # One token after the other, as a text is sampled.
    step = sampling.make_sampler(loaded)()
    one_by_one = [step(stream[i : i + 1])[stream[i + 1]] for i in range(1, 39)]
    np.testing.assert_allclose(one_by_one, -stream_loss(model, stream)[1:39], atol=1e-9)


def test_a_network_has_no_metrics_of_parts(make):
    spec, vocabularies = make.spec("language_model"), make.vocabularies("language_model")
    network = serialization.build(spec.entry, vocabularies)
    result = evaluate(Predictor(network, spec, vocabularies, None), make.frame("language_model"))
    assert evaluation_parts.names(result.metrics) == []


def test_texts_are_sampled_from_the_mixture(train):
    model, _, _ = train(ngram=True, cache=True)
    step = sampling.make_sampler(model)()
    steps = {name: sampling.make_sampler(part)() for name, part in model.components.items()}
    for token in np.array([[5], [6], [5], [7]], np.int32):
        expected = sum(model.weights[name] * np.exp(steps[name](token)) for name in steps)
        probabilities = np.exp(step(token))
        np.testing.assert_allclose(probabilities, expected, rtol=1e-5)
        assert probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize("ensemble_size", [None, 2])
def test_a_loaded_model_writes_the_same_text(make, train, tmp_path, ensemble_size):
    model, spec, _ = train(ngram=True, ensemble_size=ensemble_size)
    folder, vocabulary_file = save(make, model, spec, tmp_path)
    loaded, loaded_spec, vocabularies = serialization.load(folder, vocabulary_file)
    assert isinstance(loaded, Mixture)
    assert loaded.weights == model.weights
    assert isinstance(loaded.components["network"], Ensemble) == (ensemble_size is not None)
    assert loaded_spec == spec
    samples = params.Samples(beginning="to", length=30, temperature=1.0, seed=3)
    text, expected = (
        language_modelling.write(Predictor(version, spec, vocabularies, samples), "to")
        for version in (loaded, model)
    )
    assert text == expected


def test_a_model_without_its_counts_is_refused(make, train, tmp_path):
    model, spec, _ = train(ngram=True)
    folder, vocabulary_file = save(make, model, spec, tmp_path)
    (folder / "counts.parquet").unlink()
    with pytest.raises(UserError, match=r"counts\.parquet"):
        serialization.load(folder, vocabulary_file)


@pytest.mark.parametrize(
    "weights",
    [
        None,
        [],
        [{"network": 1.0}],
        [{"network": 0.6, "ngram": 0.6}],
        [{"network": 1.5, "ngram": -0.5}],
        [{"network": "0.5", "ngram": 0.5}],
        {"network": 0.5, "ngram": 0.5},
    ],
)
def test_damaged_weights_are_refused(make, tmp_path, weights):
    spec, vocabularies = make.spec("language_model", ngram=NGRAM), make.vocabularies("ngram")
    network = serialization.build(spec.entry, vocabularies)
    ngram = NGram.count(make_stream(make), 2, len(vocabularies.columns["text"]), "kneser_ney")
    model = Mixture({"network": network, "ngram": ngram}, {"network": 0.5, "ngram": 0.5})
    folder, vocabulary_file = save(make, model, spec, tmp_path)
    serialization.load(folder, vocabulary_file)
    content = {"order": 2, "weights": weights}
    (folder / serialization.HYPERPARAMETERS).write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"hyperparameters\.json is missing or damaged"):
        serialization.load(folder, vocabulary_file)


@pytest.mark.parametrize("ensemble_size", [None, 2])
def test_a_classifier_starts_from_the_network(make, train, tmp_path, ensemble_size):
    model, spec, _ = train(ngram=True, ensemble_size=ensemble_size)
    folder, _ = save(make, model, spec, tmp_path)
    config = make.config("classifier", bidirectional=False, init_from="any")
    text_vocabulary = make.vocabularies("language_model").columns["text"]
    weights = pretrained.read(folder, config, text_vocabulary)
    network = model.components["network"]
    network = network.members[0] if ensemble_size else network
    expected = network.embedding.get_weights()[0][weights.rows]
    np.testing.assert_array_equal(weights.vectors, expected)
