"""Confirmation of a sweep: winner and starting point, trained from fresh seeds and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.config.params import Corpus
from pipelines.evaluation import significance
from pipelines.sweeps.comparison import ComparedMetric, Confirmation

if TYPE_CHECKING:
    import pandas as pd

START, WINNER = "start", "winner"
GROUPS = (START, WINNER)


def compare(
    predictions: Mapping[str, pd.DataFrame],
    corpus: Corpus,
    metric: str,
    seeds: Sequence[int],
    trials: int,
    outs: Mapping[str, list[dict[str, Any]]],
) -> Confirmation:
    """Compare the winner of a sweep with the starting point on the test split.

    The winner is the best of many trials, so the level of the test is divided by their number
    (Bonferroni). That is more careful than it has to be: neither the test split nor the seeds had a
    part in the choice.

    Args:
        predictions: for the test split, of `start` and `winner`, as `evaluate` wrote them.
        corpus: the corpus of both.
        metric: column of the history that the sweep optimised; the metric of the test split with
            the same name decides, or that of the task if there is none.
        seeds: from which both were trained.
        trials: number of complete trials.
        outs: of the training and the evaluation of both, as in dvc.lock.

    Raises:
        UserError: the predictions are not for the same test items.
    """
    frames = [predictions[group] for group in GROUPS]
    level = significance.LEVEL / trials
    (results,) = significance.compare(frames, corpus, level)
    names = (f"test_{metric.removeprefix('valid_')}", f"test_sacre{metric.removeprefix('valid_')}")
    return Confirmation(
        seeds=tuple(seeds),
        trials=trials,
        level=significance.LEVEL,
        items=len(frames[0]) // len(seeds),
        metrics=tuple(
            ComparedMetric(
                key=result.key,
                start=result.first,
                winner=result.second,
                start_seeds=result.first_seeds,
                winner_seeds=result.second_seeds,
                low=result.difference.low,
                high=result.difference.high,
                p=result.p,
                corrected_p=min(1.0, result.p * trials),
                detectable=result.detectable,
                verdict=result.verdict,
            )
            for result in sorted(results, key=lambda result: result.key not in names)
        ),
        outs=dict(outs),
    )
