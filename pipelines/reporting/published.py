"""What others published, numbered, and how much better or worse ours is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.config.params import Goal


@dataclass(frozen=True)
class PublishedResult:
    """A model of others.

    Attributes:
        number: by which a gap names it.
        what: the model.
        source: where its numbers stand.
        numbers: by their metrics.
        held: model and metric of ours that are held to it.
    """

    number: int
    what: str
    source: str
    numbers: Mapping[str, float]
    held: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Gap:
    """How far a number of ours is from a published one.

    Attributes:
        text: plus is better and minus is worse, whichever way the metric counts.
        word: `better`, `worse` or `equal`.
        number: of the work.
    """

    text: str
    word: str
    number: int


def works(goals: Sequence[Goal]) -> list[PublishedResult]:
    """The works behind the goals of one corpus, in their order; goals without a published number
    have none."""
    groups: dict[tuple[str, str], list[tuple[Goal, float]]] = {}
    for goal in goals:
        if goal.published is not None:
            whose = (goal.reference or "", goal.source or "")
            groups.setdefault(whose, []).append((goal, goal.published))
    return [
        PublishedResult(
            number=number,
            what=what,
            source=source,
            numbers={goal.metric: value for goal, value in group},
            held=frozenset((model, goal.metric) for goal, _ in group for model in goal.models),
        )
        for number, ((what, source), group) in enumerate(groups.items(), 1)
    ]


def gap(work: PublishedResult, lead: float, form: str) -> Gap:
    """A gap, in words.

    Args:
        work: that ours is beside.
        lead: how much better ours is.
        form: how numbers of this metric are written.
    """
    word = "better" if lead > 0 else "worse" if lead < 0 else "equal"
    return Gap(format(lead, f"+{form}"), word, work.number)
