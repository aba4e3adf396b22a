"""Splits of a frame into train, valid and test: a pure function of the rows and the seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import FractionSplit, GivenSplit, Split, Task
from pipelines.errors import UserError

PARTS = ("train", "valid", "test")
TRAIN, VALID, TEST = range(len(PARTS))
Codes = npt.NDArray[np.intp]  # per row: the number of its part, or of its group


def split(frame: pd.DataFrame, config: Split, task: Task, seed: int) -> dict[str, pd.DataFrame]:
    """Return the train, valid and test frames.

    `given` assigns rows by their files. `contiguous` keeps the order of the rows: the first ones
    are train (with `valid_first` valid), the last ones test. `shuffled` and `stratified` permute
    them, and the training rows stay in the permuted order. Fractions are of the groups of rows that
    share the column `by`, rounded, and at least one group; of a running text without `by` they are
    of its length in characters, cut at the nearest end of a row.

    Args:
        frame: cleaned rows.
        config: `split` of the corpus.
        task: task of the corpus.
        seed: of the permutation.

    Raises:
        UserError: there are fewer than three rows or groups, or a part has no rows.
    """
    schema = task_schemas.get(task)
    generator = np.random.default_rng(seed)
    if isinstance(config, FractionSplit) and config.method != "contiguous":
        frame = frame.iloc[generator.permutation(len(frame))]
    if isinstance(config, GivenSplit):
        part = _by_file(frame, config)
    elif config.method == "stratified":
        assert schema.label_column is not None  # the config refuses it otherwise
        part = _stratified(frame, schema.label_column, config)
    elif config.method == "contiguous" and config.by is None and schema.running_text:
        part = _by_length(frame[schema.columns[0]], config)
    else:
        codes, count = _groups(frame, config.by)
        if config.method == "shuffled":
            # Permute again: in order of first appearance, large groups come before small ones.
            codes = generator.permutation(count)[codes]
        unit = f"different values of '{config.by}'" if config.by else "rows"
        part = _cut(count, config, unit)[codes]
    return {name: frame[part == number].reset_index(drop=True) for number, name in enumerate(PARTS)}


def _groups(frame: pd.DataFrame, by: str | None) -> tuple[Codes, int]:
    """Return the number of each row's group, in order of first appearance, and their count."""
    if by is None:
        return np.arange(len(frame)), len(frame)
    codes, values = pd.factorize(frame[by])
    return codes, len(values)


def _cut(count: int, config: FractionSplit, unit: str) -> Codes:
    """Return the part of each of `count` consecutive rows or groups, (count,)."""
    valid, test = (max(1, round(fraction * count)) for fraction in (config.valid, config.test))
    train = count - valid - test
    if train < 1:
        raise UserError(f"{count} {unit} are too few to split into train, valid and test.")
    sizes = np.array((train, valid, test))
    order = _order(config)
    return np.repeat(order, sizes[order])


def _order(config: FractionSplit) -> list[int]:
    """Return the parts in the order of their rows."""
    return [VALID, TRAIN, TEST] if config.valid_first else [TRAIN, VALID, TEST]


def _by_file(frame: pd.DataFrame, config: GivenSplit) -> Codes:
    """Return the part of each row by its file, (rows,)."""
    files_of_parts = (config.train, config.valid, config.test)
    part_of = {file: number for number, files in enumerate(files_of_parts) for file in files}
    part = np.array([part_of[document] for document in frame["document"]], np.intp)
    for number, name in enumerate(PARTS):
        if not (part == number).any():
            raise UserError(
                f"After cleaning, '{name}' has no rows of {', '.join(files_of_parts[number])}. "
                "Raise 'cleaning.max_length', or correct the files."
            )
    return part


def _stratified(frame: pd.DataFrame, label_column: str, config: FractionSplit) -> Codes:
    """Return the part of each row; every label is cut by itself, (rows,)."""
    part = np.empty(len(frame), np.intp)
    for label, rows in frame.groupby(label_column).indices.items():
        part[rows] = _cut(len(rows), config, f"rows of the label '{label}'")
    return part


def _by_length(texts: pd.Series[str], config: FractionSplit) -> Codes:
    """Return the part of each row of a running text, cut by characters instead of rows, (rows,)."""
    rows = len(texts)
    if rows < len(PARTS):
        raise UserError(f"{rows} rows are too few to split into train, valid and test.")
    ends = (texts.str.len() + 1).cumsum().to_numpy()  # the end of a row counts as a character
    fraction = config.valid if config.valid_first else 1 - config.valid - config.test
    first_cut, second_cut = (
        1 + int(np.abs(ends - ends[-1] * part).argmin()) for part in (fraction, 1 - config.test)
    )
    first_cut = min(first_cut, rows - 2)
    second_cut = min(max(second_cut, first_cut + 1), rows - 1)
    return np.repeat(_order(config), (first_cut, second_cut - first_cut, rows - second_cut))
