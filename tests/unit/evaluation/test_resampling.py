"""The tests beside independent implementations; a model beside itself, and beside its equals."""

import numpy as np
import pytest
import scipy.stats

from pipelines.evaluation import resampling


def share(sums):
    return sums[:, 0] / sums[:, 1]


def rows(values, weights=None):
    values = np.asarray(values, float)
    return np.stack([values, np.ones_like(values) if weights is None else weights], axis=1)


@pytest.fixture
def pair():
    """Nats of 120 items of two models, the second a little better, and the tokens of each."""
    draw = np.random.default_rng(3)
    tokens = draw.integers(3, 30, 120).astype(float)
    first = tokens * draw.normal(3.0, 0.4, 120)
    return rows(first, tokens), rows(first - tokens * draw.normal(0.01, 0.4, 120), tokens)


def test_p_is_that_of_scipys_permutation_test(pair):
    first, second = pair
    ours = resampling.randomisation(first, second, share, 20_000, seed=1)

    def difference(one, other, axis):
        return (other.sum(axis=axis) - one.sum(axis=axis)) / first[:, 1].sum()

    theirs = scipy.stats.permutation_test(
        (first[:, 0], second[:, 0]),
        difference,
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(2),
    )
    assert 0.01 < theirs.pvalue < 0.6  # neither certain nor hopeless, or nothing is compared
    assert ours == pytest.approx(theirs.pvalue, abs=0.015)


def test_intervals_are_those_of_scipys_bootstrap(pair):
    first, second = pair
    ours = resampling.bootstrap(first, second, share, 20_000, 0.95, seed=1)

    def difference(one, other, tokens, axis):
        return (other.sum(axis=axis) - one.sum(axis=axis)) / tokens.sum(axis=axis)

    theirs = scipy.stats.bootstrap(
        (first[:, 0], second[:, 0], first[:, 1]),
        difference,
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert (ours.difference.low, ours.difference.high) == pytest.approx(
        (theirs.low, theirs.high), abs=0.004
    )
    assert ours.p == pytest.approx(
        resampling.randomisation(first, second, share, 20_000, 1), abs=0.03
    )


def test_mcnemar_by_hand():
    """Nine items won, one lost: 2 * (1 + 10) / 2 ** 10."""
    first = np.array([False] * 9 + [True] * 6)
    second = np.array([True] * 9 + [False] + [True] * 5)
    assert resampling.mcnemar(first, second) == pytest.approx(22 / 1024)
    assert resampling.mcnemar(first, first) == 1.0


def test_mcnemar_is_randomisation_of_right_and_wrong():
    draw = np.random.default_rng(5)
    first, second = draw.random(300) < 0.6, draw.random(300) < 0.66
    drawn = resampling.randomisation(rows(first), rows(second), share, 40_000, seed=1)
    assert resampling.mcnemar(first, second) == pytest.approx(drawn, abs=0.01)


def test_a_model_beside_itself_is_never_different(pair):
    first, _ = pair
    drawn = resampling.bootstrap(first, first, share, 200, 0.95, seed=1)
    assert drawn.p == 1.0
    assert drawn.difference == resampling.Interval(0.0, 0.0)
    assert resampling.randomisation(first, first, share, 200, seed=1) == 1.0


@pytest.mark.parametrize("test", ["randomisation", "bootstrap"])
def test_p_of_equals_is_flat(test):
    """Two models that are equally good: every p is as likely as any other."""
    found = []
    for seed in range(300):
        draw = np.random.default_rng(seed)
        first, second = (rows(draw.normal(size=60)) for _ in range(2))
        if test == "randomisation":
            found.append(resampling.randomisation(first, second, share, 200, seed))
        else:
            found.append(resampling.bootstrap(first, second, share, 200, 0.95, seed).p)
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.1


def test_sure_differences_are_found_whatever_their_sign(pair):
    first, _ = pair
    for shift in (-2.0, 2.0):
        second = first + np.array([shift * 10, 0.0])
        assert resampling.randomisation(first, second, share, 999, seed=1) == 0.001
        assert resampling.bootstrap(first, second, share, 999, 0.95, seed=1).p == 0.001


def test_holm_by_hand():
    assert resampling.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert resampling.holm([0.7, 0.9]) == [1.0, 1.0]


def test_many_items_in_little_memory(pair, monkeypatch):
    """A few resamples at a time are the same number of resamples."""
    first, second = pair
    monkeypatch.setattr(resampling, "CELLS", 1000)
    p = resampling.randomisation(first, second, share, 4000, seed=1)
    assert p == pytest.approx(0.22, abs=0.2)
    assert (p * 4001) == pytest.approx(round(p * 4001))
