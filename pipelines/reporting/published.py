"""Published results next to our own, and the gaps between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.config.params import Goal


@dataclass(frozen=True)
class PublishedResult:
    """A published model and its numbers.

    Attributes:
        number: identifies the model in the gaps of a table.
        reference: the published model, with author and year.
        source: where its numbers are published.
        numbers: published numbers by metric.
        targets: pairs of our model and metric that are compared with it.
    """

    number: int
    reference: str
    source: str
    numbers: Mapping[str, float]
    targets: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Gap:
    """The difference between one of our numbers and a published one.

    Attributes:
        text: the signed difference; plus is better, whatever the metric's direction.
        verdict: `better`, `worse` or `equal`.
        number: that of the published result.
    """

    text: str
    verdict: str
    number: int


def published_results(goals: Sequence[Goal]) -> list[PublishedResult]:
    """Group the published numbers of a corpus's goals by model, in the order of the goals."""
    groups: dict[tuple[str, str], list[tuple[Goal, float]]] = {}
    for goal in goals:
        if goal.published is not None:
            key = (goal.reference or "", goal.source or "")
            groups.setdefault(key, []).append((goal, goal.published))
    return [
        PublishedResult(
            number=number,
            reference=reference,
            source=source,
            numbers={goal.metric: value for goal, value in group},
            targets=frozenset((model, goal.metric) for goal, _ in group for model in goal.models),
        )
        for number, ((reference, source), group) in enumerate(groups.items(), 1)
    ]


def gap(result: PublishedResult, lead: float, form: str) -> Gap:
    """Describe how far one of our numbers is from a published one.

    Args:
        result: the published result.
        lead: by how much ours is better.
        form: the number format of the metric.
    """
    verdict = "better" if lead > 0 else "worse" if lead < 0 else "equal"
    return Gap(format(lead, f"+{form}"), verdict, result.number)
