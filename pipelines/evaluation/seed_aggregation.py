"""The evaluations of one model trained from several seeds, as one: means, and how far they lie
apart (Reimers and Gurevych, 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.evaluation.seed_statistics import SeedStatistics, named
from pipelines.tasks.evaluation import Evaluation, Metrics

LEVEL = 0.95  # of the interval


def aggregate(found: Mapping[int, Evaluation]) -> Evaluation:
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
        metrics=means([one.metrics for one in found.values()]),
        predictions=pd.concat(parts, ignore_index=True),
    )


def means(several: list[Metrics]) -> Metrics:
    """The mean of each result, and its spread beside it; what is a count or a text is the same for
    all."""
    found: Metrics = {"seeds": len(several)}
    for key, value in several[0].items():
        if not (key.startswith("test_") and isinstance(value, float)):
            found[key] = value
            continue
        values = np.array([float(one[key]) for one in several])
        found |= {key: float(values.mean())} | named(key, _spread(values))
    return found


def _spread(values: np.ndarray) -> SeedStatistics:
    """Of values (N,), the interval of their mean by Student's t (1908)."""
    from scipy import stats

    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    if deviation == 0:  # of which SciPy makes nan
        return SeedStatistics(0.0, mean, mean)
    error = deviation / np.sqrt(len(values))
    low, high = stats.t.interval(LEVEL, len(values) - 1, mean, error)
    return SeedStatistics(deviation, float(low), float(high))
