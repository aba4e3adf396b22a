"""The evaluations of one model trained from several seeds, as one evaluation.

Means and how far the seeds scatter, after Reimers and Gurevych (2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.config.parts import MEMBER
from pipelines.evaluation import parts
from pipelines.evaluation.evaluate import EvaluationResult
from pipelines.evaluation.metrics import MetricValues, scores_only
from pipelines.evaluation.seed_statistics import SeedStatistics, with_suffixes

LEVEL = 0.95  # of the interval


def aggregate(results: Mapping[int, EvaluationResult]) -> EvaluationResult:
    """Combine the evaluations of several seeds.

    Metrics are means over the seeds; predictions are stacked, with a column `seed`; the analysis is
    that of the first seed.

    Args:
        results: at least two evaluations, by seed.
    """
    first = next(iter(results.values()))
    parts = []
    for seed, result in results.items():
        part = result.predictions.copy()
        part.insert(0, "seed", seed)
        parts.append(part)
    return replace(
        first,
        metrics=means([result.metrics for result in results.values()]),
        predictions=pd.concat(parts, ignore_index=True),
    )


def member_means(results: Sequence[EvaluationResult]) -> MetricValues:
    """Return the mean score of the members of an ensemble, and its statistics, as a part."""
    values = means([result.metrics for result in results])
    return parts.with_prefix(
        MEMBER, {"seeds": len(results)} | scores_only(parts.of_part(values, None))
    )


def means(values_by_seed: Sequence[MetricValues]) -> MetricValues:
    """Compute the mean of each metric and its statistics over the seeds.

    Counts and texts are the same for all seeds and kept.
    """
    means: MetricValues = {"seeds": len(values_by_seed)}
    for key, value in values_by_seed[0].items():
        name = key.rpartition(parts.SEPARATOR)[2]
        if not (name.startswith("test_") and isinstance(value, float)):
            means[key] = value
            continue
        numbers = [float(metrics[key]) for metrics in values_by_seed]
        means |= {key: float(np.mean(numbers))} | with_suffixes(key, statistics(numbers))
    return means


def statistics(numbers: Sequence[float]) -> SeedStatistics:
    """Compute the interval of the mean of at least two numbers by Student's t (1908)."""
    from scipy import special

    values = np.array(numbers)
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    error = deviation / np.sqrt(len(values))
    low, high = (
        mean + error * special.stdtrit(len(values) - 1, (1 + side * LEVEL) / 2) for side in (-1, 1)
    )
    return SeedStatistics(deviation, float(low), float(high))
