"""`seqproof compare`: compare models and test whether their differences are significant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from pipelines import console, files
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.evaluation import item_differences, seed_tests, significance
from pipelines.evaluation.resampling import Interval
from pipelines.evaluation.seed_tests import SeedTest
from pipelines.evaluation.significance import TestResult, format_p
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
COLUMNS = ("measure", "first", "second", "difference", "p", "p, bootstrap", "the second is")
SEED_COLUMNS = ("measure", "first, over its seeds", "second, over its seeds", "p, over seeds")


@dataclass(frozen=True)
class ModelComparison:
    """A model compared with the first one.

    Attributes:
        first: description of the first model.
        second: description of this model.
        differences: of parameters, data, code and environment, both values by key.
        unknown: the parts that are not known of both models.
        items: number of test items of both.
        findings: test results, one for each measure.
        most_different_items: the test items whose scores differ most, if asked for.
    """

    first: str
    second: str
    differences: Mapping[str, Mapping[str, tuple[str, str]]]
    unknown: tuple[str, ...]
    items: int
    findings: tuple[TestResult, ...]
    most_different_items: tuple[Mapping[str, Any], ...]


def compare(names: Sequence[str], sentences: int, level: float, as_json: bool) -> None:
    """Compare the first model with each of the others, and print the test results.

    Args:
        names: models, runs, commits or experiments.
        sentences: number of test items to print, those with the largest differences first.
        level: significance level.
        as_json: print JSON instead of text.

    Raises:
        UserError: there are fewer than two names, or their models cannot be compared.
    """
    if len(names) < 2:
        raise UserError("`seqproof compare` needs at least two models, runs or commits.")
    root = console.root()
    params.load(root / "params.yaml")
    runs, _ = run_store.try_open_store(root)  # without runs the environment is reported as unknown
    with snapshots.open_snapshot(root) as workspace:
        groups = compared_models.resolve_versions(names, root, workspace, runs)
        comparisons = [
            comparison for group in groups for comparison in _compare(group, sentences, level)
        ]
    if as_json:
        content = [asdict(comparison) | {"level": level} for comparison in comparisons]
        console.echo(files.dump_json(content).rstrip())
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
    with console.progress("comparing", len(others), "models") as bar:
        frames = [version.items() for version in versions]
        results = []
        for frame in frames[1:]:
            results.append(significance.compare(frames[0], frame, first.corpus, level))
            bar.advance(1)
    corrected = significance.holm_corrected(results, level)
    medians = [seed_tests.median_seed(frame, first.corpus)[1] for frame in frames]
    return [
        ModelComparison(
            first=first.description,
            second=other.description,
            differences={part: _differences(first, other, part) for part in PARTS},
            unknown=tuple(
                part for part, values in PARTS.items() if not (values(first) and values(other))
            ),
            items=len(frame),
            findings=tuple(findings),
            most_different_items=tuple(
                item_differences.most_different_items(medians[0], frame, first.corpus, sentences)
            ),
        )
        for other, frame, findings in zip(others, medians[1:], corrected, strict=True)
    ]


def _differences(
    first: ModelVersion, second: ModelVersion, part: str
) -> dict[str, tuple[str, str]]:
    left, right = (PARTS[part](version) for version in (first, second))
    if not (left and right):
        return {}
    return {
        key: (left.get(key, "-"), right.get(key, "-"))
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    }


# Text output ------------------------------------------------------------------------------------


def _lines(comparison: ModelComparison, level: float) -> Iterator[str]:
    yield f"{comparison.second} compared with {comparison.first}, {comparison.items:,} test items"
    for part, differences in comparison.differences.items():
        if part in comparison.unknown:
            yield f"  {part}: unknown"
        elif not differences:
            yield f"  {part}: the same"
        else:
            yield f"  {part}:"
            yield from _difference_lines(differences, part in HASHED)
    yield ""
    yield from _table(COLUMNS, [_row(result) for result in comparison.findings])
    seed_rows = [
        _seed_row(result.measure, result.seeds) for result in comparison.findings if result.seeds
    ]
    if seed_rows:
        yield ""
        yield from _table(SEED_COLUMNS, seed_rows)
    yield ""
    yield _verdict(comparison, level)
    yield _seed_remark(comparison.findings[0])
    yield from _item_lines(comparison)
    yield ""


def _difference_lines(differences: Mapping[str, tuple[str, str]], hashed: bool) -> Iterator[str]:
    for key, values in differences.items():
        first, second = (value[: lockfiles.SHORT] if hashed else value for value in values)
        yield f"    {key}: {first} -> {second}"


def _row(result: TestResult) -> tuple[str, ...]:
    difference = f"{result.second - result.first:+.4g}"
    return (
        result.measure,
        f"{result.first:.4g}{_interval(result.first_interval)}",
        f"{result.second:.4g}{_interval(result.second_interval)}",
        f"{difference}{_interval(result.difference, '+')}",
        format_p(result.p),
        format_p(result.p_bootstrap),
        result.verdict,
    )


def _interval(interval: Interval | None, sign: str = "") -> str:
    return f" [{interval.low:{sign}.4g}, {interval.high:{sign}.4g}]" if interval else ""


def _seed_row(measure: str, seeds: SeedTest) -> tuple[str, ...]:
    first, second = (
        f"{mean(scores):.4g} ± {stdev(scores):.2g} ({len(scores)})"
        for scores in (seeds.first, seeds.second)
    )
    return (measure, first, second, format_p(seeds.p))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Format a table without fitting it to the terminal, which would cut off cells."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _verdict(comparison: ModelComparison, level: float) -> str:
    result = comparison.findings[0]
    first, second = comparison.first, comparison.second
    verdict = {
        "better": f"{second} is better than {first}",
        "worse": f"{second} is worse than {first}",
        "not significant": f"The difference between {first} and {second} is not significant",
    }[result.verdict]
    p = f"p {format_p(result.p)} by {result.test}"
    if result.seeds is not None:
        p += f" and {format_p(result.seeds.p)} over the seeds by {seed_tests.TEST}"
    return (
        f"{verdict} in {result.measure}: {p}, level {level:g}, {comparison.items:,} test items. "
        "Intervals are 95 % bootstrap intervals."
    )


def _seed_remark(result: TestResult) -> str:
    """State which seeds were compared, or that other seeds were not tested."""
    seeds = [seed for seed in (result.first_seed, result.second_seed) if seed is not None]
    if result.seeds is not None:
        first, second = seeds
        return f"The items are those of the median seeds, {first} and {second}."
    models = "One of the models was" if seeds else "Each model was"
    return (
        f"{models} trained from a single seed; other seeds may give other results. Set "
        "`seeds: [1, 2, 3]` in params.yaml to test over seeds."
    )


def _item_lines(comparison: ModelComparison) -> Iterator[str]:
    for item in comparison.most_different_items:
        yield ""
        width = max(map(len, item))
        for key, value in item.items():
            yield f"  {key.ljust(width)}  {str(value).replace(chr(10), ' ⏎ ').strip(' ⏎')}"


def _plain(name: str) -> str:
    return name.replace("_", " ")
