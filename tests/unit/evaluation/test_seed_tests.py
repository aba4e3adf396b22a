"""Groups of seeds: items of the median seed, and Welch's test over all of them."""

import pandas as pd
import pytest
from scipy import stats

from pipelines.evaluation import resampling, seed_tests, significance
from tests.unit.evaluation.test_significance import CORPORA, compare, reader, translator, writer

CORPUS = CORPORA["opinions"]


def group(make, *several, **options):
    """The predictions of several seeds, by what each is to reach."""
    frames = [
        make(value, seed=seed, **options).assign(seed=seed) for seed, value in enumerate(several, 1)
    ]
    return pd.concat(frames, ignore_index=True)


def test_the_median_seed_is_taken_of_each():
    frame = group(reader, 0.9, 0.5, 0.7)
    seed, items = seed_tests.median_seed(frame, CORPUS)
    assert seed == 3
    assert len(items) == len(frame) / 3
    assert "seed" not in items
    assert seed_tests.median_seed(group(reader, 0.9, 0.5), CORPUS)[0] == 2  # the lower of two
    alone = reader(0.5)
    assert seed_tests.median_seed(alone, CORPUS)[0] is None


def test_over_seeds_it_is_welchs_test_of_scipy():
    """Of the scores, computed here from the frames."""
    first, second = group(reader, 0.6, 0.62, 0.64), group(reader, 0.7, 0.72, 0.69, 0.71)
    (accuracy, _) = significance.compare(first, second, CORPUS, resamples=99)
    scores = [
        [(part["predicted"] == part["label"]).mean() for _, part in side.groupby("seed")]
        for side in (first, second)
    ]
    assert accuracy.seeds.first == pytest.approx(scores[0])
    assert accuracy.seeds.second == pytest.approx(scores[1])
    wanted = stats.ttest_ind(*scores, equal_var=False).pvalue
    assert accuracy.seeds.p == pytest.approx(wanted)


def test_better_needs_items_and_seeds_that_agree():
    steady, better = group(reader, 0.6, 0.61, 0.6), group(reader, 0.8, 0.79, 0.81)
    found = compare(steady, better, "opinions")["test_accuracy"]
    assert (found.verdict, found.p < 0.05, found.seeds.p < 0.05) == ("better", True, True)
    unsteady = group(reader, 0.35, 0.8, 0.95)  # its median is far ahead, its mean is chance
    found = compare(steady, unsteady, "opinions")["test_accuracy"]
    assert (found.verdict, found.p < 0.05, found.seeds.p < 0.05) == ("not significant", True, False)


def test_a_group_beside_itself_is_flat():
    for frame, corpus in (
        (group(reader, 0.6, 0.7), "opinions"),
        (group(translator, 0.7, 0.8, size=20), "verses"),
        (group(writer, 1.5, 1.4), "shakespeare"),
    ):
        for found in compare(frame, frame, corpus).values():
            assert (found.p, found.seeds.p, found.verdict) == (1.0, 1.0, "not significant")


def test_beside_one_model_there_is_no_test_over_seeds():
    found = compare(reader(0.6), group(reader, 0.8, 0.79, 0.81), "opinions")["test_accuracy"]
    assert (found.seeds, found.first_seed, found.second_seed) == (None, None, 1)
    assert found.verdict == "better"


def test_several_groups_are_corrected_over_seeds_too():
    first = group(reader, 0.6, 0.62, 0.64)
    others = [group(reader, *some) for some in ((0.7, 0.72, 0.69), (0.66, 0.7, 0.71))]
    found = [significance.compare(first, one, CORPUS, resamples=99) for one in others]
    plain = [one[0].seeds.p for one in found]
    corrected = [one[0].seeds.p for one in significance.holm_corrected(found)]
    assert corrected == pytest.approx(resampling.holm(plain))
    assert corrected != pytest.approx(plain)


def test_numbers_that_do_not_scatter_at_all():
    assert resampling.welch([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert resampling.welch([1.0, 1.0], [2.0, 2.0]) == 0.0
