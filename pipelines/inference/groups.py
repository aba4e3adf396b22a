"""The evaluations of one model trained from several seeds, as one: means, and how far they lie
apart (Reimers and Gurevych, 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.inference.evaluation import Evaluation, Metrics

LEVEL = 0.95  # of the interval
ENDINGS = ("sd", "low", "high")  # standard deviation, and the interval of the mean


def together(found: Mapping[int, Evaluation]) -> Evaluation:
    """Metrics of all seeds, predictions below each other with the seed beside each; pictures and
    sample are those of the first seed.

    Args:
        found: two at least, by their seeds.
    """
    first = next(iter(found.values()))
    parts = []
    for seed, one in found.items():
        part = one.predictions.copy()
        part.insert(0, "seed", seed)
        parts.append(part)
    return replace(
        first,
        metrics=spread([one.metrics for one in found.values()]),
        predictions=pd.concat(parts, ignore_index=True),
    )


def spread(several: list[Metrics]) -> Metrics:
    """The mean of each result, and beside it `<key>_sd`, `<key>_low` and `<key>_high`: the standard
    deviation of seeds, and Student's interval of the mean, 95 %.

    What is a count or a text is the same for all.
    """
    found: Metrics = {"seeds": len(several)}
    for key, value in several[0].items():
        if not (key.startswith("test_") and isinstance(value, float)):
            found[key] = value
            continue
        values = np.array([float(one[key]) for one in several])
        low, high = interval(values)
        deviation = float(values.std(ddof=1))
        said = zip(ENDINGS, (deviation, low, high), strict=True)
        found[key] = float(values.mean())
        found |= {f"{key}_{ending}": number for ending, number in said}
    return found


def interval(values: np.ndarray) -> tuple[float, float]:
    """Where the mean (N,) of all seeds lies, by Student's t (1908)."""
    from scipy import stats

    error = values.std(ddof=1) / np.sqrt(len(values))
    if error == 0:  # of which SciPy makes nan
        return float(values[0]), float(values[0])
    low, high = stats.t.interval(LEVEL, len(values) - 1, values.mean(), error)
    return float(low), float(high)
