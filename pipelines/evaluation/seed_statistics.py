"""Statistics over several seeds of one model, a group, in tables and metrics files.

A table has the column `seed`. A metrics file has, beside the mean `<key>`, the keys `<key>_sd`,
`<key>_low` and `<key>_high`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = ("sd", "low", "high")


class SeedStatistics(NamedTuple):
    """Statistics of a metric over seeds.

    Attributes:
        sd: standard deviation of the seeds.
        low: lower end of Student's 95 % interval of the mean.
        high: upper end of that interval.
    """

    sd: float
    low: float
    high: float


def by_seed(frame: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Return the rows of each seed without the column `seed`; empty for a model of one seed."""
    if "seed" not in frame:
        return {}
    rows = frame.drop(columns="seed")
    return {int(seed): rows[frame["seed"] == seed] for seed in frame["seed"].unique()}


def with_suffixes(key: str, statistics: SeedStatistics) -> dict[str, float]:
    """Return the statistics of a metric by their keys in a metrics file."""
    return {f"{key}_{suffix}": value for suffix, value in zip(SUFFIXES, statistics, strict=True)}


def statistics_of(metrics: Mapping[str, Any], key: str) -> SeedStatistics | None:
    """Return the statistics of a metric in a metrics file; None for a model of one seed."""
    keys = [f"{key}_{suffix}" for suffix in SUFFIXES]
    if not metrics.keys() >= set(keys):
        return None
    return SeedStatistics(*(float(metrics[key]) for key in keys))
