"""Levels 1 and 2: what was made is made again, in a clean copy of the commit it was made at."""

from __future__ import annotations

import itertools
import json
import math
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines import console
from pipelines.errors import UserError
from pipelines.lineage import provenance, snapshots
from pipelines.lineage.lockfiles import EVALUATION, SHORT, TRAINING, option, stage_kind
from pipelines.tracking import stage_runs
from pipelines.training import step_metrics
from pipelines.verification import sandbox
from pipelines.verification.results import CLOSE, DIFFERENT, IDENTICAL, CheckResult
from pipelines.verification.verify_targets import VerifyTarget

Losses = npt.NDArray[np.float64]

STEPS = 20  # that level 1 trains again
TOLERANCE = 0.01  # of each number, relative: what another machine or another kernel may cost


def level_1(subject: VerifyTarget) -> CheckResult:
    """Train the first steps of every model of the chain again: their losses are to be the same."""
    findings: list[str] = []
    remarks: list[str] = []
    for stage in subject.stages:
        if stage_kind(stage) == TRAINING:
            found, said = _first_steps(subject, stage)
            findings += found
            remarks += said
    if findings:
        remarks += _environment(subject)
    return CheckResult(DIFFERENT if findings else IDENTICAL, tuple(findings), tuple(remarks))


def level_2(subject: VerifyTarget) -> CheckResult:
    """Run the whole chain again, without any cache, and compare what each stage leaves."""
    record, patch = _record(subject, EVALUATION, subject.stages[-1])
    findings: list[str] = []
    remarks: list[str] = []
    words = []
    many = len(subject.stages)
    with (
        sandbox.opened(subject, record["git"], patch) as copy,
        console.progress(f"run {subject.model} again", many, "stages") as bar,
    ):
        for stage in subject.stages:
            word, said = _again(copy, stage)
            words.append(word)
            remarks.append(f"{stage}: {word}{f', {said}' if said else ''}")
            bar.advance(1, remarks[-1])
            if word == DIFFERENT and not findings:
                findings.append(f"{stage} is the first stage that left something else: {said}.")
        remarks += copy.said
    if set(words) != {IDENTICAL}:
        remarks += _environment(subject)
    close = DIFFERENT if findings else CLOSE if CLOSE in words else IDENTICAL
    return CheckResult(close, tuple(findings), tuple(remarks))


def _first_steps(subject: VerifyTarget, stage: str) -> tuple[list[str], list[str]]:
    record, patch = _record(subject, TRAINING, stage)
    entry = subject.entries[stage]
    folder = option(entry.inputs.command, "model") or ""
    words = shlex.split(entry.inputs.command)
    with tempfile.TemporaryDirectory() as scratch:
        with sandbox.opened(subject, record["git"], patch) as copy:
            before = copy.root / "before"
            if not copy.bring_to(before, folder, entry.outs[folder]):
                return [f"{folder} is not at hand as dvc.lock has it: `dvc repro {stage}`."], []
            wanted = step_metrics.read_losses(before)
            if not len(wanted):
                return [], [f"{stage} has no steps; level 2 makes it again."]
            lacking = copy.lacks(stage)
            if lacking:
                return [f"{stage} cannot be trained again: {lacking}."], []
            file = Path(scratch) / step_metrics.LOSSES
            asked = ["--steps", str(STEPS), "--losses", str(file)]
            kept = [f"--{name}" for name in ("train", "valid", "vocabulary", "start")]
            given = [
                word
                for name, value in itertools.pairwise(words)
                if name in kept
                for word in (name, value)
            ]
            failed = copy.run(
                ["-m", "pipelines.verification.first_steps", words[3], *asked, *given]
            )
            if failed is not None:
                return [f"{stage} does not train again: {failed}"], copy.said
            said = copy.said
        found = step_metrics.read_losses(Path(scratch))
    many = min(len(found), len(wanted), STEPS)
    step = first_difference(found[:many], wanted[:many])
    if step is None:
        return [], [f"{stage}: the first {many} steps have the same losses.", *said]
    mine, theirs = float(found[step]), float(wanted[step])
    return [
        f"{stage}: the loss of step {step + 1} is {mine!r} and was {theirs!r} nats; "
        "the first steps before it are the same."
    ], []


def first_difference(one: Losses, other: Losses) -> int | None:
    """The first place, counted from 0, where two sequences are not the same bits."""
    many = min(len(one), len(other))
    places = np.flatnonzero(one[:many] != other[:many])
    if len(places):
        return int(places[0])
    return None if len(one) == len(other) else many


