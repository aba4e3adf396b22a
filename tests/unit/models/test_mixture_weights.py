"""Weights of a mixture: fitted by expectation maximisation, checked with other methods."""

import numpy as np
import pytest
import scipy.optimize

from pipelines.models import mixture


def draw_tokens(weights, size=200_000, vocabulary=12, seed=0):
    """Draw tokens from a mixture; return their log probabilities under each component."""
    random = np.random.default_rng(seed)
    distributions = random.dirichlet(np.full(vocabulary, 0.3), len(weights))
    tokens = random.choice(vocabulary, size, p=np.array(weights) @ distributions)
    return {str(part): np.log(row[tokens]) for part, row in enumerate(distributions)}


def minimum(log_probabilities):
    """Minimise the loss with a general optimiser, from the softmax of free parameters."""
    probabilities = np.exp(np.stack(list(log_probabilities.values())))

    def loss(logits):
        weights = np.exp(logits - logits.max())
        return -np.log(weights / weights.sum() @ probabilities).mean()

    result = scipy.optimize.minimize(loss, np.zeros(len(probabilities)), method="BFGS")
    weights = np.exp(result.x - result.x.max())
    return weights / weights.sum(), result.fun


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.07, 0.93), (0.6, 0.3, 0.1), (1.0, 0.0, 0.0)])
def test_known_weights_are_recovered(weights):
    fitted = mixture.fit_weights(draw_tokens(weights))
    np.testing.assert_allclose(list(fitted.values()), weights, atol=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_is_the_minimum_that_scipy_finds(seed):
    """Of few tokens, so that the weights are not those that they were drawn with."""
    logs = draw_tokens((0.5, 0.3, 0.2), size=300, seed=seed)
    fitted = mixture.fit_weights(logs)
    weights, loss = minimum(logs)
    np.testing.assert_allclose(list(fitted.values()), weights, atol=2e-3)
    assert -mixture.mix(logs, fitted).mean() == pytest.approx(loss, abs=1e-6)


def test_weights_are_a_distribution():
    for seed in range(20):
        logs = draw_tokens((0.4, 0.4, 0.1, 0.1), size=50, seed=seed)
        fitted = mixture.fit_weights(logs)
        assert list(fitted) == list(logs)
        assert sum(fitted.values()) == pytest.approx(1, abs=1e-12)
        assert all(0 <= weight <= 1 for weight in fitted.values())


def test_a_component_may_give_tokens_no_probability():
    """By hand: of 10 tokens the cache knows 4, and gives them twice the probability."""
    network = np.log(np.full(10, 0.2))
    with np.errstate(divide="ignore"):
        cache = np.log(np.array([0.4] * 4 + [0.0] * 6))
    # 4 log(1 + w) + 6 log(1 - w) has its maximum below 0; with 8 of 10 it is at w = 0.6.
    assert mixture.fit_weights({"network": network, "cache": cache})["cache"] == 0
    with np.errstate(divide="ignore"):
        cache = np.log(np.array([0.4] * 8 + [0.0] * 2))
    fitted = mixture.fit_weights({"network": network, "cache": cache})
    assert fitted == pytest.approx({"network": 0.4, "cache": 0.6})
    mixed = np.exp(mixture.mix({"network": network, "cache": cache}, fitted))
    np.testing.assert_allclose(mixed, [0.4 * 0.2 + 0.6 * 0.4] * 8 + [0.4 * 0.2] * 2)


def test_tiny_probabilities_do_not_underflow():
    logs = draw_tokens((0.6, 0.4), size=500)
    moved = {name: values - 2000 for name, values in logs.items()}
    assert mixture.fit_weights(moved) == mixture.fit_weights(logs)


def test_a_weight_of_zero_switches_a_component_off():
    logs = draw_tokens((0.6, 0.4), size=5)
    np.testing.assert_allclose(mixture.mix(logs, {"0": 1.0, "1": 0.0}), logs["0"])
