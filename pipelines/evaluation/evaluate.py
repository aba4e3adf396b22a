"""Evaluation of a trained model on its test split."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.evaluation import calibration, length_buckets, metrics
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


def evaluate(predictor: Predictor, test: pd.DataFrame) -> EvaluationResult:
    """Evaluate a model on its test split."""
    task = lookup.get(predictor.spec.task)
    evaluation = task.evaluate(predictor, test)
    length = task.length_score(predictor.spec)
    classified = "confidence" in evaluation.predictions
    return EvaluationResult(
        metrics.compute(evaluation, predictor.spec),
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


def _confusion(evaluation: Evaluation) -> Confusion:
    columns = (evaluation.predictions[name] for name in ("label", "predicted"))
    counts = Counter(zip(*columns, strict=True))
    labels = evaluation.labels
    return Confusion(
        labels, np.array([[counts[actual, answer] for answer in labels] for actual in labels])
    )
