"""Splits of rows into train, valid and test: a pure function of the rows and the seed.

Rows are numbers here, and their groups and labels codes of four bytes, so that a corpus needs not
fit into memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.config.params import FractionSplit
from pipelines.errors import UserError

PARTS = ("train", "valid", "test")
TRAIN, VALID, TEST = range(len(PARTS))
Codes = npt.NDArray[np.integer]  # per row: the number of its part, of its group, of its label
Order = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class SplitColumns:
    """Columns of a corpus that decide its split.

    Attributes:
        rows: their number.
        groups: number of the group of each row, (rows,); a group stays in one part.
        unit: name of the groups, for messages.
        labels: number of the label of each row, (rows,), for `stratified`.
        label_names: the labels by their number.
        lengths: characters of each row of a running text, (rows,), for `contiguous`.
    """

    rows: int
    groups: Codes | None = None
    unit: str = "rows"
    labels: Codes | None = None
    label_names: Sequence[str] = ()
    lengths: Codes | None = None


def assign(columns: SplitColumns, config: FractionSplit, seed: int) -> tuple[Order, Codes]:
    """Return the order of the rows, (rows,), and the part of each row in this order, (rows,).

    `contiguous` keeps the order of the rows: the first ones are train (with `valid_first` valid),
    the last ones test. `shuffled` and `stratified` permute them, and the training rows stay in the
    permuted order. Fractions are of the groups of rows that share the column `by` or are
    near-duplicates, rounded, and at least one group; of a running text without groups they are of
    its length in characters, cut at the nearest end of a row.

    Args:
        columns: of the cleaned rows.
        config: `split` of the corpus.
        seed: of the permutation.

    Raises:
        UserError: there are fewer than three rows or groups, with `stratified` of a label. A label
            of one or two rows is in train only.
    """
    generator = np.random.default_rng(seed)
    order = np.arange(columns.rows, dtype=np.uint32)
    if config.method == "contiguous":
        if columns.groups is None and columns.lengths is not None:
            return order, _by_length(columns.lengths, config)
    else:
        generator.shuffle(order)
    groups = None if columns.groups is None else columns.groups[order]
    if config.method == "stratified":
        assert columns.labels is not None  # the config refuses it otherwise
        labels = columns.labels[order]
        return order, _stratified(labels, columns.label_names, groups, config)
    codes, count = _by_appearance(groups) if groups is not None else (None, columns.rows)
    if config.method == "shuffled":
        # Permute again: in order of first appearance, large groups come before small ones.
        shuffled = np.arange(count, dtype=np.uint32)
        generator.shuffle(shuffled)
        codes = shuffled if codes is None else shuffled[codes]
    parts = _cut(count, config, columns.unit)
    return order, parts if codes is None else parts[codes]


def _by_appearance(groups: Codes) -> tuple[Codes, int]:
    """Return the number of each row's group, in order of first appearance, and their count."""
    _, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.uint32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.uint32)
    return rank[codes], len(first)


def _cut(count: int, config: FractionSplit, unit: str) -> Codes:
    """Return the part of each of `count` consecutive rows or groups, (count,)."""
    valid, test = (max(1, round(fraction * count)) for fraction in (config.valid, config.test))
    train = count - valid - test
    if train < 1:
        raise UserError(f"{count} {unit} are too few to split into train, valid and test.")
    sizes = np.array((train, valid, test))
    order = _order(config)
    return np.repeat(np.array(order, np.int8), sizes[order])


def _order(config: FractionSplit) -> list[int]:
    """Return the parts in the order of their rows."""
    return [VALID, TRAIN, TEST] if config.valid_first else [TRAIN, VALID, TEST]


def _stratified(
    labels: Codes, names: Sequence[str], groups: Codes | None, config: FractionSplit
) -> Codes:
    """Return the part of each row; every label is cut by itself, (rows,).

    A group counts for the label of its first row.
    """
    if groups is None:
        return _cut_each(labels, names, "rows", config)
    codes, count = _by_appearance(groups)
    label_of_group = np.empty(count, labels.dtype)
    label_of_group[codes[::-1]] = labels[::-1]  # the first row is written last
    return _cut_each(label_of_group, names, "groups of near-duplicates", config)[codes]


def _cut_each(labels: Codes, names: Sequence[str], unit: str, config: FractionSplit) -> Codes:
    """Return the part of each row or group; a label of fewer rows than parts is in train only."""
    parts = np.full(len(labels), TRAIN, np.int8)
    for number, name in enumerate(names):
        rows = np.flatnonzero(labels == number)
        if len(rows) >= len(PARTS) or (len(rows) and unit != "rows"):
            parts[rows] = _cut(len(rows), config, f"{unit} of the label '{name}'")
    if not (parts == TEST).any():
        raise UserError("No label has three rows, too few to split into train, valid and test.")
    return parts


def _by_length(lengths: Codes, config: FractionSplit) -> Codes:
    """Return the part of each row of a running text, cut by characters instead of rows, (rows,)."""
    rows = len(lengths)
    if rows < len(PARTS):
        raise UserError(f"{rows} rows are too few to split into train, valid and test.")
    ends = np.cumsum(lengths, dtype=np.int64)
    ends += np.arange(1, rows + 1)  # the end of a row counts as a character
    fraction = config.valid if config.valid_first else 1 - config.valid - config.test
    first_cut, second_cut = (
        1 + int(np.abs(ends - ends[-1] * part).argmin()) for part in (fraction, 1 - config.test)
    )
    first_cut = min(first_cut, rows - 2)
    second_cut = min(max(second_cut, first_cut + 1), rows - 1)
    sizes = (first_cut, second_cut - first_cut, rows - second_cut)
    return np.repeat(np.array(_order(config), np.int8), sizes)
