"""An ensemble predicts the mean probability of its members, for every kind of model."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.evaluation.evaluate import evaluate
from pipelines.inference import sampling
from pipelines.inference.decoding import Decoder
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.text.vocabulary import END, START

IDS = np.array([[4, 5, 6], [5, 4, 0]], np.int32)

pytestmark = pytest.mark.usefixtures("eager")


def make_members(make, kind, count=3, noise=0.3, **changes):
    """Models of one kind with different weights."""
    models = []
    for seed in range(count):
        model = serialization.build(make.config(kind, **changes), make.vocabularies(kind))
        random = np.random.default_rng(seed)
        model.set_weights(
            [weights + random.normal(0, noise, weights.shape) for weights in model.get_weights()]
        )
        models.append(model)
    return models


def softmax(logits):
    return np.asarray(tf.nn.softmax(tf.cast(logits, tf.float64)))


@pytest.mark.parametrize("kind", ["classifier", "bag_of_words"])
def test_labels_have_the_mean_probability(make, kind):
    models = make_members(make, kind)
    expected = np.mean([softmax(model(IDS)) for model in models], axis=0)
    np.testing.assert_allclose(np.exp(Ensemble(models)(IDS)), expected, atol=1e-5)


def test_targets_have_the_mean_probability_and_the_mean_attention(make):
    models = make_members(make, "seq2seq", layers=2)
    outputs = [model(IDS, IDS[::-1]) for model in models]
    logits, attention = Ensemble(models)(IDS, IDS[::-1])
    expected = np.mean([softmax(member_logits) for member_logits, _ in outputs], axis=0)
    np.testing.assert_allclose(np.exp(logits), expected, atol=1e-5)
    expected_attention = np.mean([member_attention for _, member_attention in outputs], axis=0)
    np.testing.assert_allclose(attention, expected_attention, atol=1e-5)
    assert logits.dtype == tf.float32


def test_a_language_model_carries_the_state_of_each_member(make):
    ensemble = Ensemble(make_members(make, "language_model", cell="gru"))
    logits, _ = ensemble(IDS)
    first, states = ensemble(IDS[:, :1], states=ensemble.zero_state(2))
    rest, _ = ensemble(IDS[:, 1:], states=states)
    np.testing.assert_allclose(tf.concat([first, rest], 1), logits, atol=1e-5)
    expected = np.mean([softmax(model(IDS)[0]) for model in ensemble.members], axis=0)
    np.testing.assert_allclose(np.exp(logits), expected, atol=1e-5)


def test_an_ensemble_of_one_member_decodes_like_the_member(make):
    (model,) = make_members(make, "seq2seq", 1)
    search = params.Search(beam=3)
    sources = [np.array([4, 5, 6], np.int32), np.array([5], np.int32)]
    pairs = zip(
        Decoder(model, 8, search)(sources, 3),
        Decoder(Ensemble([model]), 8, search)(sources, 3),
        strict=True,
    )
    for expected, hypotheses in pairs:
        assert [h.ids.tolist() for h in hypotheses] == [h.ids.tolist() for h in expected]
        for hypothesis, expected_hypothesis in zip(hypotheses, expected, strict=True):
            assert hypothesis.nats == pytest.approx(expected_hypothesis.nats, abs=1e-4)


@pytest.mark.parametrize("beam", [1, 4])
def test_beam_search_scores_by_the_mean_probability(make, beam):
    """The nats of a hypothesis are those of the mean probability of each of its tokens."""
    models = make_members(make, "seq2seq", 2, noise=0.5)
    source = np.array([4, 5, 6], np.int32)
    hypotheses = Decoder(Ensemble(models), 8, params.Search(beam=beam))([source], beam)[0]
    assert len(hypotheses) == beam
    for hypothesis in hypotheses:
        target = np.array([[START, *hypothesis.ids, END]], np.int32)
        outputs = [softmax(model(source[None], target[:, :-1])[0])[0] for model in models]
        steps = np.arange(target.shape[1] - 1)
        probabilities = np.mean(outputs, axis=0)[steps, target[0, 1:]]
        assert hypothesis.nats == pytest.approx(-np.log(probabilities).sum(), abs=1e-3)


def test_an_ensemble_of_translators_is_evaluated_like_a_model(make):
    spec, vocabularies = make.spec("seq2seq"), make.vocabularies("seq2seq")
    frame, models = make.frame("seq2seq"), make_members(make, "seq2seq", 2)
    member_nats = [
        evaluate(Predictor(model, spec, vocabularies, None), frame).predictions["nats"]
        for model in models
    ]
    result = evaluate(Predictor(Ensemble(models), spec, vocabularies, None), frame)
    assert np.isfinite(result.metrics["test_perplexity"])
    # Jensen: the logarithm of a mean is at least the mean of the logarithms.
    assert (result.predictions["nats"] <= np.mean(member_nats, axis=0) + 1e-4).all()


def test_an_ensemble_of_classifiers_is_evaluated_like_a_model(make):
    spec, vocabularies = make.spec("classifier"), make.vocabularies("classifier")
    frame, ensemble = make.frame("classifier"), Ensemble(make_members(make, "classifier", 2))
    predictor = Predictor(ensemble, spec, vocabularies, None)
    assert evaluate(predictor, frame).analysis.confusion.counts.sum() == len(frame)


def test_an_ensemble_of_language_models_is_sampled_like_a_model(make):
    step = sampling.make_sampler(Ensemble(make_members(make, "language_model", 2)))()
    assert np.exp(step(np.array([5], np.int32))).sum() == pytest.approx(1, abs=1e-5)


def test_count_params_adds_up_the_members(make):
    (small,), (large,) = (
        make_members(make, "classifier", 1, units=8),
        make_members(make, "classifier", 1),
    )
    assert Ensemble([small, large]).count_params() == small.count_params() + large.count_params()
