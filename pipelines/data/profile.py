"""Profile of prepared text, with which new text is compared."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines import files
from pipelines.config import task_schemas
from pipelines.config.params import Corpus
from pipelines.data import languages
from pipelines.data.split_statistics import homogeneity_p, total_variation
from pipelines.errors import UserError

SAMPLE = 5000  # rows whose languages and scripts are identified
CHANCE_LEVEL = 0.001  # of the chi-squared test that chance explains a distance
LENGTH_GROUPS = 10  # into which the lengths of training are divided
_BINS_PER_OCTAVE = 8

Keys = npt.NDArray[np.uint64]


class Profile:
    """Profile of the rows of all batches so far.

    It depends neither on the order of the rows nor on the sizes of the batches, and its memory does
    not depend on their number.

    Args:
        corpus: configuration of the corpus.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._schema = task_schemas.get(corpus.task)
        self._rows = 0
        self._lengths: dict[str, Counter[int]] = {}
        self._tokens: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._sample, self._keys = pd.DataFrame(), np.empty(0, np.uint64)

    def add(self, batch: pd.DataFrame) -> None:
        """Add prepared rows.

        Args:
            batch: `document`, `line`, columns of the task, and `tokens <text column>`. Text columns
                without such a measure, and the label, may be absent.
        """
        self._rows += len(batch)
        columns = [name for name in self._schema.text_columns if f"tokens {name}" in batch]
        for column in columns:
            lengths = batch[f"tokens {column}"].to_numpy(np.int64)
            self._tokens[column] += int(lengths.sum())
            values, counts = np.unique(_length_bins(lengths), return_counts=True)
            totals = self._lengths.setdefault(column, Counter())
            totals.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        label = self._schema.label_column
        if label is not None and label in batch:
            for value, count in batch[label].value_counts().items():
                for part in str(value).split() if self._schema.labels_per_token else [str(value)]:
                    self._labels[part] += int(count)
        self._add_to_sample(batch[["document", "line", *columns]])

    def _add_to_sample(self, batch: pd.DataFrame) -> None:
        """Keep the rows with the smallest keys, which are pseudorandom."""
        keys = np.concatenate([self._keys, _row_keys(batch)])
        rows = pd.concat([self._sample, batch], ignore_index=True)
        if len(keys) > SAMPLE:
            candidates = np.flatnonzero(keys <= np.partition(keys, SAMPLE - 1)[SAMPLE - 1])
            rows = rows.iloc[candidates].assign(key=keys[candidates])
            rows = rows.sort_values(["key", *batch.columns]).iloc[:SAMPLE]
            keys = rows.pop("key").to_numpy(np.uint64)
        self._sample, self._keys = rows, keys

    def to_json(self, unknown_rates: Mapping[str, float]) -> dict[str, Any]:
        """Return the profile as a tree for JSON.

        Args:
            unknown_rates: share of the tokens outside the vocabulary, by column.
        """
        columns = {}
        for column, lengths in self._lengths.items():
            texts = list(self._sample[column])
            columns[column] = {
                "tokens": self._tokens[column],
                "unknown_rate": round(unknown_rates[column], 6),
                "lengths": {str(length): count for length, count in sorted(lengths.items())},
                "languages": dict(sorted(languages.count_languages(texts).items())),
                "scripts": dict(sorted(languages.count_scripts(texts).items())),
            }
        return {
            "rows": self._rows,
            "columns": columns,
            "labels": dict(sorted(self._labels.items())),
        }


