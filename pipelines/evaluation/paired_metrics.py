"""Metrics of two models on the same test items, ready for significance tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipelines.config.params import Corpus
from pipelines.errors import UserError
from pipelines.evaluation import metrics, resampling
from pipelines.evaluation.metrics import Metric
from pipelines.evaluation.resampling import Score, Statistics
from pipelines.tasks import lookup


@dataclass(frozen=True)
class PairedItems:
    """A metric of two models that is a function of sums over the items.

    Attributes:
        metric: the metric.
        first: statistics (N, K) of the first model.
        second: those of the second.
        score: sums (R, K) -> scores (R,).
        binary: the first statistic says if the item is right.
    """

    metric: Metric
    first: Statistics
    second: Statistics
    score: Score
    binary: bool

    def first_score(self) -> float:
        """Return the score of the first model."""
        return resampling.corpus_score(self.first, self.score)


@dataclass(frozen=True)
class PairedTranslations:
    """A metric of two models' translations that sacreBLEU computes and tests.

    Attributes:
        metric: the metric.
        scorer: the metric of sacreBLEU.
        first: translations of the first model.
        second: those of the second.
        references: one reference for each item.
    """

    metric: Metric
    scorer: Any
    first: Sequence[str]
    second: Sequence[str]
    references: Sequence[str]

    def first_score(self) -> float:
        """Return the score of the first model."""
        return float(self.scorer.corpus_score(list(self.first), [list(self.references)]).score)


PairedMetric = PairedItems | PairedTranslations


def check_same_items(first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus) -> None:
    """Check that two models were tested on the same items.

    Raises:
        UserError: they were not.
    """
    columns = list(lookup.get(corpus.task).columns)
    if len(first) != len(second):
        raise UserError(
            f"The first model was tested on {len(first):,} items and the second on "
            f"{len(second):,}. Compare models of the same test split."
        )
    differ = (first[columns].reset_index(drop=True) != second[columns].reset_index(drop=True)).any(
        axis=1
    )
    if differ.any():
        raise UserError(
            f"{int(differ.sum()):,} of {len(first):,} test items differ, starting with item "
            f"{int(differ.argmax()) + 1}. Compare models of the same test split."
        )


def pair(first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus) -> list[PairedMetric]:
    """Return all metrics that two models can be compared by, the deciding metric first.

    Metrics that are functions of the same statistics, like perplexity and bits, need one test: only
    the first of them is returned.

    Args:
        first: predictions of the first model, a row for each test item.
        second: predictions of the second model for the same items.
        corpus: the corpus of both.
    """
    pairs: list[PairedMetric] = []
    tested = set()
    for metric in metrics.of_task(corpus.task, corpus.tokens):
        statistics = metric.statistics
        if metric.sacrebleu is not None:
            pairs.append(
                PairedTranslations(
                    metric,
                    metric.sacrebleu(corpus.cleaning.lowercase),
                    list(first["hypothesis"]),
                    list(second["hypothesis"]),
                    list(first["target"]),
                )
            )
        elif (
            statistics is not None
            and statistics.per_item not in tested
            and statistics.applies(first, second)
        ):
            tested.add(statistics.per_item)
            pairs.append(
                PairedItems(
                    metric,
                    *statistics.per_item(first, second),
                    statistics.score,
                    statistics.binary,
                )
            )
    return pairs
