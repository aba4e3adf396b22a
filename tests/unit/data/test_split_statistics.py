from collections import Counter

import numpy as np
import pytest
from scipy import stats

from pipelines.data import split_statistics as statistics


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("It's  GOOD!\n", "it s good"),
        ("Straße", "strasse"),
        ("!!! ...", "!!! ..."),
        ("1+2", "1+2"),
        ("«कि»", "कि"),  # the vowel sign is a combining mark
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert statistics.fold([text, "A", text]) == [folded, "a", folded]


def test_keys_are_equal_where_all_columns_are() -> None:
    left = statistics.folded_keys([["A b", "c"], ["x", "y"]])
    right = statistics.folded_keys([["a, B", "c"], ["X", "z"]])
    assert np.isin(left, right).tolist() == [True, False]
    assert not np.isin(statistics.exact_keys([["A"]]), statistics.exact_keys([["a"]])).any()


def test_total_variation() -> None:
    assert statistics.total_variation(Counter("aabb"), Counter("ab")) == 0
    assert statistics.total_variation(Counter("a"), Counter("b")) == 1
    assert statistics.total_variation(Counter("aaab"), Counter("aabb")) == pytest.approx(0.25)


def test_homogeneity_is_pearsons_test() -> None:
    left, right = Counter(a=60, b=30, c=10), Counter(a=50, b=30, c=40)
    total = left.total() + right.total()
    statistic = 0.0
    for counts in (left, right):
        for label in "abc":
            expected = counts.total() * (left[label] + right[label]) / total
            statistic += (counts[label] - expected) ** 2 / expected
    p = stats.chi2.sf(statistic, df=2)
    assert statistics.homogeneity_p(left, right) == pytest.approx(p)
    assert statistics.homogeneity_p(Counter("aa"), Counter("a")) == 1
    assert statistics.homogeneity_p(Counter("ab"), Counter()) == 1
