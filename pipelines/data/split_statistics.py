"""Comparisons of rows and splits: repeated texts, contradictory labels, shifted distributions.

All are linear in the number of rows and keep eight bytes of a text.
"""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

Flags = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]  # equal for equal texts, in every process

CHUNK = 1 << 20  # characters that are folded together
BLANK, END = ord(" "), 0  # code points; END separates texts


def fold(texts: Sequence[str]) -> list[str]:
    """Return the texts without case and punctuation, and with single blanks.

    Combining marks and symbols stay. A text of punctuation only is returned with single blanks.
    """
    return [folded for chunk in _chunks(texts) for folded in _fold_chunk(chunk)]


def folded_keys(columns: Sequence[Sequence[str]]) -> Keys:
    """Return a key for each row, equal where all columns are equal after `fold`, (rows,)."""
    return combine_keys([exact_keys([fold(column)]) for column in columns])


def exact_keys(columns: Sequence[Sequence[str]]) -> Keys:
    """Return a key for each row, equal where all columns are equal, (rows,)."""
    return combine_keys(
        [
            pd.util.hash_array(np.asarray(column, object), categorize=False)  # SipHash
            for column in columns
        ]
    )


def combine_keys(columns: Sequence[Keys]) -> Keys:
    """Return a key for each row, equal where the keys of all columns are equal, (rows,)."""
    combined = columns[0]
    for column in columns[1:]:
        mixed = combined * np.uint64(0x9E3779B97F4A7C15) + column
        combined = pd.util.hash_array(mixed, categorize=False)
    return combined


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    chunk, size = [], 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size > CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _fold_chunk(texts: list[str]) -> Iterable[str]:
    """Fold all texts as one array of code points."""
    joined = "\0".join(text.replace("\0", " ") for text in texts).casefold()
    codes = _table()[np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)]
    is_blank = codes == BLANK
    codes = codes[~(is_blank & np.append(False, is_blank[:-1]))]
    ends = np.concatenate([[True], codes == END, [True]])
    codes = codes[~((codes == BLANK) & (ends[:-2] | ends[2:]))]
    folded = codes.tobytes().decode("utf-32-le", "surrogatepass").split("\0")
    return (
        text or " ".join(original.split()) for text, original in zip(folded, texts, strict=True)
    )


@cache
def _table() -> npt.NDArray[np.uint32]:
    """Return for each code point itself, or a blank for punctuation and white space."""
    codes = range(sys.maxunicode + 1)
    blank = [
        code
        for code, sign in zip(codes, map(chr, codes), strict=True)
        if sign.isspace() or unicodedata.category(sign).startswith("P")
    ]
    table = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    table[blank] = BLANK
    return table


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
