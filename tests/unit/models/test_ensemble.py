"""Several models answer as one: by the mean of their probabilities, whatever kind they are."""

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


def members(make, kind, count=3, spread=0.3, **changes):
    """Models of one kind that differ."""
    found = []
    for seed in range(count):
        model = serialization.build(make.entry(kind, **changes), make.words(kind))
        random = np.random.default_rng(seed)
        noise = [random.normal(0, spread, one.shape) for one in model.get_weights()]
        model.set_weights(
            [one + more for one, more in zip(model.get_weights(), noise, strict=True)]
        )
        found.append(model)
    return found


def probabilities(logits):
    return np.asarray(tf.nn.softmax(tf.cast(logits, tf.float64)))


@pytest.mark.parametrize("kind", ["classifier", "bag_of_words"])
def test_labels_have_the_mean_probability(make, kind):
    models = members(make, kind)
    expected = np.mean([probabilities(model(IDS)) for model in models], axis=0)
    np.testing.assert_allclose(np.exp(Ensemble(models)(IDS)), expected, atol=1e-5)


def test_a_target_has_the_mean_probability_and_the_mean_attention(make):
    models = members(make, "seq2seq", layers=2)
    answers = [model(IDS, IDS[::-1]) for model in models]
    logits, weights = Ensemble(models)(IDS, IDS[::-1])
    expected = np.mean([probabilities(one) for one, _ in answers], axis=0)
    np.testing.assert_allclose(np.exp(logits), expected, atol=1e-5)
    np.testing.assert_allclose(weights, np.mean([one for _, one in answers], axis=0), atol=1e-5)
    assert logits.dtype == tf.float32


def test_a_language_model_carries_the_state_of_each_member(make):
    ensemble = Ensemble(members(make, "language_model", cell="gru"))
    whole, _ = ensemble(IDS)
    first, states = ensemble(IDS[:, :1], states=ensemble.zero_state(2))
    rest, _ = ensemble(IDS[:, 1:], states=states)
    np.testing.assert_allclose(tf.concat([first, rest], 1), whole, atol=1e-5)
    models = ensemble.members
    expected = np.mean([probabilities(model(IDS)[0]) for model in models], axis=0)
    np.testing.assert_allclose(np.exp(whole), expected, atol=1e-5)


def test_one_member_is_itself(make):
    (model,) = members(make, "seq2seq", 1)
    search = params.Search(beam=3)
    sources = [np.array([4, 5, 6], np.int32), np.array([5], np.int32)]
    pairs = zip(
        Decoder(model, 8, search)(sources, 3),
        Decoder(Ensemble([model]), 8, search)(sources, 3),
        strict=True,
    )
    for alone, together in pairs:
        assert [one.ids.tolist() for one in alone] == [one.ids.tolist() for one in together]
        for one, other in zip(alone, together, strict=True):
            assert one.nats == pytest.approx(other.nats, abs=1e-4)


@pytest.mark.parametrize("beam", [1, 4])
def test_a_search_goes_by_all_members(make, beam):
    """Nats of what is found are those of the mean probability, token by token."""
    models = members(make, "seq2seq", spread=0.5)
    source = np.array([4, 5, 6], np.int32)
    found = Decoder(Ensemble(models), 8, params.Search(beam=beam))([source], beam)[0]
    assert len(found) == beam
    for one in found:
        target = np.array([[START, *one.ids, END]], np.int32)
        each = [probabilities(model(source[None], target[:, :-1])[0])[0] for model in models]
        said = np.mean(each, axis=0)[np.arange(target.shape[1] - 1), target[0, 1:]]
        assert one.nats == pytest.approx(-np.log(said).sum(), abs=1e-3)


def test_an_ensemble_is_evaluated_and_written_with_like_a_model(make):
    card, words, frame = make.card("seq2seq"), make.words("seq2seq"), make.frame("seq2seq")
    models = members(make, "seq2seq", 2)
    each = [
        evaluate(Predictor(model, card, words, None), frame).predictions["nats"] for model in models
    ]
    found = evaluate(Predictor(Ensemble(models), card, words, None), frame)
    assert np.isfinite(found.metrics["test_perplexity"])
    # Jensen: the logarithm of a mean is at least the mean of the logarithms.
    assert (found.predictions["nats"] <= np.mean(each, axis=0) + 1e-4).all()
    card, words, frame = make.card("classifier"), make.words("classifier"), make.frame("classifier")
    predictor = Predictor(Ensemble(members(make, "classifier", 2)), card, words, None)
    assert evaluate(predictor, frame).analysis.confusion.counts.sum() == len(frame)
    step = sampling.make_sampler(Ensemble(members(make, "language_model", 2)))()
    assert np.exp(step(5)).sum() == pytest.approx(1, abs=1e-5)


def test_parameters_of_all_members_count(make):
    one, other = members(make, "classifier", 1), members(make, "classifier", 1, units=8)
    whole = Ensemble([*one, *other])
    assert whole.count_params() == one[0].count_params() + other[0].count_params()
