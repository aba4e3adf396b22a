"""Significance tests compared with SciPy, with numbers by hand, and with equal models."""

import numpy as np
import pytest
import scipy.stats

from pipelines.evaluation import resampling
from pipelines.evaluation.item_statistics import mean


def _rows(values, weights=None):
    values = np.asarray(values, float)
    return np.stack([values, np.ones_like(values) if weights is None else weights], axis=1)


@pytest.fixture
def pair():
    """Nats and tokens of 120 items of two models; the second model is a little better."""
    random = np.random.default_rng(3)
    tokens = random.integers(3, 30, 120).astype(float)
    first = tokens * random.normal(3.0, 0.4, 120)
    second = first - tokens * random.normal(0.01, 0.4, 120)
    return _rows(first, tokens), _rows(second, tokens)


def test_randomisation_agrees_with_scipy(pair):
    first, second = pair
    p = resampling.randomisation(first, second, mean, 20_000, seed=1)

    def difference(nats, other_nats, axis):
        return (other_nats.sum(axis=axis) - nats.sum(axis=axis)) / first[:, 1].sum()

    expected = scipy.stats.permutation_test(
        (first[:, 0], second[:, 0]),
        difference,
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(2),
    ).pvalue
    assert 0.01 < expected < 0.6  # otherwise the comparison says little
    assert p == pytest.approx(expected, abs=0.015)


def test_bootstrap_agrees_with_scipy(pair):
    first, second = pair
    result = resampling.bootstrap(first, second, mean, 20_000, 0.95, seed=1)

    def difference(nats, other_nats, tokens, axis):
        return (other_nats.sum(axis=axis) - nats.sum(axis=axis)) / tokens.sum(axis=axis)

    expected = scipy.stats.bootstrap(
        (first[:, 0], second[:, 0], first[:, 1]),
        difference,
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert (result.difference.low, result.difference.high) == pytest.approx(
        (expected.low, expected.high), abs=0.004
    )
    p = resampling.randomisation(first, second, mean, 20_000, 1)
    assert result.p == pytest.approx(p, abs=0.03)


def test_mcnemar_by_hand():
    """Nine items only the second model gets right, one only the first: 2 * (1 + 10) / 2 ** 10."""
    first = np.array([False] * 9 + [True] * 6)
    second = np.array([True] * 9 + [False] + [True] * 5)
    assert resampling.mcnemar(first, second) == pytest.approx(22 / 1024)
    assert resampling.mcnemar(first, first) == 1.0


def test_mcnemar_agrees_with_randomisation():
    random = np.random.default_rng(5)
    first, second = random.random(300) < 0.6, random.random(300) < 0.66
    p = resampling.randomisation(_rows(first), _rows(second), mean, 40_000, seed=1)
    assert resampling.mcnemar(first, second) == pytest.approx(p, abs=0.01)


def test_a_model_does_not_differ_from_itself(pair):
    first, _ = pair
    result = resampling.bootstrap(first, first, mean, 200, 0.95, seed=1)
    assert result.p == 1.0
    assert result.difference == resampling.Interval(0.0, 0.0)
    assert resampling.randomisation(first, first, mean, 200, seed=1) == 1.0


@pytest.mark.parametrize("test", ["randomisation", "bootstrap"])
def test_p_of_equally_good_models_is_uniform(test):
    values = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        first, second = (_rows(random.normal(size=60)) for _ in range(2))
        if test == "randomisation":
            values.append(resampling.randomisation(first, second, mean, 200, seed))
        else:
            values.append(resampling.bootstrap(first, second, mean, 200, 0.95, seed).p)
    assert scipy.stats.kstest(values, "uniform").pvalue > 0.01
    assert 0.01 < np.mean(np.array(values) < 0.05) < 0.1


@pytest.mark.parametrize("shift", [-2.0, 2.0])
def test_large_differences_are_significant_on_both_sides(pair, shift):
    first, _ = pair
    second = first + np.array([shift * 10, 0.0])
    assert resampling.randomisation(first, second, mean, 999, seed=1) == 0.001
    assert resampling.bootstrap(first, second, mean, 999, 0.95, seed=1).p == 0.001


def test_holm_by_hand():
    assert resampling.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert resampling.holm([0.7, 0.9]) == [1.0, 1.0]


def test_welch_of_constant_numbers():
    assert resampling.welch([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert resampling.welch([1.0, 1.0], [2.0, 2.0]) == 0.0


def test_resamples_in_chunks_have_the_same_number(pair, monkeypatch):
    first, second = pair
    monkeypatch.setattr(resampling, "MAX_CELLS", 1000)
    p = resampling.randomisation(first, second, mean, 4000, seed=1)
    assert p == pytest.approx(0.22, abs=0.2)
    assert (p * 4001) == pytest.approx(round(p * 4001))
