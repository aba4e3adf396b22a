"""`seqproof compare`: what differs between models, and whether the difference is real."""

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
from pipelines.lineage import lockfiles, model_versions, snapshots, targets
from pipelines.lineage.model_versions import ModelVersion

PARTS: Mapping[str, Callable[[ModelVersion], Mapping[str, str]]] = {
    "parameters": lambda side: side.params,
    "data": lambda side: side.data,
    "code": lambda side: side.code,
    "environment": lambda side: side.environment,
}
HASHED = ("data", "code")  # whose values are MD5, of which the beginning says enough


@dataclass(frozen=True)
class Compared:
    """A model beside the first one.

    Attributes:
        first: what the first one is.
        second: what this one is.
        differences: of parameters, data, code and environment, by key: both values.
        unknown: those of the parts that one of the two says nothing of.
        items: how many test items both were tested on.
        findings: each measure, tested.
        apart: the items where they differ most, if asked for.
    """

    first: str
    second: str
    differences: Mapping[str, Mapping[str, tuple[str, str]]]
    unknown: tuple[str, ...]
    items: int
    findings: tuple[TestResult, ...]
    apart: tuple[Mapping[str, Any], ...]


def compare(asked: Sequence[str], sentences: int, level: float, as_json: bool) -> None:
    """Print what differs between the first and each of the others, and whether it is real.

    Args:
        asked: models, runs, commits or experiments.
        sentences: so many test items are shown where they differ most.
        level: below it a p is significant.
        as_json: for programs.

    Raises:
        Refusal: fewer than two are asked for, or they cannot be compared.
    """
    if len(asked) < 2:
        raise UserError("One alone cannot be compared: name two or more models, runs or commits.")
    root = console.root()
    params.load(root / "params.yaml")
    kept, _ = targets.runs_of(root)  # without them the environment is not known, and that is said
    with snapshots.opened(root) as here:
        groups = model_versions.resolve_versions(asked, root, here, kept)
        found = [one for group in groups for one in _group(group, sentences, level)]
    if as_json:
        said = [asdict(one) | {"level": level} for one in found]
        console.echo(files.dump_json(said).rstrip())
        return
    for one in found:
        for line in _lines(one, level):
            console.echo(line)


def _group(group: Sequence[ModelVersion], sentences: int, level: float) -> list[Compared]:
    first, *others = group
    for other in others:
        if other.corpus.task != first.corpus.task:
            raise UserError(
                f"{first.words} does {_plain(first.corpus.task)} and {other.words} "
                f"{_plain(other.corpus.task)}: only models of one task can be compared."
            )
    with console.progress("comparing", len(others), "models") as bar:
        frames = [side.items() for side in group]
        several = []
        for frame in frames[1:]:
            several.append(significance.compare(frames[0], frame, first.corpus, level))
            bar.advance(1)
    corrected = significance.holm_corrected(several, level)
    told = [seed_tests.median_seed(frame, first.corpus)[1] for frame in frames]
    return [
        Compared(
            first=first.words,
            second=side.words,
            differences={name: _differences(first, side, name) for name in PARTS},
            unknown=tuple(name for name, of in PARTS.items() if not (of(first) and of(side))),
            items=len(frame),
            findings=tuple(findings),
            apart=tuple(
                item_differences.most_different_items(told[0], frame, first.corpus, sentences)
            ),
        )
        for side, frame, findings in zip(others, told[1:], corrected, strict=True)
    ]


def _differences(
    first: ModelVersion, second: ModelVersion, part: str
) -> dict[str, tuple[str, str]]:
    one, other = (PARTS[part](side) for side in (first, second))
    if not (one and other):
        return {}
    return {
        key: (one.get(key, "-"), other.get(key, "-"))
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    }


# For people -------------------------------------------------------------------------------------


def _lines(one: Compared, level: float) -> Iterator[str]:
    yield f"{one.second} beside {one.first}, {one.items:,} test items"
    for part, found in one.differences.items():
        if part in one.unknown:
            yield f"  {part}: not known of both, so not compared"
        elif not found:
            yield f"  {part}: the same"
        else:
            yield f"  {part}:"
            yield from _pairs(found, part in HASHED)
    yield ""
    yield from _table(HEADS, [_row(finding) for finding in one.findings])
    over_seeds = [_row_of_seeds(one.measure, one.seeds) for one in one.findings if one.seeds]
    if over_seeds:
        yield ""
        yield from _table(HEADS_OF_SEEDS, over_seeds)
    yield ""
    yield _verdict(one, level)
    yield _chance_of_training(one.findings[0])
    yield from _apart(one)
    yield ""


def _pairs(found: Mapping[str, tuple[str, str]], hashed: bool) -> Iterator[str]:
    for key, values in found.items():
        first, second = (value[: lockfiles.SHORT] if hashed else value for value in values)
        yield f"    {key}: {first} -> {second}"


def _row(finding: TestResult) -> tuple[str, ...]:
    difference = f"{finding.second - finding.first:+.4g}"
    return (
        finding.measure,
        f"{finding.first:.4g}{_range(finding.first_interval)}",
        f"{finding.second:.4g}{_range(finding.second_interval)}",
        f"{difference}{_range(finding.difference, '+')}",
        format_p(finding.p),
        format_p(finding.p_bootstrap),
        finding.verdict,
    )


def _range(interval: Interval | None, sign: str = "") -> str:
    return f" [{interval.low:{sign}.4g}, {interval.high:{sign}.4g}]" if interval else ""


HEADS = ("measure", "first", "second", "difference", "p", "p, bootstrap", "the second is")


HEADS_OF_SEEDS = ("measure", "first, over its seeds", "second, over its seeds", "p, over seeds")


def _row_of_seeds(measure: str, seeds: SeedTest) -> tuple[str, ...]:
    first, second = (
        f"{mean(side):.4g} ± {stdev(side):.2g} ({len(side)})"
        for side in (seeds.first, seeds.second)
    )
    return (measure, first, second, format_p(seeds.p))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as they need to be: what no terminal cuts off."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        yield (
            "  "
            + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _verdict(one: Compared, level: float) -> str:
    finding = one.findings[0]
    said = {
        "better": f"{one.second} is better than {one.first}",
        "worse": f"{one.second} is worse than {one.first}",
        "not significant": f"The difference of {one.first} and {one.second} is not significant",
    }[finding.verdict]
    p = f"p {format_p(finding.p)} by {finding.test}"
    if finding.seeds is not None:
        p += f" and {format_p(finding.seeds.p)} over the seeds by {seed_tests.TEST}"
    return (
        f"{said} in {finding.measure}: {p}, level {level:g}, {one.items:,} test items. Intervals "
        "are of 95 %, by bootstrap."
    )


def _chance_of_training(finding: TestResult) -> str:
    """What the tests over the items can not say."""
    seeds = [one for one in (finding.first_seed, finding.second_seed) if one is not None]
    if finding.seeds is not None:
        first, second = seeds
        return (
            f"The items are those of seed {first} and seed {second}, whose scores are the median."
        )
    which = "One of them was" if seeds else "Each was"
    return (
        f"{which} trained from one seed, so this does not say what another seed would give: "
        "`seeds: [1, 2, 3]` in params.yaml does."
    )


def _apart(one: Compared) -> Iterator[str]:
    for row in one.apart:
        yield ""
        wide = max(map(len, row))
        for key, value in row.items():
            yield f"  {key.ljust(wide)}  {str(value).replace(chr(10), ' ⏎ ').strip(' ⏎')}"


def _plain(word: str) -> str:
    return word.replace("_", " ")
