"""Levels 1 and 2: run stages again in a checkout of the commit that their run was made at."""

from __future__ import annotations

import json
import math
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines import console, paths
from pipelines.errors import UserError
from pipelines.lineage import environment, provenance, snapshots
from pipelines.lineage.lockfiles import EVALUATION, TRAINING, instance, stage_kind
from pipelines.training import step_metrics
from pipelines.verification import sandbox
from pipelines.verification.check_result import CLOSE, DIFFERENT, IDENTICAL, CheckResult
from pipelines.verification.sandbox import Sandbox
from pipelines.verification.verify_targets import VerifyTarget

Losses = npt.NDArray[np.float64]

STEPS = 20  # of a training run that level 1 repeats
TOLERANCE = 0.01  # relative difference of a number on another machine or with another kernel


def level_1(target: VerifyTarget) -> CheckResult:
    """Repeat the first steps of every training run: their losses must be the same."""
    findings: list[str] = []
    remarks: list[str] = []
    for stage in target.stages:
        if stage_kind(stage) == TRAINING:
            errors, notes = _repeat_first_steps(target, stage)
            findings += errors
            remarks += notes
    if findings:
        remarks += _environment_differences(target)
    return CheckResult(DIFFERENT if findings else IDENTICAL, tuple(findings), tuple(remarks))


def level_2(target: VerifyTarget) -> CheckResult:
    """Run all stages again without any cache, and compare their outs."""
    record, patch = _record(target, EVALUATION, target.stages[-1])
    findings: list[str] = []
    remarks: list[str] = []
    statuses = []
    with (
        sandbox.open_sandbox(target, record["git"]["git_commit"], patch) as copy,
        console.progress(f"rerun {target.model}", len(target.stages), "stages") as bar,
    ):
        for stage in target.stages:
            status, details = _rerun(copy, stage)
            statuses.append(status)
            remarks.append(f"{stage}: {status}{f', {details}' if details else ''}")
            bar.advance(1, remarks[-1])
            if status == DIFFERENT and not findings:
                findings.append(f"{stage} is the first stage with different outs: {details}.")
        remarks += copy.remarks
    if set(statuses) != {IDENTICAL}:
        remarks += _environment_differences(target)
    status = DIFFERENT if findings else CLOSE if CLOSE in statuses else IDENTICAL
    return CheckResult(status, tuple(findings), tuple(remarks))


def _repeat_first_steps(target: VerifyTarget, stage: str) -> tuple[list[str], list[str]]:
    """Train the first steps of a stage again; return findings and remarks."""
    record, patch = _record(target, TRAINING, stage)
    model = instance(stage)
    folder = paths.model(model).as_posix()
    with tempfile.TemporaryDirectory() as scratch:
        with sandbox.open_sandbox(target, record["git"]["git_commit"], patch) as copy:
            recorded_model = copy.root / "recorded"
            if not copy.restore_to(recorded_model, folder, target.entries[stage].outs[folder]):
                return [
                    f"{folder} is neither in DVC's cache nor unchanged in the workspace. Run "
                    f"`dvc repro {stage}`."
                ], []
            recorded = step_metrics.read_losses(recorded_model)
            if not len(recorded):
                return [], [f"{stage} has no steps; level 2 runs it again."]
            missing = copy.restore_inputs(stage)
            if missing:
                return [f"{stage} cannot be trained again: {missing}."], []
            file = Path(scratch) / step_metrics.LOSSES
            options = ["--steps", str(STEPS), "--losses", str(file)]
            error = copy.run(["-m", "pipelines.verification.first_steps", model, *options])
            if error is not None:
                return [f"{stage} failed when it was trained again: {error}"], copy.remarks
            remarks = copy.remarks
        losses = step_metrics.read_losses(Path(scratch))
    steps = min(len(losses), len(recorded), STEPS)
    step = first_difference(losses[:steps], recorded[:steps])
    if step is None:
        return [], [f"{stage}: the first {steps} steps have the same losses.", *remarks]
    return [
        f"{stage}: the loss of step {step + 1} is {float(losses[step])!r} and was "
        f"{float(recorded[step])!r} nats; the steps before it are the same."
    ], []


def first_difference(left: Losses, right: Losses) -> int | None:
    """Return the first index at which two sequences are not bit-identical; None if they are."""
    length = min(len(left), len(right))
    indices = np.flatnonzero(left[:length] != right[:length])
    if len(indices):
        return int(indices[0])
    return None if len(left) == len(right) else length


