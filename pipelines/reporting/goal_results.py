"""Our numbers beside published ones: gaps only where the protocols are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import PurePath
from statistics import fmean
from typing import Any, Literal

from pipelines.config import parts as model_parts
from pipelines.config.goals import Protocol
from pipelines.config.params import ConfigModel, Corpus, GivenSplit, Goal, Params
from pipelines.errors import UserError
from pipelines.evaluation import metrics as registry
from pipelines.evaluation import parts, seed_aggregation, seed_statistics
from pipelines.evaluation.metrics import Metric

Verdict = Literal["better", "worse", "indistinguishable", "one seed", "one ensemble", "no seed"]


class GoalResult(ConfigModel):
    """The result of a goal.

    Attributes:
        goal: the models, the metric, the target and the published number.
        label: the models with their kind, and the number of seeds.
        protocol: how our number was reached, from the params and the metrics file.
        differences: keys of the protocol that differ from the published one.
        values: the metric of each model.
        mean: mean of the values.
        deviation: standard deviation over the seeds; None for one seed.
        low: lower end of Student's 95 % interval of the mean.
        high: upper end of that interval.
        gap: by how much the mean is better than the published number, negative if worse; None if
            the protocols differ.
        gap_low: lower end of the interval of the gap.
        gap_high: upper end of that interval.
        verdict: what the gap says; None without a gap.
        reached: whether the mean reaches the target.
        parameters: number of trained weights of one model; None for n-grams.
        ngram_counts: number of counts of its n-grams; None without any.
        signature: sacreBLEU's signature and the search, for metrics that have one.
    """

    goal: Goal
    label: str
    protocol: Protocol
    differences: tuple[str, ...] = ()
    values: tuple[float, ...]
    mean: float
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    gap: float | None = None
    gap_low: float | None = None
    gap_high: float | None = None
    verdict: Verdict | None = None
    reached: bool | None = None
    parameters: int | None = None
    ngram_counts: int | None = None
    signature: str | None = None


@dataclass(frozen=True)
class GoalTexts:
    """The texts of a result in a table.

    Attributes:
        metric: title of the metric.
        ours: our number, with the standard deviation over the seeds.
        published: the published number with its model and source; empty if there is none.
        gap: the gap with its verdict, or the differences between the protocols.
        target: the targets, and whether they are reached.
        size: numbers of parameters and of n-gram counts.
    """

    metric: str
    ours: str
    published: str
    gap: str
    target: str
    size: str


def of_goal(goal: Goal, config: Params, metrics: Mapping[str, Mapping[str, Any]]) -> GoalResult:
    """Compare the models of a goal with its target and its published number.

    Args:
        goal: names the models and the metric.
        config: has the entries of the models and of their corpus.
        metrics: the metrics file of each model.

    Raises:
        UserError: the metrics of a model lack the goal's metric.
    """
    first = goal.models[0]
    entry, metric = config.models[first], registry.get(goal.metric)
    own = {model: parts.of_part(metrics[model], goal.part) for model in goal.models}
    values = tuple(_value(own[model], goal, model) for model in goal.models)
    seeds = len(values) * int(own[first].get("seeds", metrics[first].get("seeds", 1)))
    protocol = own_protocol(goal, config, metrics[first], seeds)
    sizes = own[first] if goal.part in model_parts.TITLES else metrics[first]
    label = [": ".join(text for text in (first, model_parts.title_of(entry, goal.part)) if text)]
    label.append(model_parts.seeds_text(entry, goal.part, seeds))
    result = GoalResult(
        goal=goal,
        label=", ".join(text for text in label if text),
        protocol=protocol,
        differences=() if goal.protocol is None else protocol.differences(goal.protocol),
        values=values,
        mean=_rounded(fmean(values)),
        reached=None if goal.target is None else metric.reaches(fmean(values), goal.target),
        parameters=sizes.get("parameters"),
        ngram_counts=sizes.get("ngram_counts"),
        signature=_signature(metrics[first], goal.metric),
    )
    statistics = _statistics(values, own[first], goal.metric)
    if statistics is not None:
        names = ("deviation", "low", "high")
        spread = dict(zip(names, map(_rounded, statistics), strict=True))
        result = result.model_copy(update=spread)
    single: Verdict = "one ensemble" if protocol.kind == "ensemble" else "one seed"
    return _with_gap(result, single if model_parts.has_seed(entry, goal.part) else "no seed")


def _with_gap(result: GoalResult, single: Verdict) -> GoalResult:
    """Add the gap to the published number, unless the protocols differ.

    Args:
        result: a result without a gap.
        single: the verdict of a number that is not the mean of several seeds.
    """
    goal, metric = result.goal, registry.get(result.goal.metric)
    if goal.published is None or result.differences:
        return result
    gap = metric.lead(result.mean, goal.published)
    changes: dict[str, object] = {"gap": _rounded(gap), "verdict": single}
    if result.low is not None and result.high is not None:
        ends = (metric.lead(end, goal.published) for end in (result.low, result.high))
        low, high = sorted(ends)
        verdict = "indistinguishable" if low <= 0 <= high else "better" if gap > 0 else "worse"
        changes |= {"gap_low": _rounded(low), "gap_high": _rounded(high), "verdict": verdict}
    return result.model_copy(update=changes)


def own_protocol(
    goal: Goal, config: Params, metrics: Mapping[str, Any], seeds: int = 1
) -> Protocol:
    """Return the protocol of our number: nothing of it is typed.

    Args:
        goal: names the model, its part and the metric.
        config: has the entries of the model and of its corpus.
        metrics: the model's metrics file.
        seeds: number of trainings that the number is the mean of.
    """
    entry = config.models[goal.models[0]]
    corpus = config.corpora[entry.corpus]
    signature = dict(
        item.split(":", 1)
        for item in str(metrics.get(f"{goal.metric}_signature", "")).split("|")
        if ":" in item
    )
    tokenizer = signature.get("tok", "none")
    lowercase = corpus.cleaning.lowercase or signature.get("case") == "lc"
    values: dict[str, object] = {
        "context": "carried",
        "teacher_forcing": True,
        "decoding": metrics.get("search"),
        "tokens": corpus.tokens if tokenizer == "none" else tokenizer,
        "case": "lower" if lowercase else "mixed",
    }
    keys = registry.protocol_keys(registry.get(goal.metric), corpus.task)
    return Protocol.model_validate(
        {
            "kind": model_parts.kind_of(entry, goal.part),
            "split": split_name(corpus),
            "seeds": seeds,
            **{key: values[key] for key in keys},
        }
    )


def split_name(corpus: Corpus) -> str:
    """Return the name of a test split.

    It is what the names of given test files have in common, as in `ptb.test`, or else the method
    and the fraction, as in `contiguous 0.1`.
    """
    split = corpus.split
    if not isinstance(split, GivenSplit):
        return f"{split.method} {split.test:g}"
    names = [name.removesuffix(".gz") for name in split.test]
    if len(names) == 1:
        return PurePath(names[0]).stem
    common = commonprefix(names)  # noqa: RUF071 - characters, not folders
    return common.rstrip("._-") or " ".join(names)


def texts(result: GoalResult) -> GoalTexts:
    """Return the texts of a result."""
    goal, metric = result.goal, registry.get(result.goal.metric)
    deviation = "" if result.deviation is None else f" ± {_format(metric, result.deviation)}"
    sizes = ((result.parameters, ""), (result.ngram_counts, " n-gram counts"))
    return GoalTexts(
        metric=metric.title,
        ours=_format(metric, result.mean) + deviation,
        published=reference_text(goal),
        gap=_gap_text(result, metric),
        target=", ".join(
            f"{text} {'reached' if metric.reaches(result.mean, value) else 'missed'}"
            for text, value in targets(goal)
        ),
        size=" + ".join(f"{size:,}{unit}" for size, unit in sizes if size is not None),
    )


def reference_text(goal: Goal) -> str:
    """Return the published number of a goal with its model and source; empty if it has none."""
    if goal.published is None:
        return ""
    seeds = None if goal.protocol is None else goal.protocol.seeds
    runs = "" if seeds is None else "one seed" if seeds == 1 else f"mean of {seeds} seeds"
    texts = (f"{goal.published:,}", goal.reference, runs, goal.source)
    return "; ".join(text for text in texts if text)


def targets(goal: Goal) -> list[tuple[str, float]]:
    """Return the targets of a goal, as text and as numbers."""
    sign = "≤" if registry.get(goal.metric).direction == "lower" else "≥"
    pairs = (("", goal.target), ("stretch ", goal.stretch))
    return [(f"{name}{sign} {value:g}", value) for name, value in pairs if value is not None]


def _gap_text(result: GoalResult, metric: Metric) -> str:
    if result.differences:
        return f"different protocol: {'; '.join(result.differences)}"
    if result.gap is None:
        return ""
    interval = (
        ""
        if result.gap_low is None or result.gap_high is None
        else f" ({_format(metric, result.gap_low, '+')} to {_format(metric, result.gap_high, '+')})"
    )
    return f"{_format(metric, result.gap, '+')}{interval}, {result.verdict}"


def _statistics(
    values: Sequence[float], metrics: Mapping[str, Any], metric: str
) -> seed_statistics.SeedStatistics | None:
    if len(values) > 1:
        return seed_aggregation.statistics(values)
    return seed_statistics.statistics_of(metrics, metric)


def _value(metrics: Mapping[str, Any], goal: Goal, model: str) -> float:
    value = metrics.get(goal.metric)
    if not isinstance(value, int | float):
        part = "" if goal.part is None else f" of part {goal.part}"
        numbers = [key for key, number in metrics.items() if isinstance(number, int | float)]
        known = f"Choose from {', '.join(numbers)}." if numbers else "Run `seqproof run` again."
        raise UserError(f"The metrics of {model} have no {goal.metric}{part}. {known}")
    return float(value)


def _signature(metrics: Mapping[str, Any], metric: str) -> str | None:
    """Return the signature of a translation metric; its value depends on the search, too."""
    signature, search = metrics.get(f"{metric}_signature"), metrics.get("search")
    return ", ".join(part for part in (signature, search) if part) if signature else None


def _format(metric: Metric, value: float, sign: str = "") -> str:
    """Format a value with one digit more than the tables of the report."""
    digits = int(metric.form[-2]) + 1  # of `,.2f`
    return format(value, f"{sign}{metric.form[:-2]}{digits}f")


def _rounded(number: float) -> float:
    """Drop the digits that depend on the order of a sum."""
    return round(number, 9)
