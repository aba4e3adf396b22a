"""The registry of metrics.

A metric is one entry of `METRICS`. Its value in `metrics/<model>.json`, the columns of the report,
the best value of a column, goals and significance tests all follow from the entry. The order of the
entries is the order of the columns; the first metric of a task decides which model is best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from pipelines.config import task_schemas
from pipelines.config.params import Params
from pipelines.errors import UserError, suggest
from pipelines.evaluation import calibration, item_statistics, seed_statistics
from pipelines.evaluation.item_statistics import ItemStatistics, of_each
from pipelines.evaluation.resampling import Statistics
from pipelines.inference import scores
from pipelines.tasks import lookup
from pipelines.tasks.base import Evaluation
from pipelines.types import SUB_WORDS, TASKS, Task, Tokens

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.models.serialization import ModelSpec

Direction = Literal["higher", "lower"]
MetricValues = dict[str, float | int | str]

ALL_TOKENS: tuple[Tokens, ...] = get_args(Tokens)
WORDS: tuple[Tokens, ...] = ("words", "spaces")
ARROWS: Mapping[Direction | None, str] = {"higher": " ↑", "lower": " ↓", None: ""}


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        key: its key in a metrics file.
        title: its name in tables.
        form: the format of its values in tables.
        direction: the better side; None for numbers that are not better on either side.
        tasks: tasks that have it.
        tokens: tokens of the corpora that have it.
        compute: computes its value.
        sacrebleu: returns the metric of sacreBLEU that computes it, in place of `compute` and
            `statistics`; its argument is True if the corpus is lowercased.
        statistics: statistics of each test item for significance tests; None if it is not tested.
        optional: show it only in tables of corpora with a goal for it.
        protocol: keys of `goals.N.protocol` that its values depend on, beside kind and split.
    """

    key: str
    title: str
    form: str
    direction: Direction | None
    tasks: tuple[Task, ...]
    tokens: tuple[Tokens, ...] = ALL_TOKENS
    compute: Callable[[Evaluation], float] | None = None
    sacrebleu: Callable[[bool], Any] | None = None
    statistics: ItemStatistics | None = None
    optional: bool = False
    protocol: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The title with an arrow to the better side."""
        return self.title + ARROWS[self.direction]

    @property
    def has_goals(self) -> bool:
        """True if goals can name it: it is in metrics files and has a better side."""
        computed = self.compute is not None or self.sacrebleu is not None
        return computed and self.direction is not None

    def lead(self, value: float, other: float) -> float:
        """Return how much better a value is than another; negative if it is worse."""
        if self.direction is None:
            raise ValueError(f"'{self.key}' has no better side.")
        return other - value if self.direction == "lower" else value - other

    def reaches(self, value: float, target: float) -> bool:
        """Return whether a value is at least as good as a target."""
        return self.lead(value, target) >= 0

    def best(self, values: Sequence[float]) -> float | None:
        """Return the best value; None if there is none, or no better side."""
        if not values or self.direction is None:
            return None
        return min(values) if self.direction == "lower" else max(values)

    def format(self, value: float) -> str:
        """Return a value as tables show it."""
        return format(value, self.form)

    def rounded(self, value: float) -> float:
        """Return a value as precise as tables show it."""
        return float(self.format(value).replace(",", ""))


def _column(evaluation: Evaluation, name: str) -> list[str]:
    return list(evaluation.predictions[name])


def _bits(evaluation: Evaluation) -> float:
    return float(evaluation.nats_per_token / np.log(2))


def _perplexity(evaluation: Evaluation) -> float:
    return float(np.exp(evaluation.nats_per_token))


def _calibration_error(evaluation: Evaluation) -> float:
    confidence, right = (evaluation.predictions[name] for name in ("confidence", "right"))
    return calibration.calibration_error(confidence.to_numpy(), right.to_numpy())


def _span_counts(predictions: pd.DataFrame) -> Statistics:
    """Return the counts (N, 3) of correct, predicted and actual spans."""
    return _counts(scores.span_counts, predictions)


def _token_counts(predictions: pd.DataFrame) -> Statistics:
    """Return the counts (N, 2) of right tags and of all tags."""
    return _counts(scores.tag_counts, predictions)


def _counts(count: Callable[[str, str], tuple[int, ...]], predictions: pd.DataFrame) -> Statistics:
    rows = map(count, predictions["predicted"], predictions["tags"])
    return np.array(list(rows), np.float64)


def _bleu(lowercase: bool) -> Any:
    """Score words, whose text is tokenised already and compared as it is."""
    return scores.bleu_metric()


def _plain_text_bleu(lowercase: bool) -> Any:
    return scores.bleu_metric("13a", lowercase)


METRICS: tuple[Metric, ...] = (
    Metric(
        key="test_bits_per_character",
        title="bits per character",
        form=".3f",
        direction="lower",
        tasks=("language_modelling",),
        tokens=("characters",),
        compute=_bits,
        statistics=ItemStatistics(
            item_statistics.nats_and_tokens, item_statistics.bits, tokens="same"
        ),
        protocol=("context",),
    ),
    # The only metric that compares language models with different tokens.
    Metric(
        key="bits_per_character_of_text",
        title="bits per character of text",
        form=".3f",
        direction="lower",
        tasks=("language_modelling",),
        statistics=ItemStatistics(
            item_statistics.nats_and_characters, item_statistics.bits, tokens="different"
        ),
        protocol=("context",),
    ),
    Metric(
        key="test_accuracy",
        title="accuracy",
        form=".3f",
        direction="higher",
        tasks=("classification",),
        compute=lambda evaluation: scores.accuracy(
            _column(evaluation, "predicted"), _column(evaluation, "label")
        ),
        statistics=ItemStatistics(item_statistics.right_labels, item_statistics.mean),
    ),
    Metric(
        key="test_macro_f1",
        title="macro F1",
        form=".3f",
        direction="higher",
        tasks=("classification",),
        compute=lambda evaluation: scores.macro_f1(
            _column(evaluation, "predicted"), _column(evaluation, "label"), evaluation.labels
        ),
        statistics=ItemStatistics(item_statistics.label_counts, item_statistics.macro_f1),
    ),
    Metric(
        key="test_calibration_error",
        title="ECE",
        form=".3f",
        direction="lower",
        tasks=("classification",),
        compute=_calibration_error,
    ),
    Metric(
        key="majority_accuracy",
        title="majority class",
        form=".3f",
        direction=None,
        tasks=("classification",),
        compute=lambda evaluation: scores.majority_accuracy(_column(evaluation, "label")),
    ),
    Metric(
        key="test_span_f1",
        title="span F1",
        form=".3f",
        direction="higher",
        tasks=("tagging",),
        compute=lambda evaluation: scores.span_f1(
            _column(evaluation, "predicted"), _column(evaluation, "tags")
        ),
        statistics=ItemStatistics(of_each(_span_counts), item_statistics.micro_f1),
    ),
    Metric(
        key="test_token_accuracy",
        title="token accuracy",
        form=".3f",
        direction="higher",
        tasks=("tagging",),
        compute=lambda evaluation: scores.token_accuracy(
            _column(evaluation, "predicted"), _column(evaluation, "tags")
        ),
        statistics=ItemStatistics(of_each(_token_counts), item_statistics.mean),
    ),
    Metric(
        key="test_bleu",
        title="BLEU",
        form=".1f",
        direction="higher",
        tasks=("translation",),
        tokens=WORDS,
        sacrebleu=_bleu,
        protocol=("decoding", "tokens", "case"),
    ),
    Metric(
        key="test_sacrebleu",
        title="sacreBLEU",
        form=".1f",
        direction="higher",
        tasks=("translation",),
        tokens=SUB_WORDS,
        sacrebleu=_plain_text_bleu,
        protocol=("decoding", "tokens", "case"),
    ),
    Metric(
        key="test_chrf",
        title="chrF",
        form=".1f",
        direction="higher",
        tasks=("translation",),
        tokens=SUB_WORDS,
        sacrebleu=scores.chrf_metric,
        protocol=("decoding", "case"),
    ),
    Metric(
        key="test_exact_match",
        title="exact match",
        form=".3f",
        direction="higher",
        tasks=("translation",),
        compute=lambda evaluation: scores.exact_match(
            _column(evaluation, "hypothesis"), _column(evaluation, "target")
        ),
        statistics=ItemStatistics(item_statistics.exact_matches, item_statistics.mean),
        protocol=("decoding",),
    ),
    Metric(
        key="test_perplexity",
        title="perplexity",
        form=",.2f",
        direction="lower",
        tasks=("language_modelling", "translation"),
        compute=_perplexity,
        statistics=ItemStatistics(
            item_statistics.nats_and_tokens, item_statistics.perplexity, tokens="same"
        ),
        protocol=("context", "teacher_forcing"),
    ),
    Metric(
        key="test_nats_per_character",
        title="nats per character",
        form=".3f",
        direction="lower",
        tasks=("language_modelling",),
        tokens=("characters",),
        compute=lambda evaluation: evaluation.nats_per_token,
        optional=True,
        protocol=("context",),
    ),
    # The stage writes these: trained weights, and counts of n-gram models.
    Metric(key="parameters", title="parameters", form=",.0f", direction=None, tasks=TASKS),
    Metric(
        key="ngram_counts",
        title="n-gram counts",
        form=",.0f",
        direction=None,
        tasks=("language_modelling",),
    ),
    Metric(
        key="train_tokens_seen",
        title="training tokens seen",
        form=",.0f",
        direction=None,
        tasks=TASKS,
    ),
)


def of_task(task: str, tokens: str | None = None) -> list[Metric]:
    """Return the metrics of a task, in the order of their columns.

    Args:
        task: name of the task.
        tokens: tokens of the corpus; None for those of all corpora.

    Raises:
        UserError: there is no such task.
    """
    name = lookup.get(task).name
    return [
        metric
        for metric in METRICS
        if name in metric.tasks and (tokens is None or tokens in metric.tokens)
    ]


def get(key: str) -> Metric:
    """Return the metric of a key.

    Raises:
        ValueError: there is no such metric.
    """
    for metric in METRICS:
        if metric.key == key:
            return metric
    keys = [metric.key for metric in METRICS]
    raise ValueError(f"Unknown metric '{key}'{suggest(key, keys)}.")


def compute(evaluation: Evaluation, spec: ModelSpec[Any]) -> MetricValues:
    """Compute all metrics of a model, by their keys in the metrics file.

    A metric of sacreBLEU comes with its signature: values with different signatures must not be
    compared.
    """
    predictions = evaluation.predictions
    values: MetricValues = {"test_tokens": int(predictions["tokens"].sum())}
    values.update(evaluation.settings)
    for metric in of_task(spec.task, spec.tokens):
        if metric.sacrebleu is not None:
            score = scores.corpus_score(
                metric.sacrebleu(spec.cleaning.lowercase),
                list(predictions["hypothesis"]),
                list(predictions["target"]),
            )
            values |= {metric.key: score.value, f"{metric.key}_signature": score.signature}
        elif metric.compute is not None:
            values[metric.key] = metric.compute(evaluation)
    return values


def compute_part(
    evaluation: Evaluation, spec: ModelSpec[Any], predictions: pd.DataFrame
) -> MetricValues:
    """Compute the metrics of other predictions than the model's: those of a part."""
    return scores_only(compute(replace(evaluation, predictions=predictions), spec))


