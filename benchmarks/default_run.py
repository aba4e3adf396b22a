"""Compare two runs of the default project stage by stage.

    python benchmarks/default_run.py BEFORE AFTER

BEFORE and AFTER are projects in which all stages have run; a stage of one alone has a dash. Their
seconds are those that `seqproof results` shows: wall time of each stage, start-up included. The
table is written into the README beside this file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import page

from pipelines import console

KINDS = {
    "data": ("check", "fetch", "preprocess", "build_vocab"),
    "training": ("train_baseline", "train_lstm", "train_seq2seq"),
    "evaluation": ("evaluate",),
    "laboratory": ("backpropagation", "memory", "word_order", "source_length"),
    "report": ("report",),
}
Cost = dict[str, float]


def main() -> None:
    """Read the seconds of both projects and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    projects = [_seconds(arguments.before), _seconds(arguments.after)]
    page.write("default-run", ["stage", "before, s", "after, s", "ratio"], table_rows(projects))


def _seconds(project: Path) -> Cost:
    """Return the seconds of the stages that ran in a project."""
    stages = [file.stem for file in (project / ".seqproof" / "costs").glob("*.json")]
    return {stage: cost["seconds"] for stage, cost in console.costs(stages, project).items()}


def table_rows(projects: Sequence[Cost]) -> list[list[str]]:
    """Return the rows of all stages, with sums of each kind and the share of each in the total."""
    rows = []
    totals = [sum(project.values()) for project in projects]
    for kind, prefixes in KINDS.items():
        stages = {
            stage: [project.get(stage, 0.0) for project in projects]
            for prefix in prefixes
            for stage in sorted(set().union(*projects))
            if stage.split("@")[0] == prefix
        }
        sums = [sum(part) for part in zip(*stages.values(), strict=True)] or [0.0, 0.0]
        shares = [
            f"{part:,.0f} ({part / (total or 1):.0%})"
            for part, total in zip(sums, totals, strict=True)
        ]
        rows.append([f"**{kind}**", *shares, _ratio(*sums)])
        ordered = sorted(stages.items(), key=lambda item: -item[1][0])
        rows += [
            [f"`{name}`", *(_cell(name, project) for project in projects), _ratio(*part)]
            for name, part in ordered
        ]
    return [*rows, ["**all**", *(f"{total:,.0f}" for total in totals), _ratio(*totals)]]


def _cell(stage: str, project: Cost) -> str:
    """Return the seconds of a stage; a dash if the project has no such stage."""
    return f"{project[stage]:,.1f}" if stage in project else "-"


def _ratio(before: float, after: float) -> str:
    return f"{after / before:.2f}" if before and after else "-"


if __name__ == "__main__":
    main()