def _rerun(copy: Sandbox, stage: str) -> tuple[str, str]:
    """Run a stage in the sandbox; return the status of its outs and details."""
    entry = copy.target.entries[stage]
    missing = copy.restore_sources(stage)
    if missing:
        return DIFFERENT, missing
    error = copy.run(shlex.split(entry.inputs.command)[1:])
    if error is not None:
        if stage.startswith("fetch@") and all(copy.restore(*out) for out in entry.outs.items()):
            return IDENTICAL, "restored from DVC's cache, because its source is unreachable"
        return DIFFERENT, f"it failed: {error}"
    with snapshots.open_snapshot(copy.root) as snapshot:
        hashes = {path: snapshot.file_hash(path) for path in entry.outs}
    changed = [
        path
        for path, md5 in entry.outs.items()
        if (content := hashes[path]) is None or content.md5 != md5
    ]
    if not changed:
        return IDENTICAL, ""
    return _compare_outs(copy, stage, changed)


def _compare_outs(copy: Sandbox, stage: str, changed: list[str]) -> tuple[str, str]:
    """Measure the difference of a training run's losses or of an evaluation's metrics."""
    entry, kind, model = copy.target.entries[stage], stage_kind(stage), instance(stage)
    details = [f"{', '.join(changed)} differ{'s' if len(changed) == 1 else ''}"]
    difference = math.inf
    out = (paths.model(model) if kind == TRAINING else paths.metrics(model)).as_posix()
    recorded = copy.root / "recorded"
    if kind is not None and out in entry.outs and copy.restore_to(recorded, out, entry.outs[out]):
        compare = _compare_losses if kind == TRAINING else _compare_metrics
        difference, numbers = compare(copy.root / out, recorded)
        details += numbers
    return (CLOSE if difference <= TOLERANCE else DIFFERENT), "; ".join(details)


def _compare_losses(model: Path, recorded_model: Path) -> tuple[float, list[str]]:
    """Return the relative difference of the last losses, and details."""
    losses, recorded = step_metrics.read_losses(model), step_metrics.read_losses(recorded_model)
    step = first_difference(losses, recorded)
    if step is None:
        return math.inf, ["its losses are the same"]
    if not len(losses) or len(losses) != len(recorded):
        return math.inf, ["it has a different number of steps"]
    tail = max(1, len(losses) // 10)
    means = [float(part[-tail:].mean()) for part in (losses, recorded)]
    return _relative_difference(*means), [
        f"the first step that differs is {step + 1} of {len(losses)}",
        f"the last steps have {means[0]:.4f} nats and had {means[1]:.4f}",
    ]


def _compare_metrics(file: Path, recorded_file: Path) -> tuple[float, list[str]]:
    """Return the largest relative difference of a metric, and details."""
    metrics, recorded = (
        json.loads(path.read_text(encoding="utf-8")) for path in (file, recorded_file)
    )
    pairs = {
        key: (metrics.get(key), value)
        for key, value in recorded.items()
        if isinstance(value, int | float)
    }
    if any(not isinstance(value, int | float) for value, _ in pairs.values()):
        return math.inf, ["it has different metrics"]
    differences = {key: _relative_difference(*pair) for key, pair in pairs.items()}
    key = max(differences, key=lambda name: differences[name])
    if not differences[key]:
        return 0.0, ["its metrics are the same"]
    return differences[key], [f"{key} is {pairs[key][0]:.6g} and was {pairs[key][1]:.6g}"]


def _relative_difference(left: float, right: float) -> float:
    return abs(left - right) / max(abs(left), abs(right), 1e-12)


def _record(target: VerifyTarget, kind: str, stage: str) -> tuple[dict[str, Any], str]:
    """Return the provenance that a run recorded, and its patch of uncommitted changes.

    Raises:
        UserError: there is no run, or it has no record.
    """
    run = target.run_of(stage)
    if run is None:
        raise UserError(
            f"No MLflow run has the inputs of {stage}, so its commit is unknown. Run "
            f"{target.repro_command(stage)}."
        )
    path = provenance.record_path(kind)
    try:
        record: dict[str, Any] = json.loads(target.runs.read_text(run, path) or "")
        record["git"]["git_commit"]
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"Run {run.short_id} has no {path}. Run {target.repro_command(stage)}."
        ) from None
    return record, target.runs.read_text(run, provenance.patch_path(kind)) or ""


def _environment_differences(target: VerifyTarget) -> Iterator[str]:
    """Compare this machine with the one that evaluated the model."""
    record, _ = _record(target, EVALUATION, target.stages[-1])
    yield from sandbox.environment_differences(record, environment.packages())
