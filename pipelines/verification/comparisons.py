"""Comparison of a second training or evaluation with the recorded one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.evaluation import seed_statistics
from pipelines.training import step_metrics
from pipelines.verification.check_result import CLOSE, DIFFERENT, WITHIN

Losses = npt.NDArray[np.float64]

# Relative difference up to which a result of one seed is called close. Nothing says how much of it
# is noise, so the difference is always shown.
CLOSE_LIMIT = 0.01


@dataclass(frozen=True)
class Comparison:
    """Result of comparing two trainings or evaluations.

    Attributes:
        status: close, within tolerance, or different.
        relative: largest relative difference; infinite if there is nothing to compare.
        details: numbers, in a few words each.
    """

    status: str
    relative: float
    details: tuple[str, ...]


def first_difference(left: Losses, right: Losses) -> int | None:
    """Return the first index at which two sequences are not bit-identical; None if they are."""
    length = min(len(left), len(right))
    indices = np.flatnonzero(left[:length] != right[:length])
    if len(indices):
        return int(indices[0])
    return None if len(left) == len(right) else length


def compare_losses(model: Path, recorded_model: Path) -> Comparison:
    """Compare the mean losses of the last tenth of the training steps."""
    losses, recorded = step_metrics.read_losses(model), step_metrics.read_losses(recorded_model)
    step = first_difference(losses, recorded)
    if step is None:
        return _different("its losses are the same")
    if not len(losses) or len(losses) != len(recorded):
        return _different("it has a different number of steps")
    tail = max(1, len(losses) // 10)
    means = [float(part[-tail:].mean()) for part in (losses, recorded)]
    relative = _relative_difference(*means)
    return Comparison(
        CLOSE if relative <= CLOSE_LIMIT else DIFFERENT,
        relative,
        (
            f"the first step that differs is {step + 1} of {len(losses)}",
            f"the last steps have {means[0]:.4f} nats and had {means[1]:.4f}",
        ),
    )


def compare_metrics(file: Path, recorded_file: Path) -> Comparison:
    """Compare all metrics of an evaluation.

    A model of several seeds has a tolerance, see `seed_tolerance`: the result is within it or
    different. A result of one seed is close or different.
    """
    metrics, recorded = (
        json.loads(path.read_text(encoding="utf-8")) for path in (file, recorded_file)
    )
    pairs = {
        key: (metrics.get(key), value)
        for key, value in recorded.items()
        if isinstance(value, int | float) and not _is_statistic(key, recorded)
    }
    if any(not isinstance(value, int | float) for value, _ in pairs.values()):
        return _different("it has different metrics")
    relative = {key: _relative_difference(*pair) for key, pair in pairs.items()}
    if not any(relative.values()):
        return Comparison(CLOSE, 0.0, ("its metrics are the same",))
    tolerances = {key: seed_tolerance(recorded, key) for key in pairs}
    outside = [
        key
        for key, tolerance in tolerances.items()
        if tolerance is not None and abs(pairs[key][0] - pairs[key][1]) > tolerance
    ]
    untested = [key for key, tolerance in tolerances.items() if tolerance is None]
    key = max(outside or relative, key=lambda name: relative[name])
    details = [f"{key} is {pairs[key][0]:.6g} and was {pairs[key][1]:.6g}"]
    if tolerances[key] is not None:
        details.append(f"the spread over seeds allows {tolerances[key]:.3g}")
    if outside or any(relative[name] > CLOSE_LIMIT for name in untested):
        status = DIFFERENT
    else:
        status = CLOSE if any(relative[name] for name in untested) else WITHIN
    return Comparison(status, relative[key], tuple(details))


def seed_tolerance(metrics: Mapping[str, Any], key: str) -> float | None:
    """Return by how much the mean of a group of seeds may differ; None for a single seed.

    Two groups of n other seeds would differ by a standard error of sd sqrt(2 / n); the tolerance is
    two of these. A second machine that changes the mean by more changes it more than new seeds do.
    """
    statistics, count = seed_statistics.statistics_of(metrics, key), metrics.get("seeds")
    if statistics is None or not isinstance(count, int):
        return None
    return 2 * statistics.sd * math.sqrt(2 / count)


def _is_statistic(key: str, metrics: Mapping[str, Any]) -> bool:
    """Return True for the standard deviation and interval of a metric."""
    metric, _, suffix = key.rpartition("_")
    return suffix in seed_statistics.SUFFIXES and metric in metrics


def _different(detail: str) -> Comparison:
    return Comparison(DIFFERENT, math.inf, (detail,))


def _relative_difference(left: float, right: float) -> float:
    return abs(left - right) / max(abs(left), abs(right), 1e-12)
