"""Several seeds of one model, a group, in the files of results.

In a table the column `seed` tells them apart; in a metrics file stand, beside the mean `<key>`,
`<key>_sd`, `<key>_low` and `<key>_high`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = ("sd", "low", "high")


class SeedStatistics(NamedTuple):
    """Of a result over seeds.

    Attributes:
        sd: standard deviation of the seeds.
        low: of Student's interval of the mean, 95 %.
        high: the same.
    """

    sd: float
    low: float
    high: float


def by_seed(frame: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """The rows of each seed, without the column `seed`; none of a model that is no group."""
    if "seed" not in frame:
        return {}
    own = frame.drop(columns="seed")
    return {int(seed): own[frame["seed"] == seed] for seed in frame["seed"].unique()}


def named(key: str, spread: SeedStatistics) -> dict[str, float]:
    """As a metrics file has it."""
    return {f"{key}_{ending}": value for ending, value in zip(ENDINGS, spread, strict=True)}


def of(metrics: Mapping[str, Any], key: str) -> SeedStatistics | None:
    """That of a result; None of a model that is no group."""
    keys = [f"{key}_{ending}" for ending in ENDINGS]
    return (
        SeedStatistics(*(float(metrics[one]) for one in keys))
        if metrics.keys() >= set(keys)
        else None
    )


def results(metrics: Mapping[str, Any]) -> list[str]:
    """The keys of what was found in the test, without their spread."""
    spreads = {f"{key}_{ending}" for key in metrics if of(metrics, key) for ending in ENDINGS}
    return [key for key in metrics if key.startswith("test_") and key not in spreads]
