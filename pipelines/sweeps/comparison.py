"""Comparison of the winner of a sweep with the starting point, on the test split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["better", "worse", "not significant"]


@dataclass(frozen=True)
class ComparedMetric:
    """A metric of the test split, and the test of the difference.

    Attributes:
        key: of the metric.
        start: score of the starting point, the mean over its seeds.
        winner: score of the winner.
        start_seeds: score of each seed of the starting point.
        winner_seeds: score of each seed of the winner.
        low: lower end of the interval of the difference, at the corrected level.
        high: its upper end.
        p: p of the test by itself.
        corrected_p: p times the number of complete trials, at most 1.
        detectable: the smallest difference that the test finds with a probability of 0.8.
        verdict: the winner compared with the starting point, by the corrected p.
    """

    key: str
    start: float
    winner: float
    start_seeds: tuple[float, ...]
    winner_seeds: tuple[float, ...]
    low: float
    high: float
    p: float
    corrected_p: float
    detectable: float
    verdict: Verdict


@dataclass(frozen=True)
class Confirmation:
    """Winner and starting point, each trained from fresh seeds and evaluated on the test split.

    Attributes:
        seeds: of both.
        trials: number of complete trials, by which p is corrected (Bonferroni).
        level: significance level.
        items: number of test items.
        metrics: the deciding metric first.
        outs: outs of the training and the evaluation of `start` and `winner`, as in dvc.lock.
    """

    seeds: tuple[int, ...]
    trials: int
    level: float
    items: int
    metrics: tuple[ComparedMetric, ...]
    outs: dict[str, list[dict[str, Any]]]

    @property
    def is_better(self) -> bool:
        """True if the winner is significantly better in the deciding metric."""
        return self.metrics[0].verdict == "better"
