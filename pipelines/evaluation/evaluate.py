"""Evaluation of a trained model on its test split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.evaluation import calibration, length_buckets, metrics, parts
from pipelines.evaluation.analysis import Analysis, AttentionMap, Confusion
from pipelines.evaluation.metrics import MetricValues
from pipelines.inference.predictor import Predictor
from pipelines.tasks import lookup
from pipelines.tasks.base import Evaluation


@dataclass(frozen=True)
class EvaluationResult:
    """Everything that the evaluation of a model writes.

    Attributes:
        metrics: values by their keys in the metrics file.
        predictions: the test split, a row for each item, with predictions and scores.
        analysis: what the pictures of the model show.
    """

    metrics: MetricValues
    predictions: pd.DataFrame
    analysis: Analysis


def evaluate(
    predictor: Predictor, test: pd.DataFrame, groups: Mapping[str, str] | None = None
) -> EvaluationResult:
    """Evaluate a model on its test split, with the parts of a mixture.

    Args:
        predictor: the model.
        test: its test split.
        groups: names of groups of test items that get scores of their own, and the word with which
            the first text of their rows begins.
    """
    task, spec = lookup.get(predictor.spec.task), predictor.spec
    evaluation = task.evaluate(predictor, test)
    values = metrics.compute(evaluation, spec)
    predictions_of_parts = {
        **evaluation.parts,
        **_predictions_of_groups(predictor, evaluation.predictions, groups or {}),
    }
    for part, predictions in predictions_of_parts.items():
        part_values = metrics.compute_part(evaluation, spec, predictions)
        values |= parts.with_prefix(part, part_values)
    length = task.length_score(spec)
    classified = "confidence" in evaluation.predictions
    return EvaluationResult(
        values,
        evaluation.predictions,
        Analysis(
            lengths=length_buckets.scores_by_length(
                evaluation.predictions, length.column, length.title, length.score
            ),
            attention=tuple(
                AttentionMap(weights, tuple(source), tuple(target))
                for weights, source, target in evaluation.attention
            ),
            confusion=_confusion(evaluation) if evaluation.labels else None,
            reliability=calibration.reliability(
                evaluation.predictions["confidence"].to_numpy(),
                evaluation.predictions["right"].to_numpy(),
            )
            if classified
            else None,
            sample=evaluation.sample,
        ),
    )


def _predictions_of_groups(
    predictor: Predictor, predictions: pd.DataFrame, groups: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """Return the rows of each group that has any."""
    texts = predictions[lookup.get(predictor.spec.task).columns[0]]
    marks = zip(groups, predictor.prepare(list(groups.values())), strict=True)
    rows = {name: predictions[texts.str.startswith(f"{mark} ")] for name, mark in marks}
    return {name: part for name, part in rows.items() if len(part)}


def _confusion(evaluation: Evaluation) -> Confusion:
    columns = (evaluation.predictions[name] for name in ("label", "predicted"))
    counts = Counter(zip(*columns, strict=True))
    labels = evaluation.labels
    return Confusion(
        labels, np.array([[counts[actual, answer] for answer in labels] for actual in labels])
    )
