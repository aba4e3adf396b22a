"""The line that an evaluation prints: the model's first metric, and an example of its output."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.evaluation import metrics
from pipelines.evaluation.metrics import MetricValues

WIDTH = 60  # characters of a text


def result_line(
    name: str,
    task: str,
    values: MetricValues,
    examples: Mapping[str, str],
    sample: str | None = None,
) -> str:
    """Return the model's name, its first metric and an example.

    Args:
        name: of the model.
        task: of its corpus.
        values: metrics of the model.
        examples: prediction of the model for each of some texts; the shortest is shown.
        sample: a text that the model has written, which is shown instead.
    """
    metric = next(metric for metric in metrics.of_task(task) if metric.key in values)
    score = f"{metric.title} {metric.format(float(values[metric.key]))}"
    if sample is not None:
        return f"{name}: {score}, writes: {_shorten(sample, 2 * WIDTH)}"
    text = min(examples, key=len)
    return f"{name}: {score}, for example: {_shorten(text)} -> {_shorten(examples[text])}"


def _shorten(text: str, width: int = WIDTH) -> str:
    words = " ".join(text.split())
    return words if len(words) <= width else f"{words[: width - 3].rstrip()}..."