def scores_only(values: MetricValues) -> MetricValues:
    """Return the metrics that have a better side, with their statistics over seeds."""
    keys = {metric.key for metric in METRICS if metric.has_goals}
    statistics = {f"{key}_{suffix}" for key in keys for suffix in seed_statistics.SUFFIXES}
    return {key: value for key, value in values.items() if key in keys | statistics}


def protocol_keys(metric: Metric, task: Task) -> list[str]:
    """Return the keys of a protocol, beside kind and split, that a metric of a task needs."""
    keys = task_schemas.get(task).protocol_keys
    return [key for key in metric.protocol if key in keys]


def check_goals(config: Params) -> None:
    """Check that the metric of each goal is one of its models' task, and its protocol complete.

    Raises:
        UserError: it is not; the message names the key.
    """
    for number, goal in enumerate(config.goals):
        task = config.corpora[config.models[goal.models[0]].corpus].task
        keys = [metric.key for metric in of_task(task) if metric.has_goals]
        if goal.metric not in keys:
            raise UserError(
                f"params.yaml: goals.{number}.metric: {task} has no metric '{goal.metric}'"
                f"{suggest(goal.metric, keys)}."
            )
        try:
            goal.check_protocol(f"goals.{number}", protocol_keys(get(goal.metric), task))
        except ValueError as error:
            raise UserError(f"params.yaml: {error}.") from None