def _again(copy: sandbox.Sandbox, stage: str) -> tuple[str, str]:
    """Run a stage in the copy: how what it leaves compares, and the figures."""
    entry = copy.subject.entries[stage]
    lacking = copy.lacks_code(stage)
    if lacking:
        return DIFFERENT, lacking
    failed = copy.run(shlex.split(entry.inputs.command)[1:])
    if failed is not None:
        if stage.startswith("fetch@") and all(copy.bring(*out) for out in entry.outs.items()):
            return IDENTICAL, "taken from the cache, for its source is out of reach"
        return DIFFERENT, f"it failed: {failed}"
    with snapshots.opened(copy.root) as here:
        contents = {path: here.content(path) for path in entry.outs}
    other = [
        path
        for path, md5 in entry.outs.items()
        if (content := contents[path]) is None or content.md5 != md5
    ]
    if not other:
        return IDENTICAL, ""
    return _how_far(copy, stage, other)


def _how_far(copy: sandbox.Sandbox, stage: str, other: list[str]) -> tuple[str, str]:
    """Of a training the first step that differs, of an evaluation the number that differs most."""
    entry = copy.subject.entries[stage]
    said, worst = [f"{', '.join(other)} differ{'s' if len(other) == 1 else ''}"], math.inf
    work = stage_kind(stage)
    out = option(entry.inputs.command, "model" if work == TRAINING else "metrics") or ""
    before = copy.root / "before"
    if work is not None and out in entry.outs and copy.bring_to(before, out, entry.outs[out]):
        if work == TRAINING:
            worst, figures = _trained(copy.root / out, before)
        else:
            worst, figures = _measured(copy.root / out, before)
        said += figures
    return (CLOSE if worst <= TOLERANCE else DIFFERENT), "; ".join(said)


def _trained(now: Path, before: Path) -> tuple[float, list[str]]:
    mine, theirs = step_metrics.read_losses(now), step_metrics.read_losses(before)
    step = first_difference(mine, theirs)
    if step is None or not len(mine) or len(mine) != len(theirs):
        return math.inf, ["its losses are the same"] if step is None else ["it has other steps"]
    tail = max(1, len(mine) // 10)
    ends = [float(part[-tail:].mean()) for part in (mine, theirs)]
    worst = _relative(*ends)
    return worst, [
        f"the first step that differs is {step + 1} of {len(mine)}",
        f"the last steps have {ends[0]:.4f} nats and had {ends[1]:.4f}",
    ]


def _measured(now: Path, before: Path) -> tuple[float, list[str]]:
    mine, theirs = (json.loads(path.read_text(encoding="utf-8")) for path in (now, before))
    pairs = {
        key: (mine.get(key), value)
        for key, value in theirs.items()
        if isinstance(value, int | float)
    }
    if any(not isinstance(one, int | float) for one, _ in pairs.values()):
        return math.inf, ["it has other metrics"]
    far = {key: _relative(*pair) for key, pair in pairs.items()}
    key = max(far, key=lambda name: far[name])
    if not far[key]:
        return 0.0, ["its metrics are the same"]
    return far[key], [f"{key} is {pairs[key][0]:.6g} and was {pairs[key][1]:.6g}"]


def _relative(one: float, other: float) -> float:
    return abs(one - other) / max(abs(one), abs(other), 1e-12)


def _record(subject: VerifyTarget, work: str, stage: str) -> tuple[dict[str, Any], str]:
    """What a run noted of where it was made, and by what its tree differed from the commit.

    Raises:
        Refusal: there is no run, or no note.
    """
    run = subject.run_of(stage)
    if run is None:
        raise UserError(
            f"No run in MLflow made {stage}, so its commit is not known: {subject.again(stage)}."
        )
    note = f"{stage_runs.PROVENANCE}/{work}"
    try:
        said: dict[str, Any] = json.loads(subject.ledger.read_text(run, f"{note}.json") or "")
        said["git"]["git_commit"]
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"Run {run.id[:SHORT]} has no {note}.json: {subject.again(stage)}."
        ) from None
    return said, subject.ledger.read_text(run, f"{note}.patch") or ""


def _environment(subject: VerifyTarget) -> Iterator[str]:
    """How this machine differs from the one that evaluated the model."""
    record, _ = _record(subject, EVALUATION, subject.stages[-1])
    yield from sandbox.environment(record, provenance.packages())
