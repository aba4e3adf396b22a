"""One frame -> train, valid and test frames, as a pure function of the rows and the seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines import params
from pipelines.errors import Refusal

Codes = npt.NDArray[np.intp]


def split(frame: pd.DataFrame, how: params.Split, seed: int) -> dict[str, pd.DataFrame]:
    """Train, valid and test; rows that share the column `how.by` are never parted.

    `contiguous` keeps the order of the rows: the first go to train, the last to test. `shuffled`
    draws them, and the training rows stay in the order drawn. Shares are of the groups, rounded,
    and at least one.

    Raises:
        Refusal: there are fewer than three rows, or groups of rows.
    """
    generator = np.random.default_rng(seed)
    if how.method == "shuffled":
        frame = frame.iloc[generator.permutation(len(frame))]
    codes, count = _groups(frame, how.by)
    if how.method == "shuffled":
        # Drawn anew: by first appearance, large groups would come before small ones.
        codes = generator.permutation(count)[codes]
    valid, test = (max(1, round(share * count)) for share in (how.valid, how.test))
    train = count - valid - test
    if train < 1:
        things = f"different values of '{how.by}'" if how.by else "rows"
        raise Refusal(f"{count} {things} are too few to split into train, valid and test.")
    parts = {
        "train": codes < train,
        "valid": (codes >= train) & (codes < train + valid),
        "test": codes >= train + valid,
    }
    return {name: frame[rows].reset_index(drop=True) for name, rows in parts.items()}


def _groups(frame: pd.DataFrame, by: str | None) -> tuple[Codes, int]:
    """The number of each row's group, in order of first appearance, and how many there are."""
    if by is None:
        return np.arange(len(frame)), len(frame)
    codes, known = pd.factorize(frame[by])
    return codes, len(known)