def read(path: Path) -> dict[str, Any]:
    """Read a profile.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        tree = files.read_json(path, dict[str, Any])
        compare(tree, tree)
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist. Run `seqproof run preprocess@{path.stem}`."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise UserError(
            f"{path} is not a valid profile. Delete it and run "
            f"`seqproof run preprocess@{path.stem}`."
        ) from None
    return tree


# Comparison --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drift:
    """Drift of one measure between new text and training text.

    Attributes:
        measure: for example `lengths of text`.
        distance: total variation distance of two distributions, or difference of two rates.
        is_chance: whether chance explains it (chi-squared test).
        train: value of the training text, in a few words.
        new: value of the new text.
    """

    measure: str
    distance: float
    is_chance: bool
    train: str
    new: str


def compare(train: Mapping[str, Any], new: Mapping[str, Any]) -> list[Drift]:
    """Compare the profile of new text with that of the training text.

    Args:
        train: profile of the training text.
        new: profile of new text, which may lack columns and labels.
    """
    differences = []
    for column, profile in new["columns"].items():
        trained = train["columns"][column]
        differences += [
            _lengths(column, trained["lengths"], profile["lengths"]),
            _unknown(column, trained, profile),
            _shares(f"languages of {column}", trained["languages"], profile["languages"]),
            _shares(f"scripts of {column}", trained["scripts"], profile["scripts"]),
        ]
    if new["labels"]:
        differences.append(_shares("labels", train["labels"], new["labels"]))
    return differences


def _lengths(column: str, train: Mapping[str, int], new: Mapping[str, int]) -> Drift:
    """Compare lengths in groups that hold about a tenth of the training texts each."""
    counts = sorted((int(length), int(count)) for length, count in train.items())
    total, below, bounds = sum(count for _, count in counts), 0, list[int]()
    for length, count in counts:
        below += count
        if below >= total * (len(bounds) + 1) / LENGTH_GROUPS:
            bounds.append(length)
    if counts:
        bounds.insert(0, counts[0][0] - 1)  # shorter texts than any of training
    groups = [
        _group((np.searchsorted(bounds, int(length)), count) for length, count in part.items())
        for part in (train, new)
    ]
    medians = [f"median {_median(part)} tokens" for part in (train, new)]
    return _difference(f"lengths of {column}", groups, medians)


def _unknown(column: str, train: Mapping[str, Any], new: Mapping[str, Any]) -> Drift:
    rates = float(train["unknown_rate"]), float(new["unknown_rate"])
    counts = [
        Counter(
            {"unknown": round(rate * part["tokens"]), "known": round((1 - rate) * part["tokens"])}
        )
        for rate, part in zip(rates, (train, new), strict=True)
    ]
    return _difference(f"unknown tokens of {column}", counts, [f"{rate:.2%}" for rate in rates])


def _shares(measure: str, train: Mapping[str, int], new: Mapping[str, int]) -> Drift:
    """Compare two distributions; the words are about the value whose share has moved most."""
    counts = [Counter(train), Counter(new)]
    values = sorted({*train, *new})
    shares = [{x: part[x] / max(1, part.total()) for x in values} for part in counts]
    if not values or not new:
        return Drift(measure, 0.0, True, "none", "none")
    moved = max(values, key=lambda x: (abs(shares[0][x] - shares[1][x]), shares[0][x]))
    return _difference(measure, counts, [f"{part[moved]:.1%} {moved}" for part in shares])


def _difference(measure: str, counts: Sequence[Counter[str]], values: Sequence[str]) -> Drift:
    """Return the distance of the counts of training and new text, and their values in words."""
    train, new = counts
    is_chance = homogeneity_p(+train, +new) >= CHANCE_LEVEL
    return Drift(measure, total_variation(train, new), is_chance, *values)


def _group(items: Iterable[tuple[Any, int]]) -> Counter[str]:
    groups: Counter[str] = Counter()
    for group, count in items:
        groups[str(group)] += int(count)
    return groups


def _median(lengths: Mapping[str, int]) -> int:
    below, total = 0, sum(lengths.values())
    for length, count in sorted((int(length), count) for length, count in lengths.items()):
        below += count
        if 2 * below >= total:
            return length
    return 0


def _length_bins(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return lengths rounded down to eight values per octave, so that there are few of them."""
    exponents = np.frexp(lengths.astype(np.float64))[1]
    steps = np.maximum(1, 2.0 ** (exponents - 1) / _BINS_PER_OCTAVE).astype(np.int64)
    return lengths // steps * steps


def _row_keys(rows: pd.DataFrame) -> Keys:
    """Return a pseudorandom number for each row, made of its document and line."""
    documents = {name: zlib.crc32(str(name).encode()) for name in rows["document"].unique()}
    upper = rows["document"].map(documents).to_numpy(np.uint64) << np.uint64(32)
    keys: Keys = upper ^ rows["line"].to_numpy(np.int64).astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))
