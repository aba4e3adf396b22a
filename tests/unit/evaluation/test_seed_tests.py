"""Groups of seeds: the items of the median seed, and Welch's test over all seeds."""

import pandas as pd
import pytest
from scipy import stats

from pipelines.evaluation import resampling, seed_tests, significance
from tests.unit.evaluation.predictions import CORPORA, classify, model_language, translate

CORPUS = CORPORA["opinions"]


def make_group(predict, *levels, **options):
    """Return the predictions of one model per level, from seeds 1, 2, ..."""
    frames = [
        predict(level, seed=seed, **options).assign(seed=seed)
        for seed, level in enumerate(levels, 1)
    ]
    return pd.concat(frames, ignore_index=True)


def compare_accuracy(first, second, resamples=2000):
    return significance.compare(first, second, CORPUS, resamples=resamples)[0]


def test_the_median_seed_represents_a_group():
    frame = make_group(classify, 0.9, 0.5, 0.7)
    seed, items = seed_tests.median_seed(frame, CORPUS)
    assert seed == 3
    assert len(items) == len(frame) / 3
    assert "seed" not in items
    # The lower of two.
    assert seed_tests.median_seed(make_group(classify, 0.9, 0.5), CORPUS)[0] == 2
    assert seed_tests.median_seed(classify(0.5), CORPUS)[0] is None


def test_seeds_are_compared_by_welchs_test():
    first = make_group(classify, 0.6, 0.62, 0.64)
    second = make_group(classify, 0.7, 0.72, 0.69, 0.71)
    result = compare_accuracy(first, second, resamples=99)
    scores = [
        [(frame["predicted"] == frame["label"]).mean() for _, frame in group.groupby("seed")]
        for group in (first, second)
    ]
    assert result.seeds.first == pytest.approx(scores[0])
    assert result.seeds.second == pytest.approx(scores[1])
    assert result.seeds.p == pytest.approx(stats.ttest_ind(*scores, equal_var=False).pvalue)


def test_groups_differ_only_if_items_and_seeds_agree():
    steady = make_group(classify, 0.6, 0.61, 0.6)
    better = compare_accuracy(steady, make_group(classify, 0.8, 0.79, 0.81))
    assert (better.verdict, better.p < 0.05, better.seeds.p < 0.05) == ("better", True, True)
    # The median of this group is far ahead, its mean is not.
    unsteady = compare_accuracy(steady, make_group(classify, 0.35, 0.8, 0.95))
    verdict = (unsteady.verdict, unsteady.p < 0.05, unsteady.seeds.p < 0.05)
    assert verdict == ("not significant", True, False)


@pytest.mark.parametrize(
    ("corpus", "group"),
    [
        ("opinions", make_group(classify, 0.6, 0.7)),
        ("verses", make_group(translate, 0.7, 0.8, size=20)),
        ("shakespeare", make_group(model_language, 1.5, 1.4)),
    ],
)
def test_a_group_does_not_differ_from_itself(corpus, group):
    for result in significance.compare(group, group, CORPORA[corpus], resamples=2000):
        assert (result.p, result.seeds.p, result.verdict) == (1.0, 1.0, "not significant")


def test_a_group_and_a_single_model_have_no_test_over_seeds():
    result = compare_accuracy(classify(0.6), make_group(classify, 0.8, 0.79, 0.81))
    assert (result.seeds, result.first_seed, result.second_seed) == (None, None, 1)
    assert result.verdict == "better"


def test_several_groups_are_corrected_over_seeds_too():
    first = make_group(classify, 0.6, 0.62, 0.64)
    others = [make_group(classify, *levels) for levels in ((0.7, 0.72, 0.69), (0.66, 0.7, 0.71))]
    results = [significance.compare(first, other, CORPUS, resamples=99) for other in others]
    values = [result.seeds.p for result, _ in results]
    corrected = [result.seeds.p for result, _ in significance.holm_corrected(results)]
    assert corrected == pytest.approx(resampling.holm(values))
    assert corrected != pytest.approx(values)
