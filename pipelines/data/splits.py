"""One frame -> train, valid and test frames, as a pure function of the rows and the seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config.params import FractionSplit, GivenSplit, Split
from pipelines.errors import UserError

PARTS = ("train", "valid", "test")
TRAIN, VALID, TEST = range(len(PARTS))
Codes = npt.NDArray[np.intp]  # a number for each row: of its part, or of its group


def split(frame: pd.DataFrame, how: Split, seed: int) -> dict[str, pd.DataFrame]:
    """Train, valid and test; rows that share the column `how.by` are never parted.

    `given` goes by the files. `contiguous` keeps the order of the rows: the first go to train (of
    `valid_first` to valid), the last to test. `shuffled` and `stratified` draw them, and the
    training rows stay in the order drawn. Shares are of the groups, rounded, and at least one; of a
    running text without `by` they are of its length in characters, cut at the nearest end of a row.

    Raises:
        Refusal: there are fewer than three rows, or groups of rows; or a part has no row left.
    """
    generator = np.random.default_rng(seed)
    if isinstance(how, FractionSplit) and how.method != "contiguous":
        frame = frame.iloc[generator.permutation(len(frame))]
    if isinstance(how, GivenSplit):
        part = _given(frame, how)
    elif how.method == "stratified":
        part = _stratified(frame, how)
    elif how.method == "contiguous" and how.by is None and _is_running_text(frame):
        part = _by_length(frame["text"], how)
    else:
        codes, count = _groups(frame, how.by)
        if how.method == "shuffled":
            # Drawn anew: by first appearance, large groups would come before small ones.
            codes = generator.permutation(count)[codes]
        things = f"different values of '{how.by}'" if how.by else "rows"
        part = _cut(count, how, things)[codes]
    return {name: frame[part == number].reset_index(drop=True) for number, name in enumerate(PARTS)}


def _groups(frame: pd.DataFrame, by: str | None) -> tuple[Codes, int]:
    """The number of each row's group, in order of first appearance, and how many there are."""
    if by is None:
        return np.arange(len(frame)), len(frame)
    codes, known = pd.factorize(frame[by])
    return codes, len(known)


def _cut(count: int, how: FractionSplit, things: str) -> Codes:
    """The part of each of so many things in a row, the last of them test: (count,)."""
    valid, test = (max(1, round(share * count)) for share in (how.valid, how.test))
    train = count - valid - test
    if train < 1:
        raise UserError(f"{count} {things} are too few to split into train, valid and test.")
    sizes = np.array((train, valid, test))
    order = _order(how)
    return np.repeat(order, sizes[order])


def _order(how: FractionSplit) -> list[int]:
    """Which part stands before which."""
    return [VALID, TRAIN, TEST] if how.valid_first else [TRAIN, VALID, TEST]


def _given(frame: pd.DataFrame, how: GivenSplit) -> Codes:
    named = (how.train, how.valid, how.test)
    part_of = {file: number for number, files in enumerate(named) for file in files}
    part = np.array([part_of[document] for document in frame["document"]], np.intp)
    for number, name in enumerate(PARTS):
        if not (part == number).any():
            raise UserError(
                f"No row of {', '.join(named[number])} is left for '{name}': raise "
                "'cleaning.max_length', or mend the file."
            )
    return part


def _stratified(frame: pd.DataFrame, how: FractionSplit) -> Codes:
    """Every label is cut for itself, so that all parts have the shares of the whole."""
    part = np.empty(len(frame), np.intp)
    for label, rows in frame.groupby("label").indices.items():
        part[rows] = _cut(len(rows), how, f"rows of the label '{label}'")
    return part


def _is_running_text(frame: pd.DataFrame) -> bool:
    return "text" in frame and "label" not in frame


def _by_length(texts: pd.Series[str], how: FractionSplit) -> Codes:
    """Cut a running text where its characters, not its rows, have the shares asked for."""
    rows = len(texts)
    if rows < len(PARTS):
        raise UserError(f"{rows} rows are too few to split into train, valid and test.")
    ends = (texts.str.len() + 1).cumsum().to_numpy()  # the end of a row is a character too
    first = how.valid if how.valid_first else 1 - how.valid - how.test
    one, two = (
        1 + int(np.abs(ends - ends[-1] * share).argmin()) for share in (first, 1 - how.test)
    )
    one = min(one, rows - 2)
    two = min(max(two, one + 1), rows - 1)
    return np.repeat(_order(how), (one, two - one, rows - two))
