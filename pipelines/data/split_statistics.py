"""Comparisons of rows and splits: repeated texts, contradictory labels, shifted distributions.

All are linear in the number of rows and keep eight bytes of a text.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Flags = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]  # equal for equal texts


class _PunctuationToBlank(dict[int, int | str]):
    """Table of `str.translate`; the characters of a corpus are looked up once."""

    def __missing__(self, code: int) -> int | str:
        is_punctuation = unicodedata.category(chr(code)).startswith("P")
        self[code] = value = " " if is_punctuation else code
        return value


_TABLE = _PunctuationToBlank()


def fold(text: str) -> str:
    """Return the text without case and punctuation, and with single blanks.

    Combining marks and symbols stay. A text of punctuation only is returned with single blanks.
    """
    return " ".join(text.casefold().translate(_TABLE).split()) or " ".join(text.split())


def folded_keys(columns: Sequence[Iterable[str]]) -> Keys:
    """Return a key for each row, equal where all columns are equal after `fold`, (rows,)."""
    return _keys(columns, folded=True)


def exact_keys(columns: Sequence[Iterable[str]]) -> Keys:
    """Return a key for each row, equal where all columns are equal, (rows,)."""
    return _keys(columns, folded=False)


def _keys(columns: Sequence[Iterable[str]], folded: bool) -> Keys:
    rows = zip(*columns, strict=True)
    # Python's hashes differ between processes, but which of them are equal does not.
    hashes = (hash(tuple(map(fold, row)) if folded else row) for row in rows)
    return np.fromiter(hashes, np.int64)


def has_several_labels(keys: Keys, labels: Sequence[str]) -> Flags:
    """Return True for rows whose key occurs with another label, too, (rows,)."""
    frame = pd.DataFrame({"key": keys, "label": pd.factorize(np.asarray(labels, object))[0]})
    groups = frame.groupby("key")["label"]
    differs: Flags = (groups.transform("min") != groups.transform("max")).to_numpy()
    return differs


def total_variation(left: Counter[str], right: Counter[str]) -> float:
    """Return the total variation distance of two label distributions, between 0 and 1."""
    totals = max(1, left.total()), max(1, right.total())
    shares = ((left[label] / totals[0], right[label] / totals[1]) for label in {*left, *right})
    return sum(abs(a - b) for a, b in sorted(shares)) / 2


def homogeneity_p(left: Counter[str], right: Counter[str]) -> float:
    """Return the p-value of the chi-squared test that two samples have one label distribution."""
    from scipy import stats

    labels = sorted({*left, *right})
    if len(labels) < 2 or not left.total() or not right.total():
        return 1.0
    table = [[counts[label] for label in labels] for counts in (left, right)]
    return float(stats.chi2_contingency(table).pvalue)
