"""The hierarchical test beside tests of textbooks, of which it is the general case."""

import numpy as np
import pytest
import scipy.stats

from pipelines.evaluation import hierarchical_test, resampling
from pipelines.evaluation.item_statistics import mean
from pipelines.evaluation.resampling import ScoredItems


def estimate(*models, resamples=20_000):
    """Return the estimates of models, each a list of the values of each seed's items."""
    seeds = [np.asarray(values, float) for model in models for values in model]
    sample = ScoredItems(tuple(np.stack([x, np.ones_like(x)], axis=1) for x in seeds), mean)
    (resampled,) = resampling.bootstrap([sample], resamples, seed=1)
    return hierarchical_test.estimate(sample, sample, resampled, [len(model) for model in models])


def compare(*models, pairs=((0, 1),), level=0.05, resamples=20_000):
    generator = np.random.default_rng(1)
    return hierarchical_test.compare_pairs(estimate(*models), pairs, level, resamples, generator)


@pytest.fixture
def random():
    return np.random.default_rng(5)


def test_single_seeds_have_students_paired_test(random):
    first = random.normal(0, 1, 40)
    second = first + random.normal(0.2, 0.6, 40)
    (result,) = compare([first], [second])
    expected = scipy.stats.ttest_rel(second, first)
    interval = expected.confidence_interval()
    assert result.p == pytest.approx(expected.pvalue, rel=0.1)
    assert 0.01 < result.p < 0.2
    assert result.interval.low == pytest.approx(interval.low, abs=0.01)
    assert result.interval.high == pytest.approx(interval.high, abs=0.01)
    assert not result.over_seeds


def test_seeds_that_differ_much_more_than_items_have_welchs_test(random):
    """Items of a seed are equal, so their number adds no certainty."""
    levels = [0.1, 0.5, 0.2], [0.9, 1.5, 0.8, 1.1]
    groups = [[level + 1e-3 * random.normal(size=500) for level in group] for group in levels]
    (result,) = compare(*groups)
    means = [[values.mean() for values in group] for group in groups]
    assert result.over_seeds
    assert result.p == pytest.approx(
        scipy.stats.ttest_ind(*means, equal_var=False).pvalue, rel=0.01
    )


def test_equal_seeds_leave_the_variance_of_the_items(random):
    """Two constant groups differ no more than two single models do."""
    first = (random.random(400) < 0.5).astype(float)
    second = np.where(random.random(400) < 0.1, 1 - first, first)
    (group,) = compare([first, first], [second, second])
    (single,) = compare([first], [second])
    assert group.over_seeds
    assert (group.value, group.p) == pytest.approx((single.value, single.p))
    assert group.interval.low == pytest.approx(single.interval.low)


def test_the_variance_of_the_items_is_not_counted_twice(random):
    """Seeds differ on the items by chance only, which the bootstrap of the items measures."""
    estimates = estimate(random.normal(0, 1, (50, 300)), random.normal(0, 1, (50, 300)))
    assert estimates.seed_variance == pytest.approx(estimates.item_share, rel=0.6)
    assert estimates.seed_excess.max() < 0.6 * estimates.seed_variance.max()


def test_the_detectable_difference_is_found_four_times_out_of_five(random):
    size, rounds = 60, 150
    (result,) = compare([np.zeros(size)], [random.normal(0, 1, size)])
    detectable = []
    hits = 0
    for _ in range(rounds):
        (result,) = compare([np.zeros(size)], [random.normal(0.37, 1, size)], resamples=200)
        detectable.append(result.detectable)
        hits += result.p < 0.05
    assert np.mean(detectable) == pytest.approx(0.37, abs=0.02)
    assert hits / rounds == pytest.approx(0.8, abs=0.09)


@pytest.mark.parametrize(("different", "p"), [(0, 1.0), (1, 0.5), (4, 2 / 2**4), (9, 2 / 2**9)])
def test_a_few_differences_of_one_sign_have_the_p_of_the_sign_test(different, p):
    first, second = np.zeros(different), np.ones(different)
    for size in (len(first), 200):  # without other items the differences have no variance
        same = np.zeros(max(2, size) - different)
        (result,) = compare([[*first, *same]], [[*second, *same]])
        assert result.p >= p * (1 - 1e-9)
    if different == 9:
        (result,) = compare([first], [second])
        assert result.p == pytest.approx(p)
        assert result.interval.low > 0


def test_one_of_several_pairs_needs_more(random):
    """Dunnett's test of three models with the first, beside SciPy's for independent samples."""
    models = [[random.normal(level, 1, 80)] for level in (0, 0.2, 0.1, 0.1)]
    (single,) = compare(models[0], models[1])
    results = compare(*models, pairs=((0, 1), (0, 2), (0, 3)))
    expected = scipy.stats.dunnett(
        *[values for (values,) in models[1:]], control=models[0][0], rng=np.random.default_rng(1)
    )
    assert 0.005 < single.p < 0.05
    assert single.p < results[0].p < 3 * single.p
    assert [result.p for result in results] == pytest.approx(expected.pvalue, rel=0.35)
    assert results[0].interval.low < single.interval.low
    assert results[0].detectable > single.detectable


def test_all_pairs_have_tukeys_range(random):
    models = [[random.normal(level, 1, 80)] for level in (0, 0.35, 0.1, 0.1)]
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    results = compare(*models, pairs=pairs)
    expected = scipy.stats.tukey_hsd(*[values for (values,) in models]).pvalue
    assert [result.p for result in results] == pytest.approx(
        [expected[pair] for pair in pairs], abs=0.1
    )
    assert results[0].p < 0.05 < results[1].p


def test_the_interval_excludes_zero_if_p_is_below_the_level(random):
    models = [[random.normal(level, 1, 60)] for level in np.linspace(0, 1, 6)]
    results = compare(*models, pairs=[(0, place) for place in range(1, 6)])
    excluded = [not result.interval.low <= 0 <= result.interval.high for result in results]
    assert excluded == [result.p < 0.05 for result in results]
    assert set(excluded) == {True, False}


def test_intervals_of_scores_stay_in_the_range_of_the_score(random):
    right = (random.random(300) < 0.99).astype(float)
    estimates = estimate([right])
    (interval,) = hierarchical_test.score_intervals(estimates, 0.95, random)
    assert 0.96 < interval.low < right.mean() < interval.high <= 1.0


def test_the_interval_of_a_group_is_wider_than_its_items_alone(random):
    items = random.normal(0, 0.1, 400)
    group = [items + level for level in (0.0, 0.1, 0.2)]
    for model, width in ((group, 0.4), ([items], 0.01)):
        (interval,) = hierarchical_test.score_intervals(estimate(model), 0.95, random)
        assert interval.high - interval.low > width
    mean_interval = scipy.stats.t.interval(0.95, 2, 0.1, 0.1 / np.sqrt(3))
    (interval,) = hierarchical_test.score_intervals(estimate(group), 0.95, random)
    assert (interval.low, interval.high) == pytest.approx(mean_interval, abs=0.03)
