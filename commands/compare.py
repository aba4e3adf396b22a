"""`seqproof compare`: compare models and test whether their differences are significant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import stdev
from typing import Any

from commands import compare_markdown
from pipelines import console
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.evaluation import item_differences, significance
from pipelines.evaluation.hierarchical_test import POWER
from pipelines.evaluation.resampling import Interval
from pipelines.evaluation.significance import Subject, TestResult, format_p
from pipelines.lineage import compared_models, lockfiles, snapshots
from pipelines.lineage.compared_models import ModelVersion
from pipelines.tracking import run_store

PARTS: Mapping[str, Callable[[ModelVersion], Mapping[str, str]]] = {
    "parameters": lambda version: version.params,
    "data": lambda version: version.data,
    "code": lambda version: version.code,
    "environment": lambda version: version.environment,
}
HASHED = ("data", "code")  # parts whose values are MD5, of which the text shows the first digits
COLUMNS = ("measure", "first", "second", "difference", "p", "detectable", "the second is")
SUBJECTS: Mapping[Subject, str] = {
    "recipes": "The verdict is about the recipes, of which the seeds are samples.",
    "models": (
        "The verdict is about these trained models only, as not both have several seeds: other "
        "seeds may give other results. Train both with `seeds: [1, 2, 3]` in params.yaml to "
        "compare the recipes."
    ),
}


@dataclass(frozen=True)
class ModelComparison:
    """A model compared with the first one.

    Attributes:
        first: description of the first model.
        second: description of this model.
        differences: of parameters, data, code and environment, both values by key; None if a model
            does not have it.
        unknown: the parts that are not known of both models.
        items: number of test items of both.
        findings: test results, one for each measure.
        most_different_items: the test items whose scores differ most, if asked for.
    """

    first: str
    second: str
    differences: Mapping[str, Mapping[str, tuple[str | None, str | None]]]
    unknown: tuple[str, ...]
    items: int
    findings: tuple[TestResult, ...]
    most_different_items: tuple[Mapping[str, Any], ...]


def compare(
    names: Sequence[str], sentences: int, level: float, as_json: bool, as_markdown: bool = False
) -> None:
    """Compare the first model with each of the others, and print the test results.

    Args:
        names: models, runs, commits or experiments.
        sentences: number of test items to print, those with the largest differences first.
        level: significance level.
        as_json: print JSON instead of text.
        as_markdown: print Markdown instead of text.

    Raises:
        UserError: there are fewer than two names, two formats are asked for, or the models cannot
            be compared.
    """
    if len(names) < 2:
        raise UserError("`seqproof compare` needs at least two models, runs or commits.")
    if as_json and as_markdown:
        raise UserError("--json cannot be combined with --markdown. Omit one of the two.")
    root = console.root()
    params.load(root / "params.yaml")
    runs, _ = run_store.try_open_store(root)  # without runs the environment is reported as unknown
    with snapshots.open_snapshot(root) as workspace:
        groups = compared_models.resolve_versions(names, root, workspace, runs)
        comparisons = [
            comparison for group in groups for comparison in _compare(group, sentences, level)
        ]
    if as_json:
        content = [asdict(comparison) for comparison in comparisons]
        console.print_json({"level": level, "comparisons": content})
        return
    if as_markdown:
        sections = [_section(comparison, level) for comparison in comparisons]
        console.echo(compare_markdown.page(sections).rstrip())
        return
    for comparison in comparisons:
        for line in _lines(comparison, level):
            console.echo(line)


def _compare(
    versions: Sequence[ModelVersion], sentences: int, level: float
) -> list[ModelComparison]:
    first, *others = versions
    for other in others:
        if other.corpus.task != first.corpus.task:
            raise UserError(
                f"Only models of the same task can be compared: {first.description} does "
                f"{_plain(first.corpus.task)}, {other.description} {_plain(other.corpus.task)}."
            )
    frames = [version.items() for version in versions]
    results = significance.compare(frames, first.corpus, level)
    return [
        ModelComparison(
            first=first.description,
            second=other.description,
            differences={part: _differences(first, other, part) for part in PARTS},
            unknown=tuple(
                part for part, values in PARTS.items() if not (values(first) and values(other))
            ),
            items=len(frame) // len(findings[0].second_seeds),
            findings=tuple(findings),
            most_different_items=tuple(
                item_differences.most_different_items(frames[0], frame, first.corpus, sentences)
            ),
        )
        for other, frame, findings in zip(others, frames[1:], results, strict=True)
    ]


def _differences(
    first: ModelVersion, second: ModelVersion, part: str
) -> dict[str, tuple[str | None, str | None]]:
    left, right = (PARTS[part](version) for version in (first, second))
    if not (left and right):
        return {}
    return {
        key: (left.get(key), right.get(key))
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    }


# Text output ------------------------------------------------------------------------------------


def _lines(comparison: ModelComparison, level: float) -> Iterator[str]:
    yield f"{comparison.second} compared with {comparison.first}, {comparison.items:,} test items"
    yield from (f"  {line}" for line in _part_lines(comparison))
    yield ""
    yield from _table(COLUMNS, [_row(result) for result in comparison.findings])
    yield ""
    yield from _verdict(comparison, level)
    yield from _item_lines(comparison)
    yield ""


def _section(comparison: ModelComparison, level: float) -> compare_markdown.Section:
    """Return a comparison for Markdown, in the same words."""
    is_unchanged = not any(comparison.differences.values()) and all(
        result.first == result.second for result in comparison.findings
    )
    return compare_markdown.Section(
        comparison.first,
        comparison.second,
        [COLUMNS, *map(_row, comparison.findings)],
        list(_verdict(comparison, level)),
        list(_part_lines(comparison)),
        is_unchanged,
    )


def _part_lines(comparison: ModelComparison) -> Iterator[str]:
    for part, differences in comparison.differences.items():
        if part in comparison.unknown:
            yield f"{part}: unknown"
        elif not differences:
            yield f"{part}: the same"
        else:
            yield f"{part}:"
            yield from _difference_lines(differences, part in HASHED)


def _difference_lines(
    differences: Mapping[str, tuple[str | None, str | None]], hashed: bool
) -> Iterator[str]:
    for key, values in differences.items():
        texts = ("-" if value is None else value for value in values)
        first, second = (text[: lockfiles.SHORT] if hashed else text for text in texts)
        yield f"  {key}: {first} -> {second}"


def _row(result: TestResult) -> tuple[str, ...]:
    difference = f"{result.second - result.first:+.4g}"
    return (
        result.measure,
        _score(result.first, result.first_seeds, result.first_interval),
        _score(result.second, result.second_seeds, result.second_interval),
        f"{difference}{_interval(result.difference, '+')}",
        format_p(result.p),
        f"{result.detectable:.2g}",
        result.verdict,
    )


def _score(score: float, seeds: Sequence[float], interval: Interval) -> str:
    spread = f" ± {stdev(seeds):.2g} ({len(seeds)} seeds)" if len(seeds) > 1 else ""
    return f"{score:.4g}{spread}{_interval(interval)}"


def _interval(interval: Interval, sign: str = "") -> str:
    return f" [{interval.low:{sign}.4g}, {interval.high:{sign}.4g}]"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Format a table without fitting it to the terminal, which would cut off cells."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _verdict(comparison: ModelComparison, level: float) -> Iterator[str]:
    result = comparison.findings[0]
    first, second = comparison.first, comparison.second
    verdict = {
        "better": f"{second} is better than {first}",
        "worse": f"{second} is worse than {first}",
        "not significant": f"The difference between {first} and {second} is not significant",
    }[result.verdict]
    yield f"{verdict} in {result.measure}: p {format_p(result.p)}, level {level:g}."
    if result.verdict == "not significant" and result.detectable > 0:
        yield (
            f"The test finds a difference of {result.detectable:.2g} with a probability of "
            f"{POWER:.0%}; smaller ones may be missed."
        )
    yield SUBJECTS[result.subject]
    yield _method(comparison, result, level)


def _method(comparison: ModelComparison, result: TestResult, level: float) -> str:
    units = f"{comparison.items:,} test items"
    if result.blocks < comparison.items:
        units += f" in {result.blocks:,} blocks"
    family = f" allow for {result.models - 1} comparisons and" if result.models > 2 else ""
    return (
        f"Intervals of scores are 95 % intervals; p and the interval of the difference{family} "
        f"have level {level:g} ({units})."
    )


def _item_lines(comparison: ModelComparison) -> Iterator[str]:
    for item in comparison.most_different_items:
        yield ""
        width = max(map(len, item))
        for key, value in item.items():
            yield f"  {key.ljust(width)}  {str(value).replace(chr(10), ' ⏎ ').strip(' ⏎')}"


def _plain(name: str) -> str:
    return name.replace("_", " ")
