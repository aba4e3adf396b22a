"""Levels 1 and 2: run stages again in a checkout of the commit that their run was made at."""

from __future__ import annotations

import json
import math
import shlex
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines import console, paths
from pipelines.errors import UserError
from pipelines.lineage import environment, provenance, snapshots
from pipelines.lineage.lockfiles import EVALUATION, TRAINING, instance, stage_kind
from pipelines.tracking import onednn
from pipelines.training import step_metrics
from pipelines.verification import comparisons, sandbox
from pipelines.verification.check_result import DIFFERENT, IDENTICAL, CheckResult
from pipelines.verification.comparisons import Comparison
from pipelines.verification.sandbox import Sandbox
from pipelines.verification.verify_targets import VerifyTarget

STEPS = 20  # of a training run that level 1 repeats


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
    results = []
    with (
        sandbox.open_sandbox(target, record["git"]["git_commit"], patch) as copy,
        console.progress(f"rerun {target.model}", len(target.stages), "stages") as bar,
    ):
        for stage in target.stages:
            result = _rerun(copy, stage)
            results.append(result)
            details = "; ".join(result.details)
            remarks.append(f"{stage}: {result.status}{f', {details}' if details else ''}")
            bar.advance(1, remarks[-1])
            if result.status == DIFFERENT and not findings:
                findings.append(f"{stage} is the first stage with different outs: {details}.")
        remarks += copy.remarks
    changed = [result for result in results if result.status != IDENTICAL]
    if not changed:
        return CheckResult(IDENTICAL, (), tuple(remarks))
    remarks += _environment_differences(target)
    # The evaluation, which is the last stage, tells more than the losses of a training.
    status, difference = changed[-1].status, changed[-1].relative
    figure = "" if findings else f"at most {difference:.2%} apart"
    return CheckResult(DIFFERENT if findings else status, tuple(findings), tuple(remarks), figure)


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
                    f"`seqproof run {stage}`."
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
    step = comparisons.first_difference(losses[:steps], recorded[:steps])
    if step is None:
        return [], [f"{stage}: the first {steps} steps have the same losses.", *remarks]
    return [
        f"{stage}: the loss of step {step + 1} is {float(losses[step])!r} and was "
        f"{float(recorded[step])!r} nats; the steps before it are the same."
    ], []


def _rerun(copy: Sandbox, stage: str) -> Comparison:
    """Run a stage in the sandbox, and compare its outs."""
    entry = copy.target.entries[stage]
    missing = copy.restore_sources(stage)
    if missing:
        return Comparison(DIFFERENT, math.inf, (missing,))
    error = copy.run(shlex.split(entry.inputs.command)[1:])
    if error is not None:
        if stage.startswith("fetch@") and all(copy.restore(*out) for out in entry.outs.items()):
            detail = "restored from DVC's cache, because its source is unreachable"
            return Comparison(IDENTICAL, 0.0, (detail,))
        return Comparison(DIFFERENT, math.inf, (f"it failed: {error}",))
    with snapshots.open_snapshot(copy.root) as snapshot:
        hashes = {path: snapshot.file_hash(path) for path in entry.outs}
    changed = [
        path
        for path, md5 in entry.outs.items()
        if (content := hashes[path]) is None or content.md5 != md5
    ]
    if not changed:
        return Comparison(IDENTICAL, 0.0, ())
    return _compare_outs(copy, stage, changed)


def _compare_outs(copy: Sandbox, stage: str, changed: list[str]) -> Comparison:
    """Measure the difference of a training run's losses or of an evaluation's metrics."""
    entry, kind, model = copy.target.entries[stage], stage_kind(stage), instance(stage)
    names = f"{', '.join(changed)} differ{'s' if len(changed) == 1 else ''}"
    out = (paths.model(model) if kind == TRAINING else paths.metrics(model)).as_posix()
    recorded = copy.root / "recorded"
    if kind is None or out not in entry.outs:
        return Comparison(DIFFERENT, math.inf, (names,))
    if not copy.restore_to(recorded, out, entry.outs[out]):
        return Comparison(DIFFERENT, math.inf, (names, f"the recorded {out} cannot be restored"))
    compare = comparisons.compare_losses if kind == TRAINING else comparisons.compare_metrics
    result = compare(copy.root / out, recorded)
    return replace(result, details=(names, *result.details))


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
        is_clean = record["git"].get("git_dirty") == "false"
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"Run {run.short_id} has no {path}. Run {target.repro_command(stage)}."
        ) from None
    # A stage that was logged twice may have a patch of the first time.
    patch = None if is_clean else target.runs.read_text(run, provenance.patch_path(kind))
    return record, patch or ""


def _environment_differences(target: VerifyTarget) -> list[str]:
    """Compare this machine with the one that trained the model; one remark each."""
    stages = [stage for stage in target.stages if stage_kind(stage) == TRAINING]
    record, _ = _record(target, TRAINING, stages[-1])
    if "environment" not in record:
        return ["The model came from DVC's cache, so the machine of its training is unknown."]
    device = onednn.describe() if "onednn" in record.get("environment", {}) else {}
    differences = environment.differences(record, environment.current(device))
    remarks = [f"Other than in training: {difference}." for difference in differences]
    return remarks or ["Machine, variables and packages are those of the training."]
