"""Metrics of several models on the same test items, ready for significance tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from pipelines.config.params import Corpus
from pipelines.errors import UserError
from pipelines.evaluation import metrics
from pipelines.evaluation.metrics import Metric
from pipelines.evaluation.resampling import ScoredItems
from pipelines.evaluation.seed_statistics import by_seed
from pipelines.inference import scores
from pipelines.tasks import lookup

Group = list[pd.DataFrame]  # predictions of each seed of a model


@dataclass(frozen=True)
class PairedMetric:
    """A metric of several models.

    Attributes:
        metric: the metric.
        models: positions of the models that have it, the first model first.
        seed_counts: number of seeds of each of them.
        items: statistics of all their seeds, in this order.
    """

    metric: Metric
    models: tuple[int, ...]
    seed_counts: tuple[int, ...]
    items: ScoredItems


def seed_groups(models: Sequence[pd.DataFrame], corpus: Corpus) -> list[Group]:
    """Return the predictions of each seed of each model.

    Args:
        models: predictions as `evaluate` wrote them, of one seed or several.
        corpus: the corpus of all.

    Raises:
        UserError: they were not tested on the same items, or on a single item.
    """
    groups = [list(by_seed(frame).values()) or [frame] for frame in models]
    groups = [[frame.reset_index(drop=True) for frame in group] for group in groups]
    columns = list(lookup.get(corpus.task).columns)
    first = groups[0][0][columns]
    for frame in (frame for group in groups for frame in group):
        _check_same_items(first, frame[columns])
    if len(first) < 2:
        raise UserError("A single test item cannot show a difference. Use a larger test split.")
    return groups


def _check_same_items(first: pd.DataFrame, second: pd.DataFrame) -> None:
    if len(first) != len(second):
        raise UserError(
            f"The first model was tested on {len(first):,} items and the second on "
            f"{len(second):,}. Compare models of the same test split."
        )
    differ = (first != second).any(axis=1)
    if differ.any():
        raise UserError(
            f"{int(differ.sum()):,} of {len(first):,} test items differ, starting with item "
            f"{int(differ.argmax()) + 1}. Compare models of the same test split."
        )


def pair(groups: Sequence[Group], corpus: Corpus) -> Iterator[PairedMetric]:
    """Yield all metrics by which models can be compared with the first, the deciding one first.

    Metrics that are functions of the same statistics, like perplexity and bits, need one test: only
    the first of them is yielded.

    Args:
        groups: predictions of each seed of each model for the same items.
        corpus: the corpus of all.
    """
    tested = set()
    for metric in metrics.of_task(corpus.task, corpus.tokens):
        statistics, everyone = metric.statistics, tuple(range(len(groups)))
        if metric.sacrebleu is not None:
            items = _translations(metric.sacrebleu(corpus.cleaning.lowercase), groups)
            yield PairedMetric(metric, everyone, tuple(map(len, groups)), items)
        elif statistics is not None and statistics.per_item not in tested:
            first, *others = (group[0] for group in groups)
            matches = [statistics.applies(first, other) for other in others]
            if not any(matches):
                continue
            tested.add(statistics.per_item)
            models = (0, *(number for number, match in enumerate(matches, 1) if match))
            frames = [frame for number in models for frame in groups[number]]
            items = ScoredItems(tuple(statistics.per_item(frames)), statistics.score)
            counts = tuple(len(groups[number]) for number in models)
            yield PairedMetric(metric, models, counts, items)


def _translations(scorer: object, groups: Sequence[Group]) -> ScoredItems:
    return ScoredItems(
        tuple(
            scores.sentence_statistics(scorer, list(frame["hypothesis"]), list(frame["target"]))
            for group in groups
            for frame in group
        ),
        partial(scores.scores_of_sums, scorer),
    )
