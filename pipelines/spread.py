"""How far the results of several seeds lie apart, in a metrics file: beside the mean `<key>` of a
group stand `<key>_sd`, `<key>_low` and `<key>_high`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

ENDINGS = ("sd", "low", "high")


class Spread(NamedTuple):
    """Of a result over seeds.

    Attributes:
        sd: standard deviation of the seeds.
        low: of Student's interval of the mean, 95 %.
        high: the same.
    """

    sd: float
    low: float
    high: float


def named(key: str, spread: Spread) -> dict[str, float]:
    """As a metrics file has it."""
    return {f"{key}_{ending}": value for ending, value in zip(ENDINGS, spread, strict=True)}


def of(metrics: Mapping[str, Any], key: str) -> Spread | None:
    """That of a result; None of a model that is no group."""
    keys = [f"{key}_{ending}" for ending in ENDINGS]
    return Spread(*(float(metrics[one]) for one in keys)) if metrics.keys() >= set(keys) else None


def results(metrics: Mapping[str, Any]) -> list[str]:
    """The keys of what was found in the test, without their spread."""
    spreads = {one for key in metrics if of(metrics, key) for one in named(key, Spread(0, 0, 0))}
    return [key for key in metrics if key.startswith("test_") and key not in spreads]
