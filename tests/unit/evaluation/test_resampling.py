"""Bootstrap of the items, beside SciPy and by hand."""

import numpy as np
import pytest
import scipy.stats

from pipelines.evaluation import resampling
from pipelines.evaluation.item_statistics import mean
from pipelines.evaluation.resampling import ScoredItems


@pytest.fixture
def sample():
    """Nats and tokens of 120 items of two models; the second model is a little better."""
    random = np.random.default_rng(3)
    tokens = random.integers(3, 30, 120).astype(float)
    first = tokens * random.normal(3.0, 0.4, 120)
    second = first - tokens * random.normal(0.01, 0.4, 120)
    return ScoredItems(tuple(np.stack([nats, tokens], axis=1) for nats in (first, second)), mean)


def test_scores_are_those_of_all_items(sample):
    expected = [
        nats.sum() / tokens.sum() for nats, tokens in (part.T for part in sample.statistics)
    ]
    assert sample.scores() == pytest.approx(expected)


def test_the_bootstrap_agrees_with_scipy(sample):
    (scores,) = resampling.bootstrap([sample], 20_000, seed=1)
    differences = scores[:, 1] - scores[:, 0]
    first, second = sample.statistics

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
    )
    assert differences.std() == pytest.approx(expected.standard_error, rel=0.03)
    interval = expected.confidence_interval
    assert np.quantile(differences, [0.025, 0.975]) == pytest.approx(
        [interval.low, interval.high], abs=0.004
    )


def test_all_metrics_and_models_share_the_resamples(sample):
    first = ScoredItems((sample.statistics[0], sample.statistics[0]), mean)
    scores, other_scores = resampling.bootstrap([sample, first], 50, seed=1)
    assert (other_scores[:, 0] == other_scores[:, 1]).all()
    assert (scores[:, 0] == other_scores[:, 0]).all()
    assert len(np.unique(scores[:, 0])) == 50


def test_chunks_limit_the_memory_and_change_no_count(sample, monkeypatch):
    monkeypatch.setattr(resampling, "MAX_CELLS", 1000)
    (scores,) = resampling.bootstrap([sample], 1001, seed=1)
    assert scores.shape == (1001, 2)
    assert scores.mean(axis=0) == pytest.approx(sample.scores(), abs=0.01)


def test_blocks_are_sums_of_consecutive_items():
    sample = ScoredItems((np.arange(7.0)[:, None],), mean)
    assert sample.in_blocks(3).statistics[0].ravel().tolist() == [0 + 1, 2 + 3, 4 + 5 + 6]
    assert sample.in_blocks(7) is sample
    order = np.array([6, 0, 5, 1, 4, 2, 3])
    assert sample.in_blocks(3, order).statistics[0].ravel().tolist() == [6 + 0, 5 + 1, 4 + 2 + 3]
